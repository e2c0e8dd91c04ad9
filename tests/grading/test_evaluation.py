"""Bits per byte against values by hand, and models that try to look better than they are."""

import math
from itertools import pairwise

import pytest
import torch
from byte_entry import END, Bigrams

from lib.grading.evaluation import Unfit, bits_per_byte, cut

TEXTS = ["", "ab", "Größe", "a longer text that does not fit into one window of sixteen ids"]


def uniform() -> Bigrams:
    return Bigrams(torch.zeros(END + 1, END + 1))


def random_model() -> Bigrams:
    return Bigrams(torch.randn(END + 1, END + 1, generator=torch.Generator().manual_seed(0)))


def test_a_model_that_knows_nothing_needs_log2_of_v_per_id_ends_included():
    n_bytes = sum(len(text.encode()) for text in TEXTS)
    expected = math.log2(257) * (n_bytes + len(TEXTS)) / n_bytes
    assert bits_per_byte(uniform(), TEXTS) == pytest.approx(expected, rel=1e-12)


def test_bigrams_by_hand():
    """Windows do not matter to a model that looks back by one id."""
    model = random_model()
    table = model.weights.double().log_softmax(dim=1)
    nats, n_bytes = 0.0, 0
    for text in TEXTS:
        ids = [END, *text.encode(), END]
        nats -= sum(table[a, b].item() for a, b in pairwise(ids))
        n_bytes += len(ids) - 2
    expected = nats / math.log(2) / n_bytes
    assert bits_per_byte(model, TEXTS) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("n", [2, 3, 9, 10, 11, 12, 13, 40])
@pytest.mark.parametrize("context", [2, 5, 8, 9])
def test_every_id_is_new_in_one_window_with_half_a_context_before_it(n, context):
    windows = list(cut(list(range(n)), context))
    new = [id_ for window in windows for id_ in window[len(window) - window.n_new :]]
    assert new == list(range(1, n))
    assert all(2 <= len(window) <= context + 1 for window in windows)
    assert all(len(window) - window.n_new > context // 2 for window in windows[1:])


class LooksAhead(Bigrams):
    """Says the next id of the text: the attention without a mask, at its worst."""

    def logits(self, ids):
        known = torch.nn.functional.one_hot(ids.roll(-1, dims=1), END + 1)
        return self.weights[ids] + 20.0 * known


class LooksAtItsNeighbour(Bigrams):
    """What one row says depends on the rows beside it."""

    def logits(self, ids):
        return self.weights[ids] + self.weights[ids].mean(dim=0)


class Forgets(Bigrams):
    def decode(self, ids):
        return super().decode(ids).lower()


class DrawsNumbers(Bigrams):
    def logits(self, ids):
        return self.weights[ids] + torch.randn(END + 1)


class HasTooFewIds(Bigrams):
    def logits(self, ids):
        return self.weights[ids][..., :END]


class IsSure(Bigrams):
    def logits(self, ids):
        return torch.where(self.weights[ids] > 0, 0.0, -math.inf)


class Breaks(Bigrams):
    def logits(self, ids):
        return 0.0 * torch.where(self.weights[ids] > 0, 0.0, -math.inf)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (LooksAhead, "the model looks ahead"),
        (LooksAtItsNeighbour, "in another row, moves"),
        (DrawsNumbers, "draws random numbers"),
        (Forgets, "not the text again, which begins 'Größe'"),
        (HasTooFewIds, "V larger than every id"),
        (IsSure, "a probability of 0"),
        (Breaks, "logits are NaN"),
    ],
)
def test_what_flatters_is_found(model, said):
    with pytest.raises(Unfit, match=said):
        bits_per_byte(model(random_model().weights), TEXTS)


def test_logits_that_are_too_large_help_nobody():
    """Probabilities are made here, so adding a constant changes nothing."""
    shifted = Bigrams(random_model().weights + 50.0)
    assert bits_per_byte(shifted, TEXTS) == pytest.approx(bits_per_byte(random_model(), TEXTS))


def test_a_context_of_one_is_refused():
    model = uniform()
    model.context = 1
    with pytest.raises(Unfit, match="too short"):
        bits_per_byte(model, TEXTS)
