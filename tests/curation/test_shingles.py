"""Shingles by hand, and the quick ones against the obvious ones on all kinds of text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.curation.fast_shingles import block_shingles
from lib.curation.shingles import jaccard, mixed, normalised, shingles, words

MESSY = ["", "one", "a b c", "Hello, Wörld! <b>TEST</b> über_alles 12.5", "Ä é 中文 ², ß İ Ǆ\0x"]


def test_case_accents_and_punctuation_do_not_count():
    assert normalised(" Hélas,  THE_end... (3.5) ") == "helas the end 3 5"
    assert words("ÅNGSTRÖM\n\tdon't") == ["angstrom", "don", "t"]


def test_a_text_of_seven_words_has_three_shingles_of_five():
    assert len(shingles("a b c d e f g")) == 3
    assert shingles("a b c d e f g") == shingles("A, b; C d e f g!")
    assert len(shingles("x x x x x x x")) == 1
    assert len(shingles("too short")) == 1 and not shingles("?!")
    assert shingles("a b") != shingles("b a")


def test_jaccard_of_sets_that_share_three_of_five():
    assert jaccard({1, 2, 3, 4}, {1, 2, 3, 5}) == 0.6
    assert jaccard(set(), set()) == 0 and jaccard({1}, {1}) == 1


def test_mixing_is_splitmix64s():
    """The first outputs of SplitMix64 for seed 0, as published with the algorithm."""
    step = 0x9E3779B97F4A7C15
    assert [mixed(step * i % 2**64) for i in (1, 2)] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]


@given(
    st.lists(st.one_of(st.text(max_size=80), st.sampled_from(MESSY)), max_size=6), st.integers(1, 6)
)
def test_the_quick_ones_are_the_obvious_ones(texts, n):
    block = block_shingles(texts, n)
    assert [set(block.of(i).tolist()) for i in range(len(texts))] == [shingles(t, n) for t in texts]


def test_a_shingle_of_no_words_is_refused():
    for function in (shingles, lambda text, n: block_shingles([text], n)):
        with pytest.raises(ValueError, match="Choose 1 or more"):
            function("a", 0)
