"""Wrong answers to part 1, training."""

from collections import Counter
from itertools import count, islice, pairwise
from pathlib import Path

from reference import tokenization as right
from wrong_answers import wrong
from wrong_tokenization import without

from lib.tokenization.byte_alphabet import spell


def planted(target, file):
    """The decorator of wrong answers in one place, once it knows the test that must see them."""
    return lambda test: wrong(target, caught_by=f"{file}::{test}")


wrong_count_pairs = planted("tokenization.count_pairs", "test_train_bpe.py")
wrong_best_pair = planted("tokenization.best_pair", "test_train_bpe.py")
wrong_merge = planted("tokenization.merge", "test_train_bpe.py")
wrong_train_bpe = planted("tokenization.train_bpe", "test_train_bpe.py")

BYTES = [bytes([byte]) for byte in range(256)]

# Pairs


def non_overlapping(words):
    """As str.count counts: the second a of aaa belongs to one pair only."""
    counts = Counter()
    for word, times in words.items():
        last = None
        for i, pair in enumerate(pairwise(word)):
            if last == (i - 1, pair):
                last = None
                continue
            counts[pair] += times
            last = (i, pair)
    return counts


@wrong_count_pairs("test_pairs_that_overlap_are_all_counted")
def overlapping_pairs_once(words):
    return dict(non_overlapping(words))


@wrong_count_pairs("test_pairs_are_counted_by_hand")
def each_word_once(words):
    return right.count_pairs(dict.fromkeys(words, 1))


@wrong_count_pairs("test_pairs_that_overlap_are_all_counted")
def each_pair_once_in_a_word(words):
    counts = Counter()
    for word, times in words.items():
        for pair in set(pairwise(word)):
            counts[pair] += times
    return counts


def key_smaller(counts, pair):
    return counts[pair], *([-byte for byte in token] + [0] for token in pair)


def key_first_seen(counts, pair):
    return counts[pair]


def key_gpt2_characters(counts, pair):
    return counts[pair], *map(spell, pair)


def key_joined(counts, pair):
    return counts[pair], b"".join(pair)


def key_longer(counts, pair):
    return counts[pair], len(b"".join(pair)), pair


@wrong_best_pair("test_ties_go_to_the_greater_pair")
def smaller_of_two(counts):
    return max(counts, key=lambda pair: key_smaller(counts, pair))


@wrong_best_pair("test_ties_go_to_the_greater_pair")
def first_of_two(counts):
    return max(counts, key=lambda pair: key_first_seen(counts, pair))


@wrong_best_pair("test_ties_go_to_the_greater_pair")
def greater_when_joined(counts):
    return max(counts, key=lambda pair: key_joined(counts, pair))


@wrong_best_pair("test_ties_go_to_the_greater_pair")
def longer_of_two(counts):
    return max(counts, key=lambda pair: key_longer(counts, pair))


@wrong_best_pair("test_ties_are_decided_by_bytes")
def greater_in_gpt2_characters(counts):
    return max(counts, key=lambda pair: key_gpt2_characters(counts, pair))


@wrong_best_pair("test_the_most_frequent_pair_wins")
def greatest_pair(counts):
    return max(counts)


@wrong_merge("test_a_pair_is_joined_everywhere_from_the_left")
def from_the_right(word, pair):
    merged = right.merge(word[::-1], pair[::-1])
    joined = b"".join(pair[::-1])
    return tuple(b"".join(pair) if token == joined else token for token in merged[::-1])


@wrong_merge("test_a_pair_is_joined_everywhere_from_the_left")
def first_place_only(word, pair):
    places = [i for i, two in enumerate(pairwise(word)) if two == pair]
    return (*word[: places[0]], b"".join(pair), *word[places[0] + 2 :]) if places else word


