"""The models of `cargo bench --bench train_step`, as PyTorch trains them and as ONNX.

    python benches/peers/models.py

writes resnet20.onnx and mlp.onnx beside `benches/train_step.rs`; the others are those of `sweeps/models`. Needs torch 2.15.0 and
onnx 1.23.2. Weights are PyTorch's own initialisation under a fixed seed.
"""

import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "sweeps" / "models"))

import export as small  # noqa: E402
import transformers as attention  # noqa: E402


class ResNet20(nn.Module):
    """Three stages of three blocks with 16, 32 and 64 channels (He et al. 2015), shortcuts by 1×1 convolutions; 32×32 in colour."""

    shape = (3, 32, 32)

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn = nn.BatchNorm2d(16)
        plan = [(16, 16, 1), (16, 16, 1), (16, 16, 1), (16, 32, 2), (32, 32, 1), (32, 32, 1), (32, 64, 2), (64, 64, 1), (64, 64, 1)]
        self.blocks = nn.Sequential(*(small.Block(*block) for block in plan))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(64, 10)

    def forward(self, images):
        x = self.blocks(F.relu(self.bn(self.conv(images))))
        return self.fc(self.pool(x).flatten(1))


class Mlp(nn.Module):
    """784 → 256 → 128 → 10 with ReLU."""

    shape = (1, 28, 28)

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))

    def forward(self, images):
        return self.layers(images)


def sgd(model):
    return torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)


def adamw(model):
    return torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=0.05)


# Name: model, batch size, optimiser, extents of a sample or tokens in it.
MODELS = {
    "mlp": (Mlp, 128, sgd, (1, 28, 28)),
    "resnet8": (small.ResNet8, 128, sgd, (1, 28, 28)),
    "resnet20": (ResNet20, 128, sgd, (3, 32, 32)),
    "vit": (attention.Vit, 64, adamw, (1, 28, 28)),
    "gpt": (attention.Gpt, 32, adamw, 64),
}


def batch(name):
    """Inputs and targets of one batch: noise, since only time is measured."""
    _, size, _, shape = MODELS[name]
    generator = torch.Generator().manual_seed(0)
    if isinstance(shape, int):
        return [torch.randint(0, 128, (size, shape), generator=generator) for _ in range(2)]
    return torch.randn(size, *shape, generator=generator), torch.randint(0, 10, (size,), generator=generator)


def loss(logits, target):
    return F.cross_entropy(logits.flatten(0, -2), target.flatten())


if __name__ == "__main__":
    for name, model in (("resnet20", ResNet20), ("mlp", Mlp)):
        torch.manual_seed(0)
        small.export(model(), ROOT / "benches" / "models" / f"{name}.onnx")
