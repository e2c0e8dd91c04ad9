"""The fast encoder against the readable one and against tiktoken, given the same vocabulary."""

import pickle
import random
import time

import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_texts import TEXTS, any_text, tricky_text

from lib.tokenization.bpe import BPE
from lib.tokenization.fast_bpe import train_bpe
from lib.tokenization.fast_encode import LONG, FastEncoder, merge_long, merge_short
from lib.tokenization.pretokenize import PATTERNS

END, PAD = "<|endoftext|>", "<|endoftext|><|pad|>"  # one begins like the other
TRAINED = {
    pattern: train_bpe(TEXTS.values(), 700, pattern=pattern, special=[END, PAD])
    for pattern in [*PATTERNS, None]
}


def peer(bpe: BPE) -> tiktoken.Encoding:
    ranks = {token: id for id, token in bpe.tokens.items()}
    pattern = PATTERNS.get(bpe.pattern, r"(?s).+")
    return tiktoken.Encoding(
        "ours", pat_str=pattern, mergeable_ranks=ranks, special_tokens=bpe.special
    )


@pytest.mark.parametrize("pattern", TRAINED)
@given(text=any_text | tricky_text | st.sampled_from(list(TEXTS.values())))
@settings(max_examples=60, deadline=None)
def test_ids_are_those_of_the_readable_version_and_of_tiktoken(pattern, text):
    bpe = TRAINED[pattern]
    ids = FastEncoder(bpe).encode(text)
    assert ids == bpe.encode(text) == peer(bpe).encode_ordinary(text)
    assert bpe.decode(ids) == text


def test_special_tokens_only_where_allowed():
    bpe = TRAINED["gpt2"]
    encoder = FastEncoder(bpe)
    text = f"a{PAD}b{END}"
    end, pad = bpe.special[END], bpe.special[PAD]
    a, b = bpe.ids[b"a"], bpe.ids[b"b"]
    assert encoder.encode(text, "all") == [a, pad, b, end]
    assert encoder.encode(text, {END})[:2] == [a, end] and pad not in encoder.encode(text, {END})
    assert not {end, pad} & set(encoder.encode(text))
    for allowed in ((), "all", {END}, {PAD}):
        assert encoder.encode(text, allowed) == bpe.encode(text, allowed)
    with pytest.raises(ValueError, match="none"):
        encoder.encode(text, {"<|other|>"})


def test_ids_of_any_kind():
    """A loaded vocabulary has ids of its own: shuffled, with holes, in the range of surrogates."""
    bpe = TRAINED["gpt2"]
    numbers = [*range(0xD700, 0xE000), 70_000, 100_000]
    renumbered = dict(zip(bpe.tokens, random.Random(0).sample(numbers, len(bpe.tokens))))
    tokens = {renumbered[id]: token for id, token in bpe.tokens.items()}
    for special in ({}, {END: 1 << 20}):
        loaded = BPE(tokens, bpe.merges, special)
        encoder = FastEncoder(loaded)
        for text in [*TEXTS.values(), "é" * 300]:
            ids = encoder.encode(text, "all")
            assert ids == loaded.encode(text, "all")
            assert encoder.encode_packed(text, "all") == b"".join(
                id.to_bytes(encoder.dtype.itemsize, "little") for id in ids
            )


@pytest.mark.parametrize(("n_ids", "dtype"), [(1 << 16, "<u2"), ((1 << 16) + 1, "<u4")])
def test_two_bytes_as_long_as_they_suffice(n_ids, dtype):
    bpe = BPE({byte: bytes([byte]) for byte in range(256)}, [], {END: n_ids - 1})
    assert bpe.vocab_size == n_ids
    encoder = FastEncoder(bpe)
    assert encoder.dtype == dtype
    assert encoder.encode(f"ab{END}", "all") == [97, 98, n_ids - 1]


