"""Wrong answers to part 1, text and pre-tokens: what people really get wrong, and who sees it."""

import re
from collections import Counter

from reference import tokenization as right
from wrong_answers import wrong

from lib.grading.answers import read_answers


def planted(target, file):
    """The decorator of wrong answers in one place, once it knows the test that must see them."""
    return lambda test: wrong(target, caught_by=f"{file}::{test}")


wrong_count_bytes = planted("tokenization.count_bytes", "test_unicode.py")
wrong_answer = planted("answers.read_answers", "test_unicode.py")
wrong_pretokenize = planted("tokenization.pretokenize", "test_pretokenize.py")
wrong_split_on_special = planted("tokenization.split_on_special", "test_pretokenize.py")
wrong_count_words = planted("tokenization.count_words", "test_pretokenize.py")


# Unicode


@wrong_count_bytes("test_bytes_are_counted")
def characters_instead_of_bytes(text, encoding):
    return len(text), right.count_bytes(text, encoding)[1]


@wrong_count_bytes("test_bytes_are_counted")
def zero_digits_instead_of_zero_bytes(text, encoding):
    data = text.encode(encoding)
    return len(data), data.count(b"0")


def answered(table, **changes):
    """The right answers with some changed."""
    answers = read_answers()  # the right ones: this name is not swapped
    return answers | {table: answers[table] | changes}


@wrong_answer("test_two_bytes_that_nothing_can_save")
def pair_that_only_lacks_its_end():
    return answered("unicode2", invalid_pair="e2 82")


@wrong_answer("test_two_bytes_that_nothing_can_save")
def pair_that_is_a_character():
    return answered("unicode2", invalid_pair="c3 a9")


@wrong_answer("test_a_text_that_decoding_byte_by_byte_breaks")
def text_that_is_half_ascii():
    return answered("unicode2", broken_text="né")


@wrong_answer("test_the_shares_of_zeros_in_english")
def zeros_with_a_byte_order_mark_for_three_letters():
    data = "abc".encode("utf-16")
    return answered("unicode2", zeros_in_utf_16=data.count(0) / len(data))


# Pre-tokens


@wrong_pretokenize("test_pre_tokens_by_hand")
def plain_split(text):
    return (word.encode() for word in text.split())


@wrong_pretokenize("test_pre_tokens_by_hand")
def ascii_letters_only(text):
    pattern = r"'(?:[sdmt]|ll|ve|re)| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+"
    return (word.encode() for word in re.findall(pattern, text))


@wrong_split_on_special("test_special_tokens_are_taken_literally")
def special_tokens_as_patterns(text, special_tokens):
    try:
        parts = re.split(f"({'|'.join(special_tokens)})", text) if special_tokens else [text]
    except re.error:
        parts = [text]
    return filter(None, parts)


def split_in_order(text, special_tokens):
    pattern = "|".join(map(re.escape, special_tokens))
    return filter(None, re.split(f"({pattern})", text) if pattern else [text])


@wrong_split_on_special("test_the_longest_special_token_wins")
def first_listed_wins(text, special_tokens):
    return split_in_order(text, special_tokens)


@wrong_split_on_special("test_the_longest_special_token_wins")
def shorter_special_wins_in_splitting(text, special_tokens):
    return split_in_order(text, sorted(special_tokens, key=len))


@wrong_split_on_special("test_no_piece_is_empty")
def empty_pieces(text, special_tokens):
    pattern = "|".join(map(re.escape, sorted(special_tokens, key=len, reverse=True)))
    return iter(re.split(f"({pattern})", text) if pattern else [text])


@wrong_count_words("test_special_tokens_are_not_counted")
def special_tokens_are_words(text, special_tokens):
    pieces = right.split_on_special(text, special_tokens)
    return Counter(
        word
        for piece in pieces
        for word in ([piece.encode()] if piece in special_tokens else right.pretokenize(piece))
    )


@wrong_count_words("test_the_pattern_does_not_see_across_special_tokens")
def special_tokens_taken_out(text, special_tokens):
    return right.count_words(without(text, special_tokens), [])


def without(text, special_tokens):
    pieces = right.split_on_special(text, special_tokens)
    return "".join(piece for piece in pieces if piece not in special_tokens)
