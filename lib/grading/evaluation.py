"""Bits per byte of a model on held-out text, computed so that the model cannot flatter itself.

The evaluator encodes the text, decodes it again, makes probabilities out of the logits itself, and
counts every byte of every text and the end of every text. It also changes what comes later and
looks whether anything earlier moves.

Letters: B windows at once, T positions of a window, V size of the vocabulary.
"""

import math
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

BATCH = 8
SAME = 1e-3  # natural logarithms that may lie between two computations of one probability


@runtime_checkable
class Model(Protocol):
    """What `train` of an entry returns."""

    context: int  # the largest T that `logits` is ever given
    end: int  # the id that comes before every text and has to be predicted after it

    def encode(self, text: str) -> list[int]:
        """Ids of a text, without `end`."""

    def decode(self, ids: list[int]) -> str:
        """The inverse of `encode`, for every text."""

    def logits(self, ids: Int[Tensor, "B T"]) -> Float[Tensor, "B T V"]:
        """At every position, unnormalised logarithms of the probabilities of the next id."""


class Unfit(ValueError):
    """A model that cannot be ranked, and why."""


def bits_per_byte(model: Model, texts: list[str]) -> float:
    """What the model needs for these texts, their ends included, per byte of their UTF-8."""
    windows = [one for text in texts for one in cut(tokens(model, text), model.context)]
    windows.sort(key=len)
    batches = [windows[i : i + BATCH] for i in range(0, len(windows), BATCH)]
    check_causality(model, padded(batches[-1], model.end)[:, :-1])
    nats = sum(nats_of(model, batch) for batch in batches)
    return nats / math.log(2) / sum(len(text.encode()) for text in texts)


def tokens(model: Model, text: str) -> list[int]:
    """The text's ids between two `end`."""
    ids = list(model.encode(text))
    if model.decode(ids) != text:
        raise Unfit(f"decode(encode(text)) is not the text again, which begins {text[:40]!r}.")
    return [model.end, *ids, model.end]


class Window(list[int]):
    """Ids to look at together; the model is judged by the last `n_new` of them."""

    def __init__(self, ids: list[int], n_new: int):
        super().__init__(ids)
        self.n_new = n_new


def cut(ids: list[int], context: int) -> Iterator[Window]:
    """Windows of at most context + 1 ids; every id but the first is new in exactly one of them.

    From the second window on, half of the context is known before the first new id.
    """
    if context < 2:
        raise Unfit(f"A context of {context} is too short: a model must look at 2 ids or more.")
    end = min(context + 1, len(ids))
    yield Window(ids[:end], end - 1)
    while end < len(ids):
        n_new = min(context - context // 2, len(ids) - end)
        end += n_new
        yield Window(ids[end - context - 1 : end], n_new)


def nats_of(model: Model, windows: list[Window]) -> float:
    """Minus the natural logarithm of the probability of all new ids."""
    ids = padded(windows, model.end)
    total = 0.0
    for logits, row, window in zip(logits_of(model, ids[:, :-1]), ids, windows):
        new = slice(len(window) - window.n_new, len(window))
        chosen = log_probs(logits[new.start - 1 : new.stop - 1]).gather(1, row[new, None])
        total -= chosen.sum().item()
    if not math.isfinite(total):
        raise Unfit("The model gives some id of the text a probability of 0.")
    return total


def padded(windows: list[Window], filler: int) -> Int[Tensor, "B T"]:
    """One window per row, filled up on the right, where a causal model does not look."""
    longest = max(map(len, windows))
    return torch.tensor([[*window, *[filler] * (longest - len(window))] for window in windows])


@torch.no_grad()
def logits_of(model: Model, ids: Int[Tensor, "B T"]) -> Float[Tensor, "B T V"]:
    """What the model says, if its shape allows."""
    logits = model.logits(ids)
    if logits.dim() != 3 or logits.shape[:2] != ids.shape or logits.shape[2] <= ids.max():
        raise Unfit(
            f"For ids of shape {tuple(ids.shape)}, the largest {int(ids.max())}, logits has shape "
            f"{tuple(logits.shape)}: it must be (B, T, V) with V larger than every id."
        )
    if logits.isnan().any():
        raise Unfit("Some logits are NaN.")
    return logits.cpu()


def log_probs(logits: Float[Tensor, "T V"]) -> Float[Tensor, "T V"]:
    """Normalised here, in float64, whatever the model returns."""
    return logits.double().log_softmax(dim=-1)


def check_causality(model: Model, ids: Int[Tensor, "B T"]) -> None:
    """Change the second half of the first row, and all of the others: its first half must stay."""
    half = max(ids.shape[1] // 2, 1)
    other = ids.roll(1, dims=1) if len(ids) == 1 else ids.roll(1, dims=0)
    changed = torch.where(other == ids, model.end, other)
    changed[0, :half] = ids[0, :half]
    before, after = (log_probs(logits_of(model, x)[0, :half]) for x in (ids, changed))
    moved = torch.where(before == after, 0.0, (before - after).abs()).max().item()
    if moved > SAME:
        raise Unfit(
            f"What comes later, or in another row, moves a log-probability of what came before by "
            f"{moved:.3g}: the model looks ahead, or draws random numbers."
        )
