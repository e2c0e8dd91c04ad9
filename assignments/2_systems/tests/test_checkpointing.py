"""Checkpointing: the same gradients, fewer bytes alive, every block as often as it has to run."""

import math
from collections import Counter

import torch
from torch import Tensor, nn

from adapters import measuring
from lib.grading.answers import judge, words
from lib.grading.feedback import holds, same
from lib.grading.memory_meter import MemoryMeter
from lib.grading.problems import problem
from systems.model import SIZES, on_paper

GIB = 2**30
WIDTH, ROWS, WIDER = 4, 64, 16  # what enters a block has 1 KiB; inside it keeps some 10 KiB
STREAM = 4 * WIDTH * ROWS


class Counted(nn.Module):
    """A block that keeps much more than what enters it, and counts how often it runs."""

    def __init__(self, number: int, runs: Counter) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(WIDTH, WIDER), nn.Linear(WIDER, WIDTH)
        self.number, self.runs = number, runs

    def forward(self, x: Tensor) -> Tensor:
        self.runs[self.number] += 1
        return x + self.down(torch.tanh(self.up(x)).square())


def blocks(n: int) -> tuple[list[Counted], Counter, Tensor]:
    torch.manual_seed(0)
    runs: Counter = Counter()
    made = [Counted(i, runs) for i in range(n)]
    return made, runs, torch.randn(ROWS, WIDTH, requires_grad=True)


def plainly(made: list[Counted], x: Tensor) -> Tensor:
    for block in made:
        x = block(x)
    return x


def gradients(how, n: int) -> list[Tensor]:
    """Of the input, and of all parameters in order."""
    made, _, x = blocks(n)
    y = how(made, x)
    y.square().sum().backward()
    return [y.detach(), x.grad, *(p.grad for block in made for p in block.parameters())]


def check_gradients(how, about: str) -> None:
    for n in (1, 2, 5):
        expected = gradients(plainly, n)
        for mine, right in zip(gradients(how, n), expected):
            holds(mine is not None, "Every parameter has a gradient.", given=f"{n} blocks, {about}")
            same(mine, right, given=f"{n} blocks, {about}: result and gradients", within=1e-5)


def peaks(how, n: int) -> tuple[int, int]:
    """Bytes alive after the forward pass, and at the most in the backward pass."""
    made, _, x = blocks(n)
    meter = MemoryMeter(x, *(p for block in made for p in block.parameters()))
    with meter:
        loss = how(made, x).sum()
        after = meter.live
        meter.peak = 0
        loss.backward()
    return after, meter.peak


def one_block() -> int:
    """What a block keeps and needs, in its forward and its backward pass."""
    return max(peaks(plainly, 1))


@problem("gradient_checkpointing")
def test_segments_compute_the_same():
    for size in (1, 2, 5):
        check_gradients(
            lambda made, x, size=size: measuring.in_segments(made, x, size), f"size {size}"
        )


@problem("gradient_checkpointing")
def test_segments_keep_what_enters_them():
    """And nothing else: n / size tensors, of which the input of the first is not new."""
    for n, size in ((6, 2), (8, 1), (7, 3)):
        after, _ = peaks(lambda made, x, size=size: measuring.in_segments(made, x, size), n)
        n_kept, n_segments = after / STREAM, math.ceil(n / size)
        rule = f"{n_segments} segments keep {n_segments} tensors like x, give or take one."
        given = f"{n} blocks in segments of {size}: alive after the forward pass, in units of x"
        holds(abs(n_kept - n_segments) < 1.5, rule, given=given, yours=n_kept)


@problem("gradient_checkpointing")
def test_every_block_of_a_segment_runs_twice():
    for n, size in ((1, 1), (6, 2), (7, 3)):
        made, runs, x = blocks(n)
        measuring.in_segments(made, x, size).sum().backward()
        given = f"{n} blocks in segments of {size}: how often each ran"
        same(dict(runs), dict.fromkeys(range(n), 2), given=given)


@problem("gradient_checkpointing")
def test_recursion_computes_the_same():
    check_gradients(measuring.recursive, "recursive")


@problem("gradient_checkpointing")
def test_recursion_needs_one_block_and_a_few_boundaries():
    for n in (8, 64):
        _, peak = peaks(measuring.recursive, n)
        gradients_of_parameters = 4 * n * (2 * WIDTH * WIDER + WIDTH + WIDER)
        allowed = one_block() + (math.log2(n) + 8) * STREAM + gradients_of_parameters
        rule = (
            f"At most one block, log2({n}) + 8 tensors like x, the gradients: {allowed:.0f} bytes."
        )
        holds(peak <= allowed, rule, given=f"{n} blocks: bytes at the peak", yours=peak)


@problem("gradient_checkpointing")
def test_recursion_runs_each_block_a_few_times():
    for n in (1, 8):
        made, runs, x = blocks(n)
        measuring.recursive(made, x).sum().backward()
        most = max(runs.values())
        rule = f"No block runs more than {2 + math.log2(n):.0f} times."
        holds(
            most <= 2 + math.log2(n),
            rule,
            given=f"{n} blocks: how often each ran",
            yours=dict(runs),
        )


# On paper


def kept_by_a_block() -> int:
    """Of xl, 4 sequences of 2,048, in bytes."""
    block = on_paper(SIZES["xl"]).blocks[0]
    x = torch.zeros(4, 2048, SIZES["xl"].width, device="meta", requires_grad=True)
    own, held = {id(p.untyped_storage()) for p in block.parameters()}, {}

    def note(x: Tensor) -> Tensor:
        storage = x.untyped_storage()
        if id(storage) not in own:
            held[id(storage)] = storage
        return x

    with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        block(x)
    return sum(storage.nbytes() for storage in held.values())


@problem("gradient_checkpointing")
def test_peaks_of_xl():
    one, boundary, n = kept_by_a_block(), 4 * 4 * 2048 * SIZES["xl"].width, SIZES["xl"].n_layers
    right = (n * boundary + one) / GIB
    mistakes = {
        "While a segment is worked on, all that its blocks keep is there too.": n * boundary / GIB,
        "Only one block at a time is computed again.": n * (boundary + one) / GIB,
    }
    judge("gradient_checkpointing.every_block_gib", right, 0.02, mistakes)
    right = (n / 2 * boundary + 2 * one) / GIB
    reason = "A segment of two blocks, computed again, keeps what both keep."
    mistakes = {reason: (n / 2 * boundary + one) / GIB}
    judge("gradient_checkpointing.every_second_gib", right, 0.02, mistakes)


@problem("gradient_checkpointing")
def test_the_best_size():
    """Boundaries 64 / k, and 4 k for the blocks of one segment: least at k = sqrt(64 / 4)."""
    reason = "The least of 64 / k + k: but a block keeps four times what enters it."
    judge("gradient_checkpointing.best_size", 4, 0, {reason: 8})


@problem("gradient_checkpointing")
def test_the_strategy_is_explained():
    words("gradient_checkpointing.strategy", at_least=20)
