"""Milliseconds per training step of PyTorch eager on a processor: the peer of `cargo bench --bench train_step`.

    python benches/peers/train_step.py MODEL [THREADS] [nchw|channels_last] [SECONDS]

trains MODEL of `models.py` on one batch over and over and prints a JSON object: the median and the quickest time of a
step, and the peak memory of the process in MiB. A step is the forward pass, the loss, the backward pass and the update.
"""

import json
import resource
import sys
import time

import torch

import models


def main(name, threads=2, layout="nchw", seconds=4.0):
    torch.set_num_threads(int(threads))
    torch.manual_seed(0)
    make, _, optimizer, _ = models.MODELS[name]
    model, (inputs, target) = make().train(), models.batch(name)
    if layout == "channels_last" and inputs.dim() == 4:
        model, inputs = model.to(memory_format=torch.channels_last), inputs.to(memory_format=torch.channels_last)
    update = optimizer(model)
    times, end = [], time.perf_counter() + float(seconds)
    while len(times) < 10 or time.perf_counter() < end:
        start = time.perf_counter()
        update.zero_grad(set_to_none=True)
        models.loss(model(inputs), target).backward()
        update.step()
        times.append(time.perf_counter() - start)
    times = sorted(times[3:])
    print(json.dumps({
        "model": name,
        "threads": int(threads),
        "layout": layout,
        "median_ms": times[len(times) // 2] * 1e3,
        "quickest_ms": times[0] * 1e3,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "version": torch.__version__,
    }))


if __name__ == "__main__":
    main(*sys.argv[1:])
