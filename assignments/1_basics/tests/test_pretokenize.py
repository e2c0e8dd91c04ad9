"""Pre-tokens by hand, then against lib on texts of growing length."""

import random

from adapters import tokenization
from lib.corpora.samples import CODE_SAMPLE, EMOJI_SAMPLE, SAMPLES
from lib.grading.feedback import same
from lib.grading.problems import problem
from lib.tokenization import pretokenize as oracle
from lib.tokenization.special import split_on_special

PARTS = (*"aBé7½'!-你🌍 \n\t", "'s", "'ll", "  ", "\r\n")


def random_texts(parts: tuple[str, ...], lengths: range, seed: int = 0) -> list[str]:
    """Texts of parts chosen at random, the shortest first."""
    choose = random.Random(seed)
    return ["".join(choose.choices(parts, k=length)) for length in lengths for _ in range(20)]


# pretokenize


@problem("pretokenize")
def test_pre_tokens_by_hand():
    for text, expected in (
        ("", []),
        ("a", [b"a"]),
        ("to be", [b"to", b" be"]),
        ("to  be", [b"to", b" ", b" be"]),
        ("it's", [b"it", b"'s"]),
        ("IT'S", [b"IT", b"'", b"S"]),
        ("b2b!?", [b"b", b"2", b"b", b"!?"]),
        ("a\n\n b", [b"a", b"\n\n", b" b"]),
        ("a \n", [b"a", b" \n"]),
        ("né", ["né".encode()]),
    ):
        same(list(tokenization.pretokenize(text)), expected, given=f"text {text!r}")


@problem("pretokenize")
def test_pre_tokens_of_random_texts():
    for text in random_texts(PARTS, range(1, 12)):
        expected = list(oracle.pretokenize(text))
        same(list(tokenization.pretokenize(text)), expected, given=f"text {text!r}")


@problem("pretokenize")
def test_nothing_is_lost():
    for text in (*SAMPLES.values(), CODE_SAMPLE, EMOJI_SAMPLE):
        joined = b"".join(tokenization.pretokenize(text)).decode()
        same(joined, text, given="a sample text; compared are its pre-tokens, joined")


# split_on_special


@problem("split_on_special")
def test_special_tokens_are_pieces_of_their_own():
    for text, special, expected in (
        ("no marks", [], ["no marks"]),
        ("a<x>b", ["<x>"], ["a", "<x>", "b"]),
        ("a<x>", ["<y>", "<x>"], ["a", "<x>"]),
        ("a<x", ["<x>"], ["a<x"]),
    ):
        given = f"text {text!r}, special tokens {special}"
        same(list(tokenization.split_on_special(text, special)), expected, given=given)


@problem("split_on_special")
def test_no_piece_is_empty():
    for text, special, expected in (
        ("", [], []),
        ("", ["<x>"], []),
        ("<x>", ["<x>"], ["<x>"]),
        ("<x><x>", ["<x>"], ["<x>", "<x>"]),
    ):
        given = f"text {text!r}, special tokens {special}"
        same(list(tokenization.split_on_special(text, special)), expected, given=given)


@problem("split_on_special")
def test_special_tokens_are_taken_literally():
    for text, special, expected in (
        ("a|b", ["|"], ["a", "|", "b"]),
        ("abc.", ["."], ["abc", "."]),
        ("a<|x|>b", ["<|x|>"], ["a", "<|x|>", "b"]),
        ("[x]x", ["[x]"], ["[x]", "x"]),
    ):
        given = f"text {text!r}, special tokens {special}"
        same(list(tokenization.split_on_special(text, special)), expected, given=given)


@problem("split_on_special")
def test_the_longest_special_token_wins():
    for text, special, expected in (
        ("abc", ["a", "ab"], ["ab", "c"]),
        ("abc", ["ab", "a"], ["ab", "c"]),
        ("<x><x>", ["<x>", "<x><x>"], ["<x><x>"]),
        ("<x><x><x>", ["<x>", "<x><x>"], ["<x><x>", "<x>"]),
        ("abc", ["ab", "bc"], ["ab", "c"]),
        ("abcd", ["bc", "bcd", "cd"], ["a", "bcd"]),
    ):
        given = f"text {text!r}, special tokens {special}"
        same(list(tokenization.split_on_special(text, special)), expected, given=given)


@problem("split_on_special")
def test_special_tokens_in_random_texts():
    for special in (["a"], ["ab", "a"], ["aa", "aba", "b c"]):
        for text in random_texts(("a", "b", " ", "c"), range(1, 9)):
            given = f"text {text!r}, special tokens {special}"
            expected = list(split_on_special(text, special))
            same(list(tokenization.split_on_special(text, special)), expected, given=given)


# count_words


@problem("count_words")
def test_words_are_counted_by_hand():
    for text, expected in (
        ("", {}),
        ("to", {b"to": 1}),
        ("to be to be", {b"to": 1, b" be": 2, b" to": 1}),
        ("é é", {"é".encode(): 1, " é".encode(): 1}),
    ):
        yours = dict(tokenization.count_words(text, []))
        same(yours, expected, given=f"text {text!r}, no special tokens")


@problem("count_words")
def test_special_tokens_are_not_counted():
    for text, expected in (
        ("<x>", {}),
        ("to be<x>to be", {b"to": 2, b" be": 2}),
        ("a<x><x>", {b"a": 1}),
    ):
        yours = dict(tokenization.count_words(text, ["<x>"]))
        same(yours, expected, given=f"text {text!r}, special tokens ['<x>']")


@problem("count_words")
def test_the_pattern_does_not_see_across_special_tokens():
    for text, expected in (
        ("a<x>b", {b"a": 1, b"b": 1}),
        ("a <x>b", {b"a": 1, b" ": 1, b"b": 1}),
        ("a  <x> b", {b"a": 1, b"  ": 1, b" b": 1}),
        ("it'<x>s", {b"it": 1, b"'": 1, b"s": 1}),
    ):
        yours = dict(tokenization.count_words(text, ["<x>"]))
        same(yours, expected, given=f"text {text!r}, special tokens ['<x>']")
