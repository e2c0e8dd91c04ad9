"""Clusters of near-duplicates against exact comparison of all pairs, and against datasketch."""

import random
from itertools import combinations

import pytest
from datasketch import MinHash, MinHashLSH

from lib.curation.near_duplicates import NearDuplicates
from lib.curation.shingles import jaccard, shingles
from lib.curation.union_find import clusters_of

DRAW = random.Random(0)
WORDS = ["".join(DRAW.choices("abcdefghij", k=6)) for _ in range(3000)]


def family(n_edits):
    """A text, and versions with more and more words replaced."""
    text = DRAW.choices(WORDS, k=120)
    yield " ".join(text)
    for n in n_edits:
        for place in DRAW.sample(range(120), n):
            text[place] = DRAW.choice(WORDS)
        yield " ".join(text)


@pytest.fixture(scope="module")
def texts():
    found = [text for _ in range(60) for text in family([1, 1, 2, 6])]
    found += ["", "", "one", "one", "Un, deux; trois!", "un deux trois"]
    return DRAW.sample(found, len(found))


@pytest.fixture(scope="module")
def exact(texts):
    """Pairs of at least 0.8, by comparing all."""
    sets = [shingles(text) for text in texts]
    pairs = combinations(range(len(texts)), 2)
    return {pair for pair in pairs if jaccard(sets[pair[0]], sets[pair[1]]) >= 0.8}


@pytest.mark.parametrize("n_processes", [1, 2])
def test_clusters_are_those_of_all_pairs(texts, exact, n_processes):
    """With a recall of 0.9999 nothing is missed among a hundred pairs."""
    with NearDuplicates(0.8, recall=0.9999, n_processes=n_processes) as finder:
        finder.add(texts[:100])
        finder.add(texts[100:])
        assert len(finder) == len(texts)
        assert finder.clusters() == clusters_of(len(texts), exact)
        assert finder.n_compared < 0.05 * len(texts) ** 2 / 2
        found = list(finder.pairs())
        assert {(one, other) for one, other, _ in found} <= exact
        sets = [shingles(text) for text in texts]
        assert all(s == jaccard(sets[one], sets[other]) for one, other, s in found)
        dropped = finder.duplicates()
        assert len(dropped) == sum(len(c) - 1 for c in finder.clusters()) > 100


def test_more_may_be_added_after_clusters_were_asked_for(texts, exact):
    with NearDuplicates(0.8, recall=0.9999) as finder:
        finder.add(texts[:150])
        assert len(finder.clusters()) > 10
        finder.add(texts[150:])
        assert finder.clusters() == clusters_of(len(texts), exact)


def test_texts_without_words_are_no_duplicates():
    with NearDuplicates() as finder:
        finder.add(["", "...", "?", "a", "A!"])
        assert finder.clusters() == [[3, 4]]
    with NearDuplicates() as empty:
        assert empty.clusters() == []


def test_ten_thousand_equal_texts_cost_ten_thousand_comparisons():
    with NearDuplicates() as finder:
        finder.add(["the same text for all of them"] * 10_000)
        assert finder.clusters() == [list(range(10_000))]
        assert finder.n_compared == 9_999


def test_datasketch_finds_the_same_candidates(texts, exact):
    """The same sets and the same cut; other hash functions, so true pairs are what both find."""
    with NearDuplicates(0.8, recall=0.9999) as finder:
        bands = finder.bands
    index, known = MinHashLSH(num_perm=bands.k, params=(bands.b, bands.r)), []
    for i, text in enumerate(texts):
        sketch = MinHash(num_perm=bands.k, seed=1)
        sketch.update_batch([str(shingle).encode() for shingle in shingles(text)])
        known.append(sketch)
        index.insert(i, sketch)
    theirs = {tuple(sorted((i, j))) for i, s in enumerate(known) for j in index.query(s) if i != j}
    assert exact <= theirs | {(i, j) for i, j in exact if not texts[i].strip()}


def test_files_are_gone_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with NearDuplicates() as finder:
        finder.add(["a b c"])
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())
    finder = NearDuplicates()
    del finder
    assert not list(tmp_path.iterdir())
