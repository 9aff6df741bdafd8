"""Exports the models that the example specs train: mlp.onnx, lenet.onnx, resnet8.onnx and resnet8-stride2.onnx.

Needs torch 2.15.0 and onnx 1.23.2, and runs as

    python sweeps/models/export.py

All take a batch of any size of images with values normalised per channel, and give ten logits a sample.
The weights in the files are PyTorch's default initialisation under a fixed seed; a spec with
`init: kaiming_normal` draws its own.
"""

import warnings
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import nn
from torch.nn import functional as F
from torch.onnx import TrainingMode

HERE = Path(__file__).resolve().parent
SEED = 0


class Mlp(nn.Module):
    """64 → 64 → 32 → 10 with ReLU, for digits of 8×8. 6,570 parameters."""

    shape = (1, 8, 8)

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 64)
        self.fc2 = nn.Linear(64, 32)
        self.fc3 = nn.Linear(32, 10)

    def forward(self, images):
        x = F.relu(self.fc1(images.flatten(1)))
        return self.fc3(F.relu(self.fc2(x)))


class LeNet(nn.Module):
    """Two convolutions, each with max-pooling, and two linear layers with dropout between. 20,522 parameters."""

    shape = (1, 28, 28)

    def __init__(self, dropout=0.25):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 5)
        self.conv2 = nn.Conv2d(8, 16, 5)
        self.fc1 = nn.Linear(256, 64)
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()
        self.fc2 = nn.Linear(64, 10)

    def forward(self, images):
        x = F.max_pool2d(F.relu(self.conv1(images)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(self.dropout(F.relu(self.fc1(x.flatten(1)))))


class Block(nn.Module):
    """Two 3×3 convolutions round a shortcut, which is a 1×1 convolution where the shape changes."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            convolution = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut = nn.Sequential(convolution, nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class ResNet8(nn.Module):
    """A stem, three stages of one block with 16, 32 and 64 channels, mean over the image, a linear layer.

    With a `stride` of 2 in the stem everything after it works on 14×14 instead of 28×28: the same 77,754 parameters for
    about a quarter of the work."""

    shape = (1, 28, 28)

    def __init__(self, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(1, 16, 3, stride, 1, bias=False)
        self.bn = nn.BatchNorm2d(16)
        self.stage1 = Block(16, 16, 1)
        self.stage2 = Block(16, 32, 2)
        self.stage3 = Block(32, 64, 2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(64, 10)

    def forward(self, images):
        x = F.relu(self.bn(self.conv(images)))
        x = self.stage3(self.stage2(self.stage1(x)))
        return self.fc(self.pool(x).flatten(1))


def export(model, path):
    """Writes `model` with `TrainingMode.TRAINING`, so that batch norm and dropout stay nodes of their own.

    The exporter that traces gives the parameters the names of the `state_dict`. Its trace moves the running
    statistics of batch norm, so the state from before it is written over what it saved.
    """
    state = {name: value.clone() for name, value in model.train().state_dict().items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (torch.zeros(2, *model.shape),),
            path,
            dynamo=False,
            training=TrainingMode.TRAINING,
            do_constant_folding=False,
            opset_version=17,
            input_names=["images"],
            output_names=["logits"],
            dynamic_axes={"images": {0: "batch"}, "logits": {0: "batch"}},
        )
    model.load_state_dict(state)
    file = onnx.load(path)
    for tensor in file.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(state[tensor.name].numpy(), tensor.name))
    onnx.save(file, path)


if __name__ == "__main__":
    models = (("mlp", Mlp), ("lenet", LeNet), ("resnet8", ResNet8), ("resnet8-stride2", lambda: ResNet8(stride=2)))
    for name, make in models:
        torch.manual_seed(SEED)
        model = make()
        export(model, HERE / f"{name}.onnx")
        print(f"{name}: {sum(p.numel() for p in model.parameters()):,} parameters")
