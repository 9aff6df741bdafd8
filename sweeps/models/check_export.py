"""Counts how often a model that `sweep export-model` wrote is right, with nothing but NumPy and ONNX Runtime.

Needs numpy and onnxruntime, and runs as

    sweep show TRIAL --format json | python sweeps/models/check_export.py MODEL.onnx

for a trial of images in IDX files. Ends with an error unless the share of right answers is the trial's `test/accuracy`;
relative paths are taken from the folder it runs in, as `sweep run` took them.
"""

import gzip
import json
import sys

import numpy as np
import onnxruntime


def read_idx(path):
    """The array in an IDX file of unsigned bytes, gzipped or not."""
    content = open(path, "rb").read()
    content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    axes = content[3]
    shape = np.frombuffer(content, ">u4", axes, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


def main():
    trial = json.load(sys.stdin)
    data = trial["job"]["data"]
    images, labels = read_idx(data["test"]["images"]), read_idx(data["test"]["labels"])
    mean, std = (np.float32(data["normalize"][key]).reshape(-1, 1, 1) for key in ("mean", "std"))
    inputs = (images.astype(np.float32).reshape(len(images), len(mean), *images.shape[-2:]) / 255 - mean) / std
    session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    batches = np.array_split(inputs, max(1, len(inputs) // 256))
    answers = np.concatenate([session.run(None, {name: batch})[0].argmax(1) for batch in batches])
    right = int((answers == labels).sum())
    reported = next(metric["value"] for metric in trial["metrics"] if metric["name"] == "test/accuracy")
    print(f"{right} of {len(labels)} right, {right / len(labels)}; reported {reported}")
    if right != round(reported * len(labels)) or abs(right / len(labels) - reported) > 1e-9:
        sys.exit("the exported model is another than the one that was trained")


main()
