"""Hashed features: the fast version against the obvious one, and what a hash must do."""

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.corpora.samples import SAMPLES
from lib.curation.hashed_features import features, hashed_features


def test_counts_by_hand():
    """Four words: four of one, three of two, two of three; "to" twice, all else once."""
    found = features("To be, or to", n_words=3, bins=1 << 40)
    assert len(found) == 4 + 3 + 2
    assert found[0] == found[3] and sorted(Counter(found).values()) == [1] * 7 + [2]
    assert features("to be or to", 1, 1 << 40) == found[:4]
    assert features("one", 2) == features("One!", 1) and features("...", 2) == []


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.text("ab é.", max_size=12), max_size=6),
    n_words=st.integers(1, 4),
    bins=st.integers(1, 1000),
    seed=st.integers(0, 1 << 70),
)
def test_many_at_once_are_the_same(texts, n_words, bins, seed):
    found = hashed_features(texts, n_words, bins, seed)
    assert len(found.ends) == len(texts)
    for i, text in enumerate(texts):
        assert found.of(i).tolist() == features(text, n_words, bins, seed)


def test_more_than_one_block():
    texts = list(SAMPLES.values()) * 20
    found = hashed_features(texts, 2, 5000, 3)
    for i in (0, 127, 128, len(texts) - 1):
        assert found.of(i).tolist() == features(texts[i], 2, 5000, 3)
    assert found.lengths.sum() == len(found.ids)


def test_bins_are_filled_evenly():
    """10,000 words into 100 bins: 100 each, standard deviation 10; six of these are far."""
    found = hashed_features([" ".join(f"w{i}" for i in range(10_000))], 1, 100)
    assert np.abs(np.bincount(found.ids, minlength=100) - 100).max() < 60


def test_seeds_give_other_bins_and_processes_do_not():
    text = SAMPLES["English"]
    one, other = features(text, 1, 1 << 30, 0), features(text, 1, 1 << 30, 1)
    assert not set(one) & set(other)
    code = "from lib.curation.hashed_features import features; print(features('a b', 2, 10**6))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == str(features("a b", 2, 10**6))


def test_what_cannot_be_is_said():
    with pytest.raises(ValueError, match="both must be 1 or more"):
        features("a", 0)
    with pytest.raises(ValueError, match="in 0 bins"):
        hashed_features(["a"], 2, 0)
