import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_texts import tricky_text

from lib.tokenization.special import allowed, split_on_special


def test_special_tokens_are_pieces_of_their_own():
    assert list(split_on_special("a<x><x>b", {"<x>"})) == ["a", "<x>", "<x>", "b"]


@pytest.mark.parametrize("special", [["ab", "abab"], ["abab", "ab"]])
def test_the_longest_wins(special):
    assert list(split_on_special("ababab", special)) == ["abab", "ab"]


def test_special_tokens_are_no_regular_expressions():
    assert list(split_on_special("ab.c|d", {".", "c|d"})) == ["ab", ".", "c|d"]


def test_nothing_to_split():
    assert list(split_on_special("abc", ())) == ["abc"]
    assert list(split_on_special("", {"x"})) == []


@given(tricky_text, st.sets(st.text("<|>s ", min_size=1, max_size=4), max_size=4))
def test_joined_pieces_are_the_text(text, special):
    pieces = list(split_on_special(text, special))
    assert "".join(pieces) == text
    assert not any(token in piece for piece in pieces if piece not in special for token in special)


def test_allowed_are_none_some_or_all():
    assert allowed({"<a>": 7, "<b>": 8}, ()) == set()
    assert allowed({"<a>": 7, "<b>": 8}, ["<b>"]) == {"<b>"}
    assert allowed({"<a>": 7, "<b>": 8}, "all") == {"<a>", "<b>"}


def test_a_bare_string_is_not_taken_for_a_set_of_letters():
    with pytest.raises(ValueError, match=r"Write \{'<a>'\}"):
        allowed({"<a>"}, "<a>")


def test_only_special_tokens_can_be_allowed():
    with pytest.raises(ValueError, match=r"\['<b>'\] are none. This vocabulary has \['<a>'\]"):
        allowed({"<a>"}, {"<b>", "<a>"})
