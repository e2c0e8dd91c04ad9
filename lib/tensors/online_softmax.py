"""Softmax in one pass: a row in blocks, each seen once, without knowing the largest number before.

Softmax divides exp(x - m) by the sum l of all of them, where m is the largest x, so that nothing
overflows. Both m and l belong to the whole row. Online softmax (Milakov and Gimelshein,
arXiv 1805.02867) keeps those of the part seen so far and corrects them: when m grows to m', what
was summed before shrinks by exp(m - m'). So does a weighted sum of values, and that is attention.

Letters: S numbers in the row, H width of the values.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class State:
    """After a block. The final state of a row that is masked everywhere has l = 0."""

    start: int
    stop: int  # the block was x[start:stop]
    block: Tensor
    m: float  # the largest number so far
    l: float  # noqa: E741 -- the letter of the paper: the sum of exp(x - m) so far
    scale: float  # what this block multiplied the older sums by
    out: Tensor | None = None  # the sum of exp(x - m) times values so far, not yet divided by l

    @property
    def logsumexp(self) -> float:
        """log of the sum of exp(x) so far: m and l in one number."""
        return self.m + math.log(self.l) if self.l > 0 else -math.inf


def online_softmax(
    x: Float[Tensor, " S"], block: int, values: Float[Tensor, "S H"] | None = None
) -> Iterator[State]:
    """The states after each block of a row, the last one shorter if `block` does not divide S."""
    if block < 1:
        raise ValueError(f"A block holds at least one number, not {block}.")
    m, l = -math.inf, 0.0  # noqa: E741
    out = None if values is None else values.new_zeros(values.shape[1])
    for start in range(0, len(x), block):
        part = x[start : start + block]
        before, m = m, max(m, part.max().item())
        shift = m if m > -math.inf else 0.0  # nothing seen yet but masked numbers
        scale = math.exp(before - shift)
        weights = torch.exp(part - shift)
        l = scale * l + weights.sum().item()  # noqa: E741
        if values is not None:
            out = scale * out + weights @ values[start : start + block]
        yield State(start, start + len(part), part, m, l, scale, out)


def softmax_from(x: Float[Tensor, " S"], state: State) -> Float[Tensor, " S"]:
    """The softmax of the whole row from its last state, in a second pass that only reads."""
    return torch.exp(x - state.logsumexp)
