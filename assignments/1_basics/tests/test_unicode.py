"""Unicode: what characters are, and what they cost as bytes."""

import codecs
import unicodedata

from adapters import tokenization
from lib.corpora.samples import SAMPLES
from lib.grading import answers
from lib.grading.feedback import holds, same
from lib.grading.problems import problem

ENCODINGS = ("utf-8", "utf-16-le", "utf-32-le")


# unicode1


@problem("unicode1")
def test_the_repr_of_the_first_character():
    yours = answers.words("unicode1.repr_of_chr_0")
    rule = "Copy what Python shows for repr(chr(0)), with or without its quotes."
    holds(yours.strip().strip("'\"") == repr(chr(0)).strip("'"), rule, yours=yours)


@problem("unicode1")
def test_the_first_character_counts():
    given = 'len("tom" + chr(0) + "tim")'
    same(answers.number("unicode1.length"), len("tom" + chr(0) + "tim"), given=given)


@problem("unicode1")
def test_the_kind_of_the_first_character():
    yours = answers.words("unicode1.category")
    rule = "unicodedata.category() knows the kind of a character, two letters long."
    holds(yours == unicodedata.category(chr(0)), rule, given="chr(0)", yours=yours)


@problem("unicode1")
def test_what_print_does_with_it_is_described():
    answers.words("unicode1.repr_and_print", at_least=8)


# unicode2


@problem("unicode2")
def test_bytes_are_counted():
    for text, encoding, expected in (
        ("", "utf-8", (0, 0)),
        ("a", "utf-8", (1, 0)),
        ("a", "utf-16-le", (2, 1)),
        ("a", "utf-32-le", (4, 3)),
        ("é", "utf-8", (2, 0)),
        ("\0", "utf-8", (1, 1)),
        ("Ā", "utf-16-le", (2, 1)),
        ("🌍", "utf-8", (4, 0)),
        ("🌍", "utf-16-le", (4, 0)),
        ("🌍", "utf-32-le", (4, 1)),
    ):
        yours = tokenization.count_bytes(text, encoding)
        same(yours, expected, given=f"text {text!r}, encoding {encoding!r}")


@problem("unicode2")
def test_bytes_are_counted_in_every_language():
    for language, text in SAMPLES.items():
        for encoding in ENCODINGS:
            data = text.encode(encoding)
            expected = len(data), data.count(0)
            given = f"the {language} story of lib/corpora/samples.py in {encoding}"
            same(tokenization.count_bytes(text, encoding), expected, given=given)


@problem("unicode2")
def test_the_shares_of_zeros_in_english():
    for encoding, key in zip(ENCODINGS, ("utf_8", "utf_16", "utf_32")):
        yours = answers.number(f"unicode2.zeros_in_{key}")
        data = SAMPLES["English"].encode(encoding)
        expected = data.count(0) / len(data)
        given = f"zero bytes / all bytes of the English story in {encoding}"
        same(yours, expected, given=given, within=0.005)


@problem("unicode2")
def test_a_text_that_decoding_byte_by_byte_breaks():
    text = answers.words("unicode2.broken_text")
    rule = "Decoding must fail at its first byte and at every other: no character of one byte."
    holds(not any(map(str.isascii, text)), rule, yours=text)


@problem("unicode2")
def test_two_bytes_that_nothing_can_save():
    yours = answers.words("unicode2.invalid_pair")
    try:
        pair = bytes.fromhex(yours)
    except ValueError:
        pair = b""
    holds(len(pair) == 2, 'Write two bytes in hexadecimal, like "68 c3".', yours=yours)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(pair)
    except UnicodeDecodeError:
        return
    rule = "The pair must be wrong whatever bytes follow it; yours is whole characters"
    rule += " or the beginning of one."
    holds(False, rule, yours=pair)


@problem("unicode2")
def test_the_choice_of_utf_8_is_explained():
    answers.words("unicode2.why_utf_8", at_least=15)
