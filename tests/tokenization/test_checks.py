import pytest

from lib.tokenization.checks import check_special, check_vocabulary, number_of_merges

BYTES = {byte: bytes([byte]) for byte in range(256)}


def test_a_whole_vocabulary_passes():
    check_vocabulary({**BYTES, 300: b"ab"}, [(b"a", b"b")], {"<x>": 256})


@pytest.mark.parametrize(
    ("special", "message"), [(["<a>", ""], "at least one character"), (["<a>", "<a>"], "repeats")]
)
def test_special_tokens_that_cannot_work(special, message):
    with pytest.raises(ValueError, match=message):
        check_special(special)


@pytest.mark.parametrize(
    ("tokens", "merges", "special", "message"),
    [
        ({**BYTES, 255: b"ab"}, [], {}, r"lacks 1 of them, the first b'\\xff'"),
        (BYTES, [(b"a", b"b")], {}, r"of b'a' \+ b'b' = b'ab' not all three"),
        ({**BYTES, 256: b"abc"}, [(b"ab", b"c")], {}, "not all three"),
        (BYTES, [], {"<x>": 97, "<y>": 300}, r"\['<x>'\] do not all have ids of their own"),
        (BYTES, [], {"<x>": 300, "<y>": 300}, "ids of their own"),
        (BYTES, [], {"": 300}, "at least one character"),
    ],
)
def test_what_is_missing_is_named(tokens, merges, special, message):
    with pytest.raises(ValueError, match=message):
        check_vocabulary(tokens, merges, special)


def test_either_size_gives_the_number_of_merges():
    assert number_of_merges(vocab_size=300, n_merges=None, n_special=2) == 42
    assert number_of_merges(vocab_size=258, n_merges=None, n_special=2) == 0
    assert number_of_merges(vocab_size=None, n_merges=7, n_special=2) == 7


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((None, None, 0), "either vocab_size or n_merges"),
        ((300, 44, 0), "either vocab_size or n_merges"),
        ((257, None, 2), "there can't be -1 merges. Use a vocab_size of at least 258"),
    ],
)
def test_sizes_that_cannot_be(sizes, message):
    with pytest.raises(ValueError, match=message):
        number_of_merges(*sizes)
