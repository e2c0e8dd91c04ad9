"""Repeated passages against all substrings, counted."""

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.curation.repeated_spans import Span, repeated_spans, suffix_array, without_spans


@given(st.binary(max_size=60))
def test_the_suffix_array_is_that_of_sorting(data):
    wanted = sorted(range(len(data)), key=lambda i: data[i:])
    assert suffix_array(np.frombuffer(data, np.uint8)).tolist() == wanted


def marked(texts, length, keep_first):
    """By definition: every byte of every passage that occurs more than once."""
    places = [(d, i) for d, t in enumerate(texts) for i in range(len(t) - length + 1)]
    counts, seen = Counter(texts[d][i : i + length] for d, i in places), set()
    found = [[False] * len(text) for text in texts]
    for d, i in places:
        passage = texts[d][i : i + length]
        if counts[passage] > 1 and (passage in seen or not keep_first):
            found[d][i : i + length] = [True] * length
        seen.add(passage)
    return found


@pytest.mark.parametrize("keep_first", [True, False])
@pytest.mark.parametrize("length", [2, 3, 5, 8])
def test_what_repeats_is_what_counting_finds(length, keep_first):
    draw = random.Random(length)
    for _ in range(60):
        texts = ["".join(draw.choices("ab ", k=draw.randrange(14))) for _ in range(4)]
        wanted = marked(texts, length, keep_first)
        found = [[False] * len(text) for text in texts]
        for d, begin, end in repeated_spans(texts, length, keep_first):
            found[d][begin:end] = [True] * (end - begin)
        assert found == wanted, texts


def test_a_planted_passage_goes_once():
    passage = "This page is generated. All rights reserved, and no wrongs either. "
    texts = ["A beginning. " + passage + "An end.", "Quite another text. " + passage + "Bye."]
    (span,) = repeated_spans(texts, length=30)
    assert span.document == 1
    assert without_spans(texts[1], [span]) in ("Quite another textBye.", "Quite another text.Bye.")
    assert without_spans(texts[0], []) == texts[0]


def test_characters_are_not_cut():
    """é and è share their first byte, so the passage that repeats ends in the middle of one."""
    texts = ["abcdé", "abcdè"]
    assert repeated_spans(texts, length=5) == [Span(1, 0, 4)]
    assert without_spans(texts[1], repeated_spans(texts, 5)) == "è"


def test_nothing_is_said_of_nothing():
    assert repeated_spans([], 10) == []
    assert repeated_spans(["", "short", "short"], 10) == []
    with pytest.raises(ValueError, match="20 or more"):
        repeated_spans(["a"], 0)
