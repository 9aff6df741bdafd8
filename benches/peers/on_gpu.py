"""Measures training steps of PyTorch on a GPU, eager and with torch.compile, for comparison with sweep's own.

`python benches/peers/on_gpu.py` needs torch and onnx (which the models' files import). It prints a JSON object per model, mode and precision: milliseconds per step (forward, backward, update, of a batch that is on
the GPU already), as the median and the quartiles of repeats. Without a GPU it prints `skipped: no CUDA device`.
"""

import importlib.util
import json
import statistics
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

BATCH = 128
WARMUP, STEPS, REPEATS = 20, 100, 7


def load(name):
    """A file of models, under a name that is no package's: there is a well-known `transformers`."""
    path = Path(__file__).resolve().parents[2] / "sweeps" / "models" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"sweep_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


export, transformers = load("export"), load("transformers")


class ResNet18(nn.Module):
    """The ResNet-18 that is common for 32×32 images: a 3×3 stem without pooling, four stages of two blocks."""

    shape = (3, 32, 32)

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU())
        widths = (64, 64, 128, 256, 512)
        self.stages = nn.Sequential(*(
            nn.Sequential(export.Block(inputs, outputs, 1 if stage == 0 else 2), export.Block(outputs, outputs, 1))
            for stage, (inputs, outputs) in enumerate(zip(widths, widths[1:]))
        ))
        self.fc = nn.Linear(512, 10)

    def forward(self, images):
        return self.fc(self.stages(self.stem(images)).mean((2, 3)))


def images(model, device):
    return torch.randn(BATCH, *model.shape, device=device), torch.randint(10, (BATCH,), device=device)


def characters(_, device):
    return tuple(torch.randint(128, (BATCH, 64), device=device) for _ in range(2))


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)


MODELS = {
    "resnet8-28x28": (export.ResNet8, images, sgd),
    "resnet18-32x32": (ResNet18, images, sgd),
    "gpt-64": (transformers.Gpt, characters, torch.optim.AdamW),
}


def stepper(make, batch, optimizer, mode, device):
    """A function that takes one step."""
    torch.manual_seed(0)
    model = make().to(device).train()
    inputs, target = batch(model, device)
    optimizer = optimizer(model.parameters())
    forward = torch.compile(model) if mode == "compile" else model

    def step():
        optimizer.zero_grad(set_to_none=True)
        logits = forward(inputs)
        F.cross_entropy(logits.flatten(0, -2), target.flatten()).backward()
        optimizer.step()

    return step


def measure(step, synchronize):
    """Milliseconds per step: median and quartiles."""
    for _ in range(WARMUP):
        step()
    times = []
    for _ in range(REPEATS):
        synchronize()
        started = time.perf_counter()
        for _ in range(STEPS):
            step()
        synchronize()
        times.append((time.perf_counter() - started) * 1e3 / STEPS)
    low, median, high = statistics.quantiles(times, n=4)
    return {"ms": round(median, 4), "low": round(low, 4), "high": round(high, 4)}


def main():
    if not torch.cuda.is_available():
        print("skipped: no CUDA device")
        return
    about = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__, "batch": BATCH}
    for precision in ("float32", "tf32"):
        torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
        torch.backends.cudnn.allow_tf32 = precision == "tf32"
        for name, (make, batch, optimizer) in MODELS.items():
            for mode in ("eager", "compile"):
                took = measure(stepper(make, batch, optimizer, mode, "cuda"), torch.cuda.synchronize)
                print(json.dumps({"model": name, "mode": mode, "precision": precision, **took, **about}), flush=True)


if __name__ == "__main__":
    main()
