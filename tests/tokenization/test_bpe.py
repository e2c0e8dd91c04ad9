import pickle
import time
from itertools import pairwise

import numpy as np
import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_texts import TEXTS, any_text, tricky_text

from lib.tokenization.bpe import (
    BPE,
    best_pair,
    count_words,
    merge,
    merge_words,
    merges,
    pair_counts,
)

BYTES = {byte: bytes([byte]) for byte in range(256)}
CAT = "the cat in the hat"


# The parts, by hand


def test_words_are_counted_as_bytes():
    assert count_words(["a b b", "a é"]) == {(97,): 2, (32, 98): 2, (32, 0xC3, 0xA9): 1}
    assert count_words(["a b"], pattern=None) == {(97, 32, 98): 1}


def test_special_tokens_are_not_counted():
    assert count_words(["a<x>b<x>"], None, ["<x>"]) == {(97,): 1, (98,): 1}


def test_pairs_are_counted_as_often_as_their_words():
    assert pair_counts({(7, 8, 7, 8): 10, (8, 7): 3, (7,): 99}) == {(7, 8): 20, (8, 7): 13}
    assert pair_counts({(7, 7, 7): 1}) == {(7, 7): 2}  # overlaps count


def test_the_most_frequent_pair_wins():
    assert best_pair({(97, 98): 2, (120, 121): 1}, BYTES) == (97, 98)


def test_ties_go_to_the_greater_byte_strings():
    tokens = {**BYTES, 256: b"ab", 257: b"a"}
    assert best_pair({(97, 122): 5, (98, 97): 5}, tokens) == (98, 97)
    assert best_pair({(97, 99): 5, (97, 98): 5}, tokens) == (97, 99)  # then the right one
    assert best_pair({(97, 122): 5, (256, 98): 5}, tokens) == (256, 98)  # b"ab" > b"a"
    assert best_pair({(98, 97): 5, (256, 98): 5}, tokens) == (98, 97)  # not the greater id


def test_merging_goes_from_the_left():
    assert merge([7, 7, 7, 1], (7, 7), 9) == [9, 7, 1]
    assert merge([7, 7, 7, 7], (7, 7), 9) == [9, 9]
    assert merge([1, 2, 3, 1, 2], (1, 2), 9) == [9, 3, 9]
    assert merge([2, 1], (1, 2), 9) == [2, 1]
    assert merge([], (1, 2), 9) == []


def test_merging_words_keeps_their_counts():
    words = {(1, 2, 3): 5, (2, 1): 4}
    assert merge_words(words, (1, 2), 9) == {(9, 3): 5, (2, 1): 4}


# Training, by hand


def test_the_cat_in_the_hat():
    states = list(merges(count_words([CAT], pattern=None), 3))
    assert [(s.step, s.pair, s.new_id, s.token, s.count, s.n_tokens) for s in states] == [
        (0, (116, 104), 256, b"th", 2, 16),
        (1, (256, 101), 257, b"the", 2, 14),
        (2, (257, 32), 258, b"the ", 2, 12),
    ]
    assert states[1].pair_bytes == (b"th", b"e")
    assert states[2].words == {(258, *b"cat in ", 258, *b"hat"): 1}


def test_states_are_yielded_one_by_one():
    steps = merges(count_words(["abab"]), 1_000_000_000)
    assert next(steps).token == b"ab"


def test_training_ends_when_nothing_is_left_to_join():
    assert [state.token for state in merges({(97, 98, 99): 1}, 10)] == [b"bc", b"abc"]
    assert BPE.train("abc", n_merges=10).vocab_size == 258


def test_merges_do_not_cross_words_documents_or_special_tokens():
    assert BPE.train("a b", n_merges=9, pattern="gpt2").merges == [(b" ", b"b")]
    assert BPE.train(["a", "b"], n_merges=9, pattern=None).merges == []
    assert BPE.train("a<x>b", n_merges=9, pattern=None, special=["<x>"]).merges == []


def test_ids_are_bytes_then_merges_then_special_tokens():
    bpe = BPE.train("ababab", vocab_size=259, pattern=None, special=["<y>", "<x>"])
    assert bpe.merges == [(b"a", b"b")]
    assert bpe.tokens == {**BYTES, 256: b"ab"}
    assert bpe.special == {"<y>": 257, "<x>": 258}
    assert bpe.vocab_size == 259


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({}, "vocab_size or n_merges"),
        ({"vocab_size": 300, "n_merges": 3}, "vocab_size or n_merges"),
        ({"vocab_size": 257}, "at least 258"),
        ({"n_merges": -1}, "can't be -1 merges"),
    ],
)
def test_sizes_that_cannot_be(sizes, message):
    with pytest.raises(ValueError, match=message):
        BPE.train("text", special=["<x>", "<y>"], **sizes)


