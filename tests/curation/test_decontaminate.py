"""Overlap with a benchmark: by hand, and against comparing all runs as tuples of words."""

import random
from collections import Counter

import pytest

from lib.curation.decontaminate import Contamination
from lib.curation.shingles import words

QUESTION = "What is the name of the small white dog that lives in the old red house?"  # 16 words


def plain_overlap(items, documents, n, at_least):
    """The obvious version: every run of every item in every document, as tuples of words."""

    def runs(text, m):
        found = words(text)
        return {tuple(found[i : i + m]) for i in range(len(found) - m + 1)}

    overlaps, seen, shares = [], [set() for _ in items], [0.0] * len(items)
    for number, document in enumerate(documents):
        counts = Counter()
        for i, item in enumerate(items):
            m = min(len(words(item)), n)
            if m >= at_least and (both := runs(item, m) & runs(document, m)):
                counts[i] = len(both)
                seen[i] |= both
                shares[i] = len(seen[i]) / len(runs(item, m))
        if counts:
            overlaps.append((number, counts))
    return overlaps, shares


def test_a_question_by_hand():
    """16 words are four runs of 13. A document with the first 14 of them has two."""
    assert len(words(QUESTION)) == 16
    first = " ".join(words(QUESTION)[:14])
    found = Contamination([QUESTION, "Who?", "a b c d e f g h"])
    assert found.unchecked == [1]
    found.add(["Nothing of it", f"We ask: {first.upper()}, in cities"])
    assert found.documents == [(1, Counter({0: 2}))]
    assert found.shares() == [0.5, 0, 0]
    found.add(["x a b c, d e f g h y"])
    assert found.documents[1] == (2, Counter({2: 1})) and found.n_documents == 3
    assert found.shares() == [0.5, 0, 1]
    assert found.contaminated() == [0, 2] and found.contaminated(0.8) == [2]


def test_as_comparing_all_runs():
    """Few different words, so that much is shared, also by several items and twice in a text."""
    draw = random.Random(0)

    def text(low, high):
        return " ".join(draw.choices("abc", k=draw.randint(low, high)))

    items = [text(0, 9) for _ in range(40)]
    documents = [text(0, 30) for _ in range(150)]
    for n, at_least in ((6, 4), (5, 5), (8, 1)):
        found = Contamination(items, n, at_least)
        found.add(documents[:70])
        found.add(documents[70:])
        overlaps, shares = plain_overlap(items, documents, n, at_least)
        assert found.documents == overlaps and len(overlaps) > 20
        assert found.shares() == pytest.approx(shares)


def test_nothing_to_look_for_or_in():
    found = Contamination([])
    found.add(["some text"])
    assert found.documents == [] and found.shares() == []
    empty = Contamination([QUESTION])
    empty.add(["", "?"])
    assert empty.documents == [] and empty.contaminated() == []
    with pytest.raises(ValueError, match="the second is 1 or more"):
        Contamination([QUESTION], n=5)
