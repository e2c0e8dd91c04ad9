"""Importance weights by hand, draws against their chances, and texts chosen for a target."""

import math
from collections import Counter

import numpy as np
import pytest

from lib.curation.dsir import (
    kl,
    kl_reduction,
    log_weights,
    normalised,
    resample,
    resample_again,
    shares,
)
from lib.curation.hashed_features import hashed_features

SOURCE, WANTED = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.1, 0.2, 0.3, 0.4])


def test_importance_resampling_of_four_values():
    """Ten draws of four values exactly as the source has them become the target exactly."""
    values = np.repeat(np.arange(4), [4, 3, 2, 1])
    weights = np.log(WANTED / SOURCE)[values]
    chances = np.bincount(values, normalised(weights))
    assert chances == pytest.approx(WANTED, abs=1e-15)
    drawn = values[resample_again(weights, 20_000, np.random.default_rng(0))]
    found = np.bincount(drawn) / 20_000
    deviation = np.sqrt(WANTED * (1 - WANTED) / 20_000)
    assert (np.abs(found - WANTED) < 4 * deviation).all()


def test_gumbel_noise_draws_without_replacement():
    """Two of three with chances 0.9, 0.08, 0.02: chances of pairs, from drawing one by one."""
    p = np.array([0.9, 0.08, 0.02])
    expected = {
        (i, j): p[i] * p[j] / (1 - p[i]) + p[j] * p[i] / (1 - p[j])
        for i, j in ((0, 1), (0, 2), (1, 2))
    }
    draw, n = np.random.default_rng(0), 6000
    found = Counter(tuple(resample(np.log(p) + 7, 2, draw).tolist()) for _ in range(n))
    for pair, chance in expected.items():
        assert abs(found[pair] / n - chance) < 4 * math.sqrt(chance * (1 - chance) / n)


def test_all_or_none():
    draw = np.random.default_rng(0)
    assert resample(np.zeros(5), 5, draw).tolist() == [0, 1, 2, 3, 4]
    assert resample(np.zeros(5), 0, draw).tolist() == []
    with pytest.raises(ValueError, match="6 texts cannot be drawn from 5"):
        resample(np.zeros(5), 6, draw)


def test_weights_by_hand():
    """Words alone. Raw "a b", "b b": a 1 of 4, b 3 of 4. Target "a": with 1 added to each of V."""
    bins = 1 << 10
    found = log_weights(["a b", "b b", ""], ["a"], n_words=1, bins=bins)
    a = math.log(2 / (bins + 1)) - math.log(2 / (bins + 4))
    b = math.log(1 / (bins + 1)) - math.log(4 / (bins + 4))
    assert found == pytest.approx([a + b, 2 * b, 0], abs=1e-12)


def test_kl_by_hand():
    assert kl(np.array([0.5, 0.5, 0]), np.array([0.25, 0.25, 0.5])) == pytest.approx(math.log(2))
    assert kl(WANTED, WANTED) == 0
    found = shares(hashed_features(["a a b"], 1, 1 << 10), 1 << 10, smoothing=0)
    assert sorted(found[found > 0]) == pytest.approx([1 / 3, 2 / 3])


def texts_about(topic, n, draw):
    """Texts of 30 words, half of them from 50 words of the topic, half from 200 of all topics."""
    own, common = (draw.integers(0, high, (n, 15)) for high in (50, 200))
    return [
        " ".join([f"{topic}{i}" for i in a] + [f"all{i}" for i in b]) for a, b in zip(own, common)
    ]


def test_texts_of_the_target_are_found():
    """A third of the raw texts is about what is wanted: nearly only those are chosen."""
    draw = np.random.default_rng(0)
    raw = [text for topic in "xyz" for text in texts_about(topic, 100, draw)]
    target = texts_about("y", 40, draw)
    weights = log_weights(raw, target)
    chosen = resample(weights, 80, draw)
    assert np.mean((chosen >= 100) & (chosen < 200)) > 0.95
    by_chance = resample(np.zeros(300), 80, draw)
    settings = {"n_words": 1, "smoothing": 1e-3}  # a larger one makes all small samples alike
    gain, none = (
        kl_reduction(raw, target, [raw[i] for i in c], **settings) for c in (chosen, by_chance)
    )
    assert gain > 0.1 > none and kl_reduction(raw, target, raw) == 0
