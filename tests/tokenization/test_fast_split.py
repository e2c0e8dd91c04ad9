"""The fast words against the readable ones, on text chosen to make their shortcuts fail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.tokenization.fast_split import ascii_spans, blocks, fast_split_words
from lib.tokenization.pretokenize import PATTERNS, split_words

# Pieces that the patterns treat differently, so that random joins of them meet at every seam.
PIECES = [" ", "  ", "\n", "\r\n", "\t", "\x0b", "\x1c", "\x1f", "\x00", "\x7f", "\xa0", "\u3000"]
PIECES += ["a", "Z", "aB", "'s", "'LL", "'ſ", "é", "e\u0301", "你", "ǅ", "7", "1234", "٣", "½"]
PIECES += [".", "/", "//", "_", "!?", "🌍", "'", "\u200d"]
seams = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)
ascii_text = st.text(st.characters(max_codepoint=127), max_size=60)


def fast(text: str, pattern: str | None) -> list[str]:
    return [word for words in fast_split_words(text, pattern) for word in words]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pair_of_ascii_characters_is_cut_alike(pattern):
    characters = [chr(i) for i in range(128)]
    for first in characters:
        text = "".join(f"x{first}{second}y 1{first}{second}Z'{first}" for second in characters)
        assert fast(text, pattern) == list(split_words(text, pattern))


@pytest.mark.parametrize("pattern", [*PATTERNS, None, r"\w+"])
@given(text=seams | ascii_text | st.text(max_size=40))
def test_words_are_those_of_the_readable_version(pattern, text):
    assert fast(text, pattern) == list(split_words(text, pattern))


@pytest.mark.parametrize("pattern", PATTERNS)
@given(text=seams, size=st.integers(1, 7))
def test_no_word_reaches_across_a_block_or_a_span(pattern, text, size):
    spans = [span for block in blocks(text, size) for span in ascii_spans(block)]
    assert "".join(spans) == text
    assert [word for span in spans for word in split_words(span, pattern)] == list(
        split_words(text, pattern)
    )


def test_one_foreign_character_costs_only_its_own_line():
    text = "one\ntwo\nthrée\nfour\nfive\n"
    assert list(ascii_spans(text)) == ["one\ntwo\n", "thrée\n", "four\nfive\n"]


def test_a_slash_may_belong_to_the_line_before():
    assert list(split_words("x;\n/y", "o200k")) == ["x", ";\n/", "y"]
    assert list(blocks("x;\n/y\nz", 1)) == ["x;\n/y\n", "z"]
    assert list(ascii_spans("x;\n/é\nz")) == ["x;\n/é\n", "z"]


def test_white_space_at_the_end_of_a_text_is_one_word_for_cl100k():
    for text in ("a\n ", "é\n\n ", " \n "):
        assert fast(text, "cl100k") == list(split_words(text, "cl100k"))
        assert fast(text, "cl100k")[-1].startswith(("\n", " \n"))
