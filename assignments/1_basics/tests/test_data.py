"""Batches: what is in them, how likely each piece is, and how much of the file is read."""

import random
import tracemalloc
from collections import Counter
from itertools import pairwise
from math import sqrt
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from adapters import training
from lib.grading.feedback import NotWritten, holds, same
from lib.grading.problems import problem

MEGABYTE = 1 << 20


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def shuffled_ids(n: int, dtype: str = "<u2") -> np.ndarray:
    """Every number from 0 to n - 1 once, so that a token tells where it stands."""
    return np.random.default_rng(n).permutation(n).astype(dtype)


def batch(tokens: np.ndarray, B: int, T: int, given: str, **options) -> tuple[Tensor, Tensor]:
    """The learner's batch; what goes wrong while pieces are cut is said as a difference."""
    try:
        return training.get_batch(tokens, B, T, **options)
    except NotWritten:
        raise
    except (ValueError, IndexError, RuntimeError) as error:
        return holds(False, f"A batch can be made; {type(error).__name__}: {error}.", given=given)


def starts_of(tokens: np.ndarray, inputs: Tensor) -> list[int]:
    """Where each row begins, in tokens that are all different."""
    place = {int(token): i for i, token in enumerate(tokens)}
    return [place[int(row[0])] for row in inputs]


@problem("data_loading")
def test_the_only_piece_of_a_short_text():
    for ids, T in (([5, 6], 1), ([5, 6, 7], 2), ([9, 9, 4, 8], 3)):
        for B in (1, 2, 50):
            given = f"tokens {ids}, batch_size {B}, context {T}"
            inputs, targets = batch(np.array(ids), B, T, given)
            same(inputs, torch.tensor([ids[:-1]] * B), given=f"{given}: inputs")
            same(targets, torch.tensor([ids[1:]] * B), given=f"{given}: targets")


@problem("data_loading")
def test_rows_are_pieces_and_targets_one_further():
    for n, B, T in ((5, 1, 1), (11, 3, 4), (101, 7, 13)):
        for dtype in ("<u2", "int32", "int64"):
            tokens = shuffled_ids(n, dtype)
            given = f"{n} different tokens ({tokens.dtype}), batch_size {B}, context {T}"
            inputs, targets = batch(tokens, B, T, given, generator=seeded(0))
            same(list(inputs.shape), [B, T], given=f"{given}: shape of the inputs")
            first = starts_of(tokens, inputs)
            whole = torch.tensor([tokens[i : i + T + 1].tolist() for i in first])
            same(inputs, whole[:, :-1], given=f"{given}: inputs from the starts {first}")
            same(targets, whole[:, 1:], given=f"{given}: targets from the starts {first}")


@problem("data_loading")
def test_every_start_is_as_likely_as_the_others():
    for n, T in ((4, 2), (7, 3), (20, 5)):
        tokens, B = shuffled_ids(n), 600 * (n - T)
        given = f"{n} tokens, context {T}, {B} rows: how often each start was drawn"
        inputs, _ = batch(tokens, B, T, given, generator=seeded(n))
        counts = Counter(starts_of(tokens, inputs))
        rule = f"The starts are 0 to n - T - 1 = {n - T - 1}, the first and the last included."
        holds(sorted(counts) == list(range(n - T)), rule, given=given, yours=dict(counts))
        far = max(abs(count - 600) for count in counts.values())
        rule = "Each comes about 600 times, within five standard deviations of chance."
        holds(far < 5 * sqrt(600), rule, given=given, yours=dict(counts))


@problem("data_loading")
def test_rows_are_drawn_by_themselves():
    tokens = shuffled_ids(1000)
    for B in (2, 40):
        steps = set()
        for seed in range(20):
            given = f"1000 tokens, batch_size {B}, context 8, seed {seed}"
            inputs, _ = batch(tokens, B, 8, given, generator=seeded(seed))
            first = starts_of(tokens, inputs)
            steps |= {b - a for a, b in pairwise(first)}
        given = f"1000 tokens, batch_size {B}, context 8, 20 seeds: from start to start"
        rule = "Rows are drawn one by one: their distances vary, and go up as well as down."
        varied = len(steps) > 10 and min(steps) < 0 < max(steps)
        holds(varied, rule, given=given, yours=sorted(steps)[:8])


@problem("data_loading")
def test_the_generator_decides_and_nothing_else():
    tokens = shuffled_ids(1000)
    given = "1000 tokens, batch_size 5, context 3, a generator with seed 1"
    first, _ = batch(tokens, 5, 3, given, generator=seeded(1))
    for disturb in (torch.manual_seed, np.random.seed, random.seed):
        disturb(7)
        again, _ = batch(tokens, 5, 3, given, generator=seeded(1))
        same(again, first, given=f"{given}, as before, but {disturb.__name__}(7) was called")
    generator = seeded(1)
    rows = [batch(tokens, 5, 3, given, generator=generator)[0] for _ in range(2)]
    rule = "A generator that has been drawn from gives another batch."
    holds(not torch.equal(*rows), rule, given=f"{given}, used twice", yours=rows[1])
    state = torch.get_rng_state()
    batch(tokens, 5, 3, given, generator=seeded(1))
    rule = "With a generator, PyTorch's own random numbers are left alone."
    holds(torch.equal(state, torch.get_rng_state()), rule, given=given)


@problem("data_loading")
def test_on_the_device_that_was_asked_for():
    given = 'device="meta", which knows shapes and no numbers'
    for B, T in ((1, 1), (3, 5)):
        for part in batch(np.arange(9), B, T, given, device="meta", generator=seeded(0)):
            same(part.device.type, "meta", given=given)
            same((tuple(part.shape), part.dtype), ((B, T), torch.int64), given=given)


class LargestCopy(TorchFunctionMode):
    """The largest memory that any PyTorch operation has filled, views of `mapped` not counted."""

    def __init__(self, mapped: np.ndarray) -> None:
        super().__init__()
        self.address, self.bytes = mapped.ctypes.data, 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for part in out if isinstance(out, tuple | list) else [out]:
            if isinstance(part, Tensor) and part.untyped_storage().data_ptr() != self.address:
                self.bytes = max(self.bytes, part.untyped_storage().nbytes())
        return out


@problem("data_loading")
def test_only_the_pieces_are_read(tmp_path: Path):
    path = tmp_path / "ids"
    with open(path, "wb") as file:
        file.truncate(4 * MEGABYTE)
    tokens = np.memmap(path, "<u2", mode="r")
    given = "an np.memmap of 4 MB, batch_size 8, context 32"
    batch(tokens, 8, 32, given)  # whatever is loaded at the first call is not counted
    tracemalloc.start()
    try:
        with LargestCopy(tokens) as torch_copy:
            batch(tokens, 8, 32, given)
        numpy_and_python = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    rule = "A batch of 256 tokens takes less than 1 MB of memory: read the pieces, not the file."
    largest = max(torch_copy.bytes, numpy_and_python)
    holds(largest < MEGABYTE, rule, given=given, yours=f"{largest / MEGABYTE:.1f} MB")


@problem("data_loading")
def test_a_text_without_any_piece_is_an_error():
    for n, T in ((0, 1), (1, 1), (4, 4), (4, 9)):
        given = f"{n} tokens, context {T}"
        try:
            yours = training.get_batch(np.arange(n), 2, T)
        except ValueError:
            continue
        except (IndexError, RuntimeError) as error:
            if isinstance(error, NotWritten):
                raise
            yours = error
        holds(False, "Without a start the error is a ValueError.", given=given, yours=yours)