def test_special_tokens_that_cannot_be():
    with pytest.raises(ValueError, match="at least one character"):
        BPE.train("text", n_merges=1, special=[""])


# Training, compared


def _rescan(text, n_merges, pattern):
    """Training as many courses write it: every merge counts and rewrites the whole text again."""
    tokens = dict(BYTES)
    pieces = [list(word) for word in count_words([text], pattern)]
    counts_of = list(count_words([text], pattern).values())
    pieces = [list(piece) for piece, count in zip(pieces, counts_of) for _ in range(count)]
    learned = []
    for new_id in range(256, 256 + n_merges):
        counts = {}
        for ids in pieces:
            for pair in pairwise(ids):
                counts[pair] = counts.get(pair, 0) + 1
        if not counts:
            break
        most = max(counts.values())
        equals = [(tokens[a], tokens[b], a, b) for (a, b), count in counts.items() if count == most]
        left, right, a, b = max(equals)
        tokens[new_id] = left + right
        learned.append((left, right))
        for ids in pieces:
            i = 0
            while i < len(ids) - 1:
                if ids[i] == a and ids[i + 1] == b:
                    ids[i : i + 2] = [new_id]
                i += 1
    return learned


@pytest.mark.parametrize("pattern", ["gpt2", "o200k", None])
def test_the_same_merges_as_a_full_rescan_on_the_samples(pattern):
    text = "\n".join(TEXTS.values())
    assert BPE.train(text, n_merges=150, pattern=pattern).merges == _rescan(text, 150, pattern)


@given(st.text("ab ", max_size=60))
def test_the_same_merges_as_a_full_rescan_where_runs_overlap(text):
    assert BPE.train(text, n_merges=20, pattern=None).merges == _rescan(text, 20, None)


@settings(max_examples=300)
@given(st.text("ab", max_size=60))
def test_no_two_merges_make_the_same_bytes(text):
    tokens = BPE.train(text, n_merges=30, pattern=None).tokens
    assert len(set(tokens.values())) == len(tokens)


# Encoding


@pytest.fixture(scope="module")
def cat():
    return BPE.train(CAT, n_merges=3, pattern=None, special=["<|end|>"])


@pytest.fixture(scope="module")
def trained():
    return BPE.train(TEXTS.values(), n_merges=400, special=["<|a|>", "<|a|><|b|>", "<|b|>"])


def test_encoding_the_quick_brown_fox(cat):
    ids = cat.encode("the quick brown fox")
    assert ids == [258, *b"quick brown fox"]
    assert len(ids) == 16


def test_merges_apply_in_the_order_they_were_made():
    merges = [(b"b", b"c"), (b"a", b"b"), (b"a", b"bc")]
    bpe = BPE({**BYTES, 256: b"bc", 257: b"ab", 258: b"abc"}, merges)
    assert bpe.encode("abab") == [257, 257]
    assert bpe.encode("abc") == [258]  # not ab, c: bc came first
    assert bpe.encode("abcab") == [258, 257]


def test_an_early_merge_made_possible_late_still_goes_first():
    merges = [(b"ab", b"c"), (b"c", b"d"), (b"a", b"b")]
    bpe = BPE({**BYTES, 256: b"abc", 257: b"cd", 258: b"ab"}, merges)
    assert bpe.encode("abcd") == [258, 257]  # cd goes before ab, which makes abc possible too late
    assert bpe.encode("abc") == [256]


def test_merges_stay_inside_words():
    bpe = BPE({**BYTES, 256: b"a "}, [(b"a", b" ")], pattern="gpt2")
    assert bpe.encode("a a") == [97, 32, 97]


def test_ids_need_not_be_in_order():
    tokens = {1000 - byte: bytes([byte]) for byte in range(256)} | {3: b"ab", 2: b"abc"}
    bpe = BPE(tokens, [(b"a", b"b"), (b"ab", b"c")], special={"<x>": 7})
    assert bpe.encode("abcab<x>", allowed_special="all") == [2, 3, 7]
    assert bpe.decode([2, 3, 7, 903]) == "abcab<x>a"
    assert bpe.vocab_size == 1001


def test_a_word_that_is_a_token_can_be_taken_whole():
    tokens = {**BYTES, 256: b"abc"}
    assert BPE(tokens, []).encode("abc") == [97, 98, 99]
    assert BPE(tokens, [], ignore_merges=True).encode("abc abc") == [256, 32, 97, 98, 99]


