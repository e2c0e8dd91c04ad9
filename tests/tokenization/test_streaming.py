import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_texts import TEXTS, any_text, tricky_text

from lib.tokenization.bpe import BPE
from lib.tokenization.pretokenize import PATTERNS, split_words
from lib.tokenization.streaming import regroup, safe_cut

NAMES = sorted(PATTERNS)
SPECIAL = ("<|", "<|>", "<|><|", " s", "\n")


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("one two thr", 7),  # the last word may go on, and its space belongs to it
        ("one two ", 7),
        ("one  ", 3),
        ("end.\nNex", 5),
        ("end.\n", 0),  # another newline may follow
        ("end.\n\nNex", 0),
        ("end.\n/", 0),
        ("word", 0),
    ],
)
@pytest.mark.parametrize("pattern", NAMES)
def test_the_last_safe_place(text, cut, pattern):
    assert safe_cut(text, pattern) == cut


@pytest.mark.parametrize("pattern", [None, "a+"])
def test_unnamed_patterns_have_no_safe_place(pattern):
    assert safe_cut("one two three\nfour", pattern) == 0


def test_the_end_of_a_special_token_is_safe():
    assert safe_cut("aa<x>bb", None, {"<x>"}) == 5


def test_no_cut_inside_what_may_become_a_special_token():
    assert safe_cut("a <x y", "gpt2", {"<x y>"}) == 1  # not before " y", as without it:
    assert safe_cut("a <x y", "gpt2") == 4


def test_a_special_token_that_may_get_longer_waits():
    assert safe_cut("one two <x", "gpt2", {"<x>"}) == 7
    assert safe_cut("aa<x>", None, {"<x>", "<x><y>"}) == 0
    assert safe_cut("aa<x><y", None, {"<x>", "<x><y>"}) == 0
    assert safe_cut("aa<x><yy", None, {"<x>", "<x><y>"}) == 5
    assert safe_cut("aa<x>bbb", None, {"<x>", "<x><y>"}) == 5


@pytest.mark.parametrize("pattern", NAMES)
@settings(max_examples=200)
@given(before=tricky_text | any_text, after=tricky_text | any_text)
def test_a_cut_changes_no_piece_whatever_follows(pattern, before, after):
    cut = safe_cut(before, pattern)
    whole = list(split_words(before + after, pattern))
    parts = (before[:cut], before[cut:] + after)
    assert [piece for part in parts for piece in split_words(part, pattern)] == whole


@pytest.mark.parametrize("pattern", [*NAMES, None])
@settings(max_examples=100)
@given(
    chunks=st.lists(tricky_text | st.text("<|> s\n", max_size=5)),
    allowed=st.sets(st.sampled_from(SPECIAL)),
)
def test_chunks_give_the_ids_of_the_joined_text(pattern, chunks, allowed):
    bpe = _TRAINED[pattern]
    ids = list(bpe.encode_iterable(iter(chunks), allowed_special=allowed))
    assert ids == bpe.encode("".join(chunks), allowed_special=allowed)


@pytest.mark.parametrize("pattern", NAMES)
@pytest.mark.parametrize("size", [1, 2, 7])
def test_samples_cut_anywhere(pattern, size):
    text = "\n".join(TEXTS.values())
    chunks = [text[i : i + size] for i in range(0, len(text), size)]
    assert "".join(regroup(chunks, pattern, SPECIAL)) == text
    ids = list(_TRAINED[pattern].encode_iterable(chunks, "all"))
    assert ids == _TRAINED[pattern].encode(text, "all")


def test_lines_are_read_only_as_needed():
    def lines():
        for i in itertools.count():
            read.append(i)
            yield f"This is line {i} of endless ones.\n"

    read = []
    bpe = _TRAINED["gpt2"]
    first = list(itertools.islice(bpe.encode_iterable(lines()), 100))
    assert len(read) < 10
    assert bpe.decode(first).startswith("This is line 0 of endless ones.\nThis is line 1")


def test_groups_stay_small():
    line = "no more than a line is ever held back,\nand "
    assert max(map(len, regroup([line] * 100, "o200k"))) < 2 * len(line)


_TRAINED = {
    pattern: BPE.train(TEXTS.values(), n_merges=200, pattern=pattern, special=SPECIAL)
    for pattern in [*NAMES, None]
}
