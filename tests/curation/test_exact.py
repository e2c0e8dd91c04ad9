"""Exact duplicates of documents and lines, on inputs small enough to be checked by eye."""

import pytest

from lib.curation.exact import LineFilter, count_lines, digest, first_of_each

TEXTS = ["a\nmenu\nb", "menu\nc\n}", "d\n}\nd"]


def test_first_of_each():
    assert list(first_of_each(["x", "y", "x", "x ", "y"])) == [True, True, False, True, False]


def test_a_line_that_occurs_twice_disappears_everywhere():
    clean = LineFilter(count_lines(TEXTS))
    assert [clean(text) for text in TEXTS] == ["a\nb", "c", ""]  # d is twice in one document


def test_or_its_first_occurrence_stays():
    clean = LineFilter(count_lines(TEXTS), keep="first")
    assert [clean(text) for text in TEXTS] == ["a\nmenu\nb", "c\n}", "d"]


def test_short_lines_can_be_spared():
    clean = LineFilter(count_lines(TEXTS), min_length=2)
    assert [clean(text) for text in TEXTS] == ["a\nb", "c\n}", "d\n}\nd"]


def test_digests_are_the_same_in_every_process():
    assert digest("line").hex() == "7adf5524891ccfc1b93c5a5af84383f7"
    assert digest("a") != digest("b")
    assert digest("\ud800") != digest("\ud801")  # not text, but not lost either


def test_a_wrong_word_is_explained():
    with pytest.raises(ValueError, match="'first', or 'none'"):
        LineFilter(count_lines([]), keep="last")
