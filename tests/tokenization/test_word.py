import pytest
from hypothesis import given
from sample_texts import any_text

from lib.tokenization.word import WordTokenizer

SENTENCE = "I'll say supercalifragilisticexpialidocious!"


def test_words_carry_the_space_before_them():
    tokenizer = WordTokenizer.train(SENTENCE)
    assert tokenizer.words == ["<unk>", "I", "'ll", " say", SENTENCE[8:-1], "!"]
    assert tokenizer.encode(SENTENCE) == [1, 2, 3, 4, 5]


def test_unknown_words_are_lost():
    tokenizer = WordTokenizer.train("the cat sat")
    assert tokenizer.encode("the dog sat") == [1, 0, 3]
    assert tokenizer.decode([1, 0, 3]) == "the<unk> sat"


def test_the_most_frequent_words_are_kept_and_the_first_seen_of_equals():
    tokenizer = WordTokenizer.train("b a c a c d", vocab_size=4)
    assert tokenizer.words == ["<unk>", " a", " c", "b"]
    assert tokenizer.vocab_size == 4


def test_without_unk_an_unknown_word_is_an_error():
    tokenizer = WordTokenizer.train("the cat", unk=None)
    assert tokenizer.words == ["the", " cat"]
    with pytest.raises(ValueError, match="' dog' is none of the 2 known words"):
        tokenizer.encode("the dog")


@given(any_text)
def test_known_words_round_trip(text):
    tokenizer = WordTokenizer.train(text)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert 0 not in tokenizer.encode(text)
