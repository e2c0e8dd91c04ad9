"""Measuring time and memory for the tests of assignment 2."""

import math
import statistics
import time
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

from lib.training.recomputation import recompute
from systems.model import loss_of


def mean_and_sd(seconds):
    deviation = statistics.stdev(seconds) if len(seconds) > 1 else math.nan
    return statistics.fmean(seconds), deviation


def time_runs(run, warmups, repeats, synchronize, clock):
    for _ in range(warmups):
        run()
    synchronize()
    seconds = []
    for _ in range(repeats):
        began = clock()
        run()
        synchronize()
        seconds.append(clock() - began)
    return seconds


def run_once(model, optimizer, ids, targets, what):
    if what == "forward":
        with torch.no_grad():
            loss_of(model, ids, targets)
        return
    if what not in ("forward_backward", "step"):
        raise ValueError(f"{what!r} is none of forward, forward_backward and step.")
    optimizer.zero_grad(set_to_none=True)
    loss_of(model, ids, targets).backward()
    if what == "step":
        optimizer.step()


def benchmark(
    model, optimizer, ids, targets, what, warmups=5, repeats=10, synchronize=int, clock=None
):
    run = partial(run_once, model, optimizer, ids, targets, what)
    return mean_and_sd(time_runs(run, warmups, repeats, synchronize, clock or time.perf_counter))


class Row(NamedTuple):
    name: str
    calls: int
    seconds: float


def operations(run):
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        run()
    rows = [Row(e.key, e.count, e.self_cpu_time_total / 1e6) for e in profiler.key_averages()]
    return sorted(rows, key=lambda row: -row.seconds)


def types_inside(model, x, targets, dtype):
    found, hooks = {}, []
    for name, module in model.named_modules():
        if name:
            note = partial(_note, found, f"output:{name}")
            hooks.append(module.register_forward_hook(note))
    model.zero_grad(set_to_none=True)
    with torch.autocast(x.device.type, dtype=dtype):
        logits = model(x)
        loss = F.cross_entropy(logits, targets)
    loss.backward()
    for hook in hooks:
        hook.remove()
    found |= {"logits": logits.dtype, "loss": loss.dtype}
    for name, p in model.named_parameters():
        found[f"parameter:{name}"], found[f"gradient:{name}"] = p.dtype, p.grad.dtype
    return found


def _note(found, key, module, arguments, output):
    found[key] = output.dtype


class Saved(NamedTuple):
    n_bytes: int
    shape: tuple
    dtype: torch.dtype


def saved_tensors(run, parameters):
    parameters = list(parameters)
    left_out = {id(p.untyped_storage()) for p in parameters}
    found, held = {}, []

    def note(x):
        storage = x.untyped_storage()
        if id(storage) not in found and id(storage) not in left_out:
            held.append(storage)
            found[id(storage)] = Saved(storage.nbytes(), tuple(x.shape), x.dtype)
        return x

    with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        run()
    return sorted(found.values(), key=lambda saved: -saved.n_bytes)


def _in_order(blocks, x):
    for block in blocks:
        x = block(x)
    return x


def in_segments(blocks, x, size):
    for start in range(0, len(blocks), size):
        segment = partial(_in_order, blocks[start : start + size])
        x = checkpoint(segment, x, use_reentrant=False)
    return x


def recursive(blocks, x):
    """With the reentrant twin of lib, which computes one level at a time."""
    if len(blocks) == 1:
        return recompute(blocks[0], x)
    half = len(blocks) // 2
    for part in (blocks[:half], blocks[half:]):
        x = recompute(partial(recursive, part), x)
    return x
