"""Samples text from a language model of bytes that `sweep export-model` wrote, with stock ONNX Runtime.

    sweep run sweeps/gpt.yaml
    sweep trials --sort value --limit 1
    sweep export-model TRIAL -o gpt.onnx
    pip install numpy onnxruntime
    python sweeps/models/sample.py gpt.onnx "HAMLET."

With a text file after `--score`, prints instead the model's perplexity on it, in windows as `sweep` makes them.
"""

import argparse

import numpy as np
import onnxruntime as ort


def probabilities(scores):
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    return scores / scores.sum(-1, keepdims=True)


def sample(session, name, length, prompt, count, temperature, seed):
    rng = np.random.default_rng(seed)
    text = list(prompt.encode())
    for _ in range(count):
        # The model is causal: what is padded behind the last character does not change what it says there.
        window = text[-length:]
        padded = np.zeros((1, length), np.int64)
        padded[0, : len(window)] = window
        scores = session.run(None, {name: padded})[0][0, len(window) - 1]
        text.append(int(rng.choice(scores.size, p=probabilities(scores.astype(np.float64) / temperature))))
    return bytes(text).decode(errors="replace")


def score(session, name, length, path):
    text = np.fromfile(path, np.uint8).astype(np.int64)
    count = (text.size - 1) // length
    inputs, labels = text[: count * length].reshape(-1, length), text[1 : count * length + 1].reshape(-1, length)
    total = 0.0
    for start in range(0, count, 100):
        rows = slice(start, start + 100)
        chosen = probabilities(session.run(None, {name: inputs[rows]})[0].astype(np.float64))
        total -= np.log(np.take_along_axis(chosen, labels[rows, :, None], 2)).sum()
    return float(np.exp(total / labels.size))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("model")
    arguments.add_argument("prompt", nargs="?", default="\n")
    arguments.add_argument("--length", type=int, default=64, help="tokens of a window")
    arguments.add_argument("--count", type=int, default=400, help="characters to sample")
    arguments.add_argument("--temperature", type=float, default=0.8)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--score", metavar="FILE")
    args = arguments.parse_args()
    session = ort.InferenceSession(args.model, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    if args.score:
        print(f"perplexity {score(session, name, args.length, args.score):.6f}")
    else:
        print(sample(session, name, args.length, args.prompt, args.count, args.temperature, args.seed))


if __name__ == "__main__":
    main()