@wrong_merge("test_a_pair_is_joined_everywhere_from_the_left")
def by_what_they_join_to(word, pair):
    merged, i = [], 0
    while i < len(word):
        two = b"".join(word[i : i + 2]) == b"".join(pair)
        merged.append(b"".join(word[i : i + 2]) if two else word[i])
        i += 2 if two else 1
    return tuple(merged)


# Training


def read(path):
    return Path(path).read_bytes().decode(errors="replace")


def train(words, n_merges, special, key=lambda counts, pair: (counts[pair], pair), pairs=None):
    """The obvious training, with a choice of what to get wrong; `words` are counted bytes."""
    words = {tuple(word[i : i + 1] for i in range(len(word))): n for word, n in words.items()}
    merges = []
    for _ in range(n_merges):
        counts = (pairs or plain_pairs)(words)
        if not counts:
            break
        best = max(counts, key=lambda pair: key(counts, pair))
        words = merged_words(words, best)
        merges.append(best)
    tokens = [*BYTES, *map(b"".join, merges), *(token.encode() for token in special)]
    return dict(enumerate(tokens)), merges


def plain_pairs(words):
    counts = Counter()
    for word, times in words.items():
        for pair in pairwise(word):
            counts[pair] += times
    return counts


def merged_words(words, pair):
    merged = Counter()
    for word, times in words.items():
        merged[right.merge(word, pair) if pair in pairwise(word) else word] += times
    return merged


def n_merges(vocab_size, special_tokens):
    if vocab_size < 256 + len(special_tokens):
        raise ValueError("no room")
    return vocab_size - 256 - len(special_tokens)


def trained(path, vocab_size, special_tokens, **choices):
    words = right.count_words(read(path), special_tokens)
    return train(words, n_merges(vocab_size, special_tokens), special_tokens, **choices)


@wrong_train_bpe("test_ties_in_training")
def smaller_pair_wins(path, vocab_size, special_tokens):
    return trained(path, vocab_size, special_tokens, key=key_smaller)


@wrong_train_bpe("test_ties_in_training")
def ties_by_gpt2_characters(path, vocab_size, special_tokens):
    return trained(path, vocab_size, special_tokens, key=key_gpt2_characters)


@wrong_train_bpe("test_ties_in_training")
def first_seen_wins(path, vocab_size, special_tokens):
    return trained(path, vocab_size, special_tokens, key=key_first_seen)


@wrong_train_bpe("test_overlapping_pairs_in_training")
def overlaps_miscounted(path, vocab_size, special_tokens):
    return trained(path, vocab_size, special_tokens, pairs=non_overlapping)


@wrong_train_bpe("test_nothing_is_merged_across_pre_tokens")
def merges_across_pre_tokens(path, vocab_size, special_tokens):
    pieces = right.split_on_special(read(path), special_tokens)
    words = Counter(piece.encode() for piece in pieces if piece not in special_tokens)
    return train(words, n_merges(vocab_size, special_tokens), special_tokens)


@wrong_train_bpe("test_nothing_is_merged_across_pre_tokens")
def words_of_plain_split(path, vocab_size, special_tokens):
    pieces = right.split_on_special(read(path), special_tokens)
    words = [w.encode() for p in pieces if p not in special_tokens for w in p.split()]
    return train(Counter(words), n_merges(vocab_size, special_tokens), special_tokens)


@wrong_train_bpe("test_nothing_is_merged_across_special_tokens")
def merges_across_special_tokens(path, vocab_size, special_tokens):
    words = right.count_words(without(read(path), special_tokens), [])
    return train(words, n_merges(vocab_size, special_tokens), special_tokens)


@wrong_train_bpe("test_special_tokens_add_nothing_to_the_counts")
def special_tokens_are_text(path, vocab_size, special_tokens):
    words = right.count_words(read(path), [])
    return train(words, n_merges(vocab_size, special_tokens), special_tokens)


@wrong_train_bpe("test_the_size_counts_bytes_merges_and_special_tokens")
def size_without_special_tokens(path, vocab_size, special_tokens):
    return right.train_bpe(path, vocab_size + len(special_tokens), special_tokens)


