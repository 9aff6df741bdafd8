"""Remakes the data sets that the example specs train on, byte for byte.

Needs scikit-learn 1.9.1 and the Debian package `dataset-fashion-mnist`, and runs as

    python sweeps/data/make.py [FOLDER OF FASHION-MNIST]

Both sets are split in the order of their source, with no shuffling: the first samples train, the last ones
test. The compressed bytes also hang on zlib (made with 1.2.13); another version may pack the same content
differently.
"""

import gzip
import struct
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

HERE = Path(__file__).resolve().parent
FASHION = Path("/usr/share/datasets/fashion-mnist")


def read_idx(path):
    """The array in a gzipped IDX file of unsigned bytes."""
    raw = gzip.decompress(Path(path).read_bytes())
    zeros, kind, rank = struct.unpack_from(">HBB", raw)
    if (zeros, kind) != (0, 8):
        raise ValueError(f"{path}: not an IDX file of unsigned bytes")
    shape = struct.unpack_from(f">{rank}I", raw, 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)


def idx_bytes(array):
    """IDX: two zero bytes, 8 for unsigned bytes, the rank, each dimension as big-endian u32, the content."""
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def write_gzip(path, content):
    """Without name and time in the header, so that equal content gives equal files."""
    with open(path, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(content)


def write_split(folder, images, labels, train):
    """Writes the first `train` samples as the training set and the rest as the test set."""
    folder.mkdir(exist_ok=True)
    for name, part in (("train", slice(None, train)), ("t10k", slice(train, None))):
        write_gzip(folder / f"{name}-images-idx3-ubyte.gz", idx_bytes(images[part]))
        write_gzip(folder / f"{name}-labels-idx1-ubyte.gz", idx_bytes(labels[part]))
        print(f"{folder.name} {name}: {len(labels[part])} samples, per class {np.bincount(labels[part])}")


def main(fashion):
    images = read_idx(fashion / "t10k-images-idx3-ubyte.gz")
    labels = read_idx(fashion / "t10k-labels-idx1-ubyte.gz")
    write_split(HERE / "fashion", images, labels, train=8000)

    digits = load_digits()
    write_split(HERE / "digits", digits.images.astype(np.uint8), digits.target, train=1437)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FASHION)
