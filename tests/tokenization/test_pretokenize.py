import itertools

import pytest
import regex
import tiktoken
from hypothesis import given, settings
from sample_texts import TEXTS, any_text, tricky_text
from tokenizers import Regex
from tokenizers.pre_tokenizers import Split

from lib.tokenization.pretokenize import PATTERNS, pretokenize, split_words

NAMES = sorted(PATTERNS)


@pytest.mark.parametrize(
    ("pattern", "pieces"),
    [
        ("gpt2", ["I", "'ve", " 12345", " DON", "'", "T", "!", "\n  ", " theDay", "\n"]),
        ("cl100k", ["I", "'ve", " ", "123", "45", " DON", "'T", "!\n", "  ", " theDay", "\n"]),
        ("o200k", ["I've", " ", "123", "45", " DON'T", "!\n", "  ", " the", "Day", "\n"]),
        (None, ["I've 12345 DON'T!\n   theDay\n"]),
    ],
)
def test_the_patterns_differ(pattern, pieces):
    text = "I've 12345 DON'T!\n   theDay\n"
    assert list(split_words(text, pattern)) == pieces
    assert list(pretokenize(text, pattern)) == [piece.encode() for piece in pieces]


@pytest.mark.parametrize("pattern", [*NAMES, None, "a+", "", "(b)|c*"])
@given(text=any_text | tricky_text)
def test_joined_pieces_are_the_text(pattern, text):
    pieces = list(split_words(text, pattern))
    assert "".join(pieces) == text
    assert "" not in pieces


@pytest.mark.parametrize("pattern", NAMES)
@given(text=any_text | tricky_text)
def test_the_named_patterns_leave_nothing_out(pattern, text):
    assert "".join(match.group() for match in regex.finditer(PATTERNS[pattern], text)) == text


def test_white_space_at_the_end_of_the_text():
    assert list(split_words("a\n b\n ", "cl100k")) == ["a", "\n", " b", "\n "]
    assert list(split_words("a\n b\n ", "o200k")) == ["a", "\n", " b", "\n", " "]


def test_an_expression_of_your_own():
    assert list(split_words("xxaaxa", "a+")) == ["xx", "aa", "x", "a"]


@pytest.fixture(scope="module")
def published():
    """The expressions of tiktoken itself, read without its downloads."""
    from tiktoken_ext import openai_public

    with pytest.MonkeyPatch.context() as patch:
        for download in ("load_tiktoken_bpe", "data_gym_to_mergeable_bpe_ranks"):
            patch.setattr(openai_public, download, lambda *args, **kwargs: {})
        makers = {"gpt2": "gpt2", "cl100k": "cl100k_base", "o200k": "o200k_base"}
        return {name: getattr(openai_public, maker)()["pat_str"] for name, maker in makers.items()}


@pytest.fixture(scope="module")
def engines(published):
    """tiktoken with all bytes and pairs of bytes as tokens: where a piece ends shows in the ids."""
    tokens = [bytes([a]) for a in range(256)]
    tokens += [bytes(pair) for pair in itertools.product(range(256), repeat=2)]
    ranks = {token: rank for rank, token in enumerate(tokens)}
    return {
        name: tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
        for name, pattern in published.items()
    }


def _ids(engine, text, pattern):
    """What the engine makes of each of our pieces alone."""
    pieces = (piece.decode() for piece in pretokenize(text, pattern))
    return [id for piece in pieces for id in engine._encode_single_piece(piece)]


@pytest.mark.parametrize("pattern", NAMES)
@pytest.mark.parametrize("name", TEXTS)
def test_tiktoken_cuts_the_samples_as_we_do(engines, pattern, name):
    engine = engines[pattern]
    assert _ids(engine, TEXTS[name], pattern) == engine.encode_ordinary(TEXTS[name])


@pytest.mark.parametrize("pattern", NAMES)
@settings(max_examples=150)
@given(text=any_text | tricky_text)
def test_tiktoken_cuts_any_text_as_we_do(engines, pattern, text):
    assert _ids(engines[pattern], text, pattern) == engines[pattern].encode_ordinary(text)


@pytest.mark.parametrize("pattern", NAMES)
@settings(max_examples=150)
@given(text=any_text | tricky_text)
def test_a_third_engine_cuts_any_text_as_we_do(pattern, text):
    split = Split(Regex(PATTERNS[pattern]), "isolated")
    theirs = [piece for piece, _ in split.pre_tokenize_str(text)] if text else []
    assert list(split_words(text, pattern)) == theirs