@wrong_train_bpe("test_the_size_counts_bytes_merges_and_special_tokens")
def size_without_bytes(path, vocab_size, special_tokens):
    return right.train_bpe(path, vocab_size + 256, special_tokens)


@wrong_train_bpe("test_ids_are_bytes_then_merges_then_special_tokens")
def special_tokens_first(path, vocab_size, special_tokens):
    _, merges = right.train_bpe(path, vocab_size, special_tokens)
    special = [token.encode() for token in special_tokens]
    return dict(enumerate([*special, *BYTES, *map(b"".join, merges)])), merges


@wrong_train_bpe("test_training_ends_when_no_pair_is_left")
def special_ids_from_the_size(path, vocab_size, special_tokens):
    vocab, merges = right.train_bpe(path, vocab_size, special_tokens)
    vocab = dict(islice(vocab.items(), 256 + len(merges)))
    ids = count(vocab_size - len(special_tokens))
    return vocab | {id: token.encode() for token, id in zip(special_tokens, ids)}, merges


@wrong_train_bpe("test_training_ends_when_no_pair_is_left")
def merges_of_nothing(path, vocab_size, special_tokens):
    vocab, merges = right.train_bpe(path, vocab_size, special_tokens)
    missing = n_merges(vocab_size, special_tokens) - len(merges)
    return vocab, merges + [(b"", b"")] * missing


@wrong_train_bpe("test_a_size_without_room_is_refused")
def size_taken_as_it_comes(path, vocab_size, special_tokens):
    return right.train_bpe(path, max(vocab_size, 256 + len(special_tokens)), special_tokens)


@wrong_train_bpe("test_line_ends_stay_as_they_are")
def read_as_text_with_plain_line_ends(path, vocab_size, special_tokens):
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    words = right.count_words(text, special_tokens)
    return train(words, n_merges(vocab_size, special_tokens), special_tokens)


@wrong_train_bpe("test_invalid_bytes_are_replacement_characters")
def invalid_bytes_left_out(path, vocab_size, special_tokens):
    text = Path(path).read_bytes().decode(errors="ignore")
    words = right.count_words(text, special_tokens)
    return train(words, n_merges(vocab_size, special_tokens), special_tokens)


@wrong_train_bpe("test_random_words")
def counts_not_taken_back(path, vocab_size, special_tokens):
    """Adds the pairs that a merge makes, and forgets to subtract those that it takes apart."""
    words = right.count_words(read(path), special_tokens)
    total = Counter()

    def pairs(words):
        now = plain_pairs(words)
        total.update({pair: now[pair] for pair in now if pair not in total})
        return Counter({pair: total[pair] for pair in now})

    return train(words, n_merges(vocab_size, special_tokens), special_tokens, pairs=pairs)


@wrong_train_bpe("test_a_merge_does_not_look_at_every_word")
def everything_counted_again(path, vocab_size, special_tokens):
    return trained(path, vocab_size, special_tokens)


@wrong_train_bpe("test_a_merge_does_not_look_at_every_word")
def every_word_searched(path, vocab_size, special_tokens):
    """Changes only the counts that a merge changes, but looks for the pair in every word."""
    words = right.count_words(read(path), special_tokens)
    words = {tuple(word[i : i + 1] for i in range(len(word))): n for word, n in words.items()}
    counts, merges = plain_pairs(words), []
    for _ in range(n_merges(vocab_size, special_tokens)):
        best = max(counts, key=lambda pair: (counts[pair], pair))
        merges.append(best)
        for word in [word for word in words if best in pairwise(word)]:
            times = words.pop(word)
            merged = right.merge(word, best)
            words[merged] = times
            counts.subtract(plain_pairs({word: times}))
            counts.update(plain_pairs({merged: times}))
    return dict(enumerate([*BYTES, *map(b"".join, merges)])), merges