def test_typed_special_tokens_are_text(cat):
    ids = cat.encode("a<|end|>")
    assert ids == [*b"a<|end|>"]
    assert cat.decode(ids) == "a<|end|>"


def test_allowed_special_tokens_are_single_ids(cat):
    end = cat.special["<|end|>"]
    assert end == 259
    assert cat.encode("the <|end|>the ", allowed_special="all") == [258, end, 258]
    assert cat.encode("the <|end|>the ", allowed_special={"<|end|>"}) == [258, end, 258]
    assert cat.decode([258, end]) == "the <|end|>"


def test_of_overlapping_special_tokens_the_longest_wins(trained):
    a, ab, b = (trained.special[token] for token in ("<|a|>", "<|a|><|b|>", "<|b|>"))
    assert trained.encode("<|a|><|b|><|a|>", "all") == [ab, a]
    assert trained.encode("<|a|><|b|>", {"<|a|>", "<|b|>"}) == [a, b]
    assert trained.encode("<|a|><|b|>", {"<|b|>"})[-1] == b


@given(any_text | tricky_text)
def test_users_cannot_forge_special_tokens(trained, text):
    ids = trained.encode(text + "<|a|><|b|>" + text)
    assert not set(ids) & set(trained.special.values())


@given(any_text | tricky_text)
def test_round_trip(trained, text):
    assert trained.decode(trained.encode(text)) == text
    with_special = text + "<|b|>" + text
    assert trained.decode(trained.encode(with_special, "all")) == with_special


@given(any_text | tricky_text)
def test_the_same_ids_as_tiktoken(trained, text):
    assert trained.encode(text) == _tiktoken(trained).encode_ordinary(text)


def _tiktoken(bpe):
    if bpe.merges[0] not in _tiktoken.made:
        _tiktoken.made[bpe.merges[0]] = tiktoken.Encoding(
            "ours",
            pat_str=r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
            mergeable_ranks={token: id for id, token in bpe.tokens.items()},
            special_tokens={},
        )
    return _tiktoken.made[bpe.merges[0]]


_tiktoken.made = {}


def test_long_runs_do_not_blow_up():
    bpe = BPE.train("a" * 64, n_merges=6, pattern=None)
    assert bpe.tokens[261] == b"a" * 64
    start = time.process_time()
    ids = bpe.encode("a" * 20_001)
    assert time.process_time() - start < 1
    assert ids == [261] * 312 + [260] + [97]  # 312 x 64 + 32 + 1


def test_the_empty_text(trained):
    assert trained.encode("") == []
    assert list(trained.encode_iterable([])) == list(trained.encode_iterable(["", ""])) == []
    assert trained.decode([]) == ""
    assert trained.offsets("") == []


# Decoding


def test_malformed_bytes_become_replacement_characters(cat):
    assert cat.decode([0xF0, 0x9F, 258, 0xFF]) == "\ufffdthe \ufffd"
    assert cat.decode_bytes([0xF0, 0x9F, 258, 0xFF]) == b"\xf0\x9fthe \xff"


def test_ids_may_come_from_numpy(cat):
    assert cat.decode(np.array([258, 97], dtype=np.uint16)) == "the a"


def test_characters_split_over_tokens_come_back_together(cat):
    assert cat.decode(iter("🌍".encode())) == "🌍"


@given(st.lists(st.integers(0, 655)))
def test_any_ids_decode_as_tiktoken_decodes_them(trained, ids):
    assert trained.decode(ids) == _tiktoken(trained).decode(ids)


@pytest.mark.parametrize("id", [-1, 260])
def test_an_unknown_id_is_an_error(cat, id):
    with pytest.raises(ValueError, match=f"{id} is no id of this vocabulary; its highest is 259"):
        cat.decode([id])


# The object


def test_a_vocabulary_that_is_not_whole_is_an_error():
    with pytest.raises(ValueError, match="not all three are tokens"):
        BPE(BYTES, [(b"a", b"b")])


def test_it_fits_on_a_line(cat):
    assert repr(cat) == "<BPE: 259 tokens, 3 merges, 1 special tokens, pattern None>"
    (state,) = merges({(97, 98): 1}, 1)
    assert repr(state) == (
        "Merge(step=0, pair=(97, 98), pair_bytes=(b'a', b'b'), new_id=256, token=b'ab', count=1)"
    )


def test_it_can_be_sent_to_another_process(trained):
    trained.encode("fill the caches")
    again = pickle.loads(pickle.dumps(trained))
    assert again == trained
    assert again.encode(TEXTS["emoji"]) == trained.encode(TEXTS["emoji"])
