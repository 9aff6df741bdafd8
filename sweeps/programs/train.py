"""Trains a small network on 8×8 digits with PyTorch. By itself: `python3 sweeps/programs/train.py`; under every schedule
and budget of a sweep: `sweep run sweeps/program.yaml`."""

import gzip
import sys
from pathlib import Path

import torch
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "workers/python"))  # or copy `sweep_trial.py` beside your program
import sweep_trial

trial = sweep_trial.load(steps=300, rate=0.1)
torch.set_num_threads(1)
torch.manual_seed(trial.seed)


def read(name, header):
    raw = gzip.decompress((ROOT / "sweeps/data/digits" / name).read_bytes())
    return torch.frombuffer(bytearray(raw[header:]), dtype=torch.uint8)


def split(name):
    images = read(f"{name}-images-idx3-ubyte.gz", 16).reshape(-1, 64).float() / 16
    return images, read(f"{name}-labels-idx1-ubyte.gz", 8).long()


(images, labels), (test_images, test_labels) = split("train"), split("t10k")
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
order = torch.Generator().manual_seed(trial.seed)

first = trial.resume
if first:
    state = torch.load(trial.checkpoint_path(first))
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    order.set_state(state["order"])
    trial.start(first)

for step in range(first, trial.steps):
    for group in optimizer.param_groups:
        group["lr"] = trial.rate(step)  # the schedule is the sweep's
    batch = torch.randint(len(images), (64,), generator=order)
    loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if not loss.isfinite():
        trial.diverged(step)
    done = step + 1
    if done % 10 == 0:
        trial.report(done, {"train/loss": loss.item()})
    if done % 100 == 0:
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "order": order.get_state()}
        torch.save(state, trial.checkpoint_path(done))
        trial.checkpointed(done)

with torch.no_grad():
    correct = model(test_images).argmax(1) == test_labels
trial.report(trial.steps, {"test/accuracy": correct.float().mean()})