def test_a_word_that_is_a_token_is_taken_whole_where_the_vocabulary_says_so():
    tokens = {byte: bytes([byte]) for byte in range(256)} | {256: b"bc", 257: b"ab", 258: b"abc"}
    merges = [(b"b", b"c"), (b"a", b"b"), (b"ab", b"c")]
    for ignore_merges, ids in ((False, [97, 256]), (True, [258])):
        bpe = BPE(tokens, merges, pattern=None, ignore_merges=ignore_merges)
        assert FastEncoder(bpe).encode("abc") == bpe.encode("abc") == ids


@st.composite
def odd_merges(draw: st.DrawFn) -> tuple[dict[int, bytes], list[tuple[bytes, bytes]]]:
    """Tokens and merges in an order that no training makes, such as one before its parts exist."""
    tokens = [b"a", b"b", b"c"]
    pairs = draw(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=15))
    merges = []
    for left, right in pairs:
        merges.append((tokens[left % len(tokens)], tokens[right % len(tokens)]))
        tokens.append(b"".join(merges[-1]))
    merges = draw(st.permutations(list(dict.fromkeys(merges))))
    vocabulary = [bytes([byte]) for byte in range(256)] + list(dict.fromkeys(tokens[3:]))
    return dict(enumerate(vocabulary)), merges


@given(vocabulary=odd_merges(), text=st.text(st.sampled_from("aabc"), max_size=40))
@settings(max_examples=150, deadline=None)
def test_short_and_long_words_merge_alike(vocabulary, text):
    bpe = BPE(*vocabulary, pattern=None)
    encoder = FastEncoder(bpe)
    slow = "".join(map(chr, bpe.encode(text)))
    assert merge_short(text, encoder.rules) == merge_long(text, encoder.rules) == slow


@pytest.mark.parametrize("length", [LONG - 1, LONG, LONG + 1, 1000])
def test_words_around_the_length_where_the_method_changes(length):
    bpe = TRAINED["gpt2"]
    for text in ("a" * length, "é" * length, "".join(random.Random(0).choices("etaoin", k=length))):
        assert FastEncoder(bpe).encode(text) == bpe.encode(text) == peer(bpe).encode(text)


def test_a_long_word_is_not_merged_the_short_way():
    """2,000 merges in 4,000 letters: the short way looks at all letters again for each merge."""
    draw = random.Random(0)
    words = ["".join(draw.choices("etaoinshrdlu", k=12)) for _ in range(3000)]
    encoder = FastEncoder(train_bpe(words, 2256, n_processes=1))
    word = "".join(draw.choices("etaoinshrdlu", k=4000))
    encoder.encode("warm up")
    start = time.process_time()
    ids = encoder.encode(word)
    middle = time.process_time()
    slow = merge_short(word, encoder.rules)
    end = time.process_time()
    assert "".join(map(chr, ids)) == slow
    assert middle - start < (end - middle) / 4  # measured: about a fortieth


def test_the_cache_is_bounded_and_forgetting_changes_nothing():
    bpe = TRAINED["gpt2"]
    small = FastEncoder(bpe, cache_size=3)
    for text in TEXTS.values():
        assert small.encode(text) == bpe.encode(text)
        assert len(small._cache) <= 3
    small.encode("x" * 1000)
    assert "x" * 1000 not in small._cache


def test_another_process_gets_the_vocabulary_without_the_cache():
    encoder = FastEncoder(TRAINED["gpt2"])
    before = len(pickle.dumps(encoder))
    ids = [encoder.encode(text) for text in TEXTS.values()]
    copy = pickle.loads(pickle.dumps(encoder))
    assert [copy.encode(text) for text in TEXTS.values()] == ids
    assert len(pickle.dumps(FastEncoder(TRAINED["gpt2"]))) == len(pickle.dumps(encoder)) >= before


def test_half_a_character_is_explained_like_in_the_readable_version():
    with pytest.raises(ValueError, match="lone surrogate"):
        FastEncoder(TRAINED["gpt2"]).encode("a\ud800")
