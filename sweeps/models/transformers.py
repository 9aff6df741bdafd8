"""Exports the two small transformers that the example specs train: vit.onnx and gpt.onnx.

Needs torch 2.15.0 and onnx 1.23.2, and runs as

    python sweeps/models/transformers.py

The weights in the files are PyTorch's own initialisation under a fixed seed; specs draw theirs, but for positions and the
class token, which stay as they are here.
"""

import warnings
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from torch.onnx import TrainingMode

HERE = Path(__file__).resolve().parent
SEED = 0
WIDTH, HEADS = 64, 4


class Block(nn.Module):
    """Attention, then two linear layers, each normalised first and added to its input."""

    def __init__(self, causal):
        super().__init__()
        self.causal = causal
        self.norm1 = nn.LayerNorm(WIDTH)
        self.query, self.key, self.value, self.output = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.norm2 = nn.LayerNorm(WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x):
        def heads(y):
            return y.reshape(-1, x.shape[1], HEADS, WIDTH // HEADS).transpose(1, 2)

        y = self.norm1(x)
        q, k, v = heads(self.query(y)), heads(self.key(y)), heads(self.value(y))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        x = x + self.output(y.transpose(1, 2).reshape(-1, x.shape[1], WIDTH))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Vit(nn.Module):
    """Sixteen patches of 7×7 and a class token, three blocks of width 64."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(1, WIDTH, 7, 7)
        self.class_token = nn.Parameter(torch.randn(1, 1, WIDTH) * 0.02)
        self.positions = nn.Parameter(torch.randn(1, 17, WIDTH) * 0.02)
        self.blocks = nn.Sequential(*(Block(causal=False) for _ in range(3)))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, 10)

    def forward(self, images):
        x = self.patches(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(x.shape[0], -1, -1), x], 1) + self.positions
        return self.head(self.norm(self.blocks(x))[:, 0])


class Gpt(nn.Module):
    """Characters in ASCII, 64 of them at a time, two causal blocks of width 64; the table of characters is also the head."""

    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(128, WIDTH)
        nn.init.normal_(self.tokens.weight, std=0.02)
        self.positions = nn.Parameter(torch.randn(1, 64, WIDTH) * 0.02)
        self.blocks = nn.Sequential(*(Block(causal=True) for _ in range(2)))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, characters):
        x = self.norm(self.blocks(self.tokens(characters) + self.positions))
        return x @ self.tokens.weight.T


def export(model, sample, name, given):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model.train(), (sample,), HERE / name, dynamo=False, training=TrainingMode.TRAINING,
            do_constant_folding=False, opset_version=17, input_names=[given], output_names=["logits"],
            dynamic_axes={given: {0: "batch"}, "logits": {0: "batch"}},
        )
    print(name, sum(p.numel() for p in model.parameters()), "parameters", (HERE / name).stat().st_size, "bytes")


if __name__ == "__main__":
    torch.manual_seed(SEED)
    export(Vit(), torch.zeros(2, 1, 28, 28), "vit.onnx", "images")
    export(Gpt(), torch.zeros(2, 64, dtype=torch.int64), "gpt.onnx", "characters")
