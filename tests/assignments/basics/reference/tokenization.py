"""Tokenization as `lib` has it, in the form in which the tests of assignment 1 call it."""

import tempfile
from collections import Counter
from functools import cache
from itertools import islice, pairwise
from pathlib import Path

import numpy as np

from basics import tokenizer_runs
from lib.corpora.cache import write_json
from lib.corpora.tales import Tales
from lib.tokenization import bpe, fast_bpe, gpt2_files
from lib.tokenization.fast_encode import FastEncoder
from lib.tokenization.pretokenize import pretokenize
from lib.tokenization.special import split_on_special
from lib.tokenization.streaming import regroup


def count_bytes(text, encoding):
    data = text.encode(encoding)
    return len(data), data.count(0)


def count_words(text, special_tokens):
    pieces = split_on_special(text, special_tokens)
    return Counter(w for p in pieces if p not in special_tokens for w in pretokenize(p))


# lib's functions take ids where the assignment's take bytes.


def with_ids(words):
    tokens = sorted({token for word in words for token in word})
    return tokens, {tuple(map(tokens.index, word)): count for word, count in words.items()}


def count_pairs(words):
    tokens, words = with_ids(words)
    counts = bpe.pair_counts(words)
    return {(tokens[left], tokens[right]): count for (left, right), count in counts.items()}


def best_pair(counts):
    tokens, counts = with_ids(counts)
    left, right = bpe.best_pair(counts, dict(enumerate(tokens)))
    return tokens[left], tokens[right]


def merge(word, pair):
    return tuple(bpe.merge(word, pair, b"".join(pair)))


def train_bpe(path, vocab_size, special_tokens):
    trained = fast_bpe.train_bpe(path, vocab_size, special=special_tokens, n_processes=1)
    special = {id: token.encode() for token, id in trained.special.items()}
    return trained.tokens | special, trained.merges


def split_word(word, ranks):
    tokens = [bytes([byte]) for byte in word]
    while known := [pair for pair in pairwise(tokens) if pair in ranks]:
        first = min(known, key=ranks.__getitem__)
        tokens = bpe.merge(tokens, first, b"".join(first))
    return tokens


class Tokenizer:
    def __init__(self, vocab, merges, special_tokens=None):
        special = dict.fromkeys(special_tokens or ())
        of_bytes = {token: id for id, token in vocab.items()}
        highest = max(vocab)
        for token in special:
            special[token] = of_bytes.get(token.encode())
            if special[token] is None:
                highest += 1
                special[token] = highest
        ordinary = {id: token for id, token in vocab.items() if id not in special.values()}
        self.vocab = vocab
        self.bpe = bpe.BPE(ordinary, list(merges), special)
        self.fast = FastEncoder(self.bpe)

    def save(self, vocab_path, merges_path):
        gpt2_files.save_gpt2(self.bpe, vocab_path, merges_path)

    def encode(self, text):
        return self.fast.encode(text, allowed_special="all")

    def encode_iterable(self, texts):
        groups = regroup(texts, self.bpe.pattern, self.bpe.special)
        return (id for group in groups for id in self.encode(group))

    def decode(self, ids):
        return self.bpe.decode(ids)


def tokenizer(vocab, merges, special_tokens=None):
    return Tokenizer(vocab, merges, special_tokens)


def tokenizer_from_files(vocab_path, merges_path, special_tokens=None):
    loaded = gpt2_files.load_gpt2(vocab_path, merges_path)
    known = {id: token.encode() for token, id in loaded.special.items()}
    return Tokenizer(loaded.tokens | known, loaded.merges, special_tokens)


def bytes_per_token(tokenizer, texts):
    texts = list(texts)
    n_ids = sum(len(tokenizer.encode(text)) for text in texts)
    return sum(len(text.encode()) for text in texts) / n_ids


def write_ids(tokenizer, texts, path):
    if tokenizer.bpe.vocab_size > 1 << 16:
        raise ValueError(f"{tokenizer.bpe.vocab_size} ids do not fit into 16 bits.")
    ids, n_ids = tokenizer.encode_iterable(texts), 0
    with open(path, "wb") as file:
        while some := list(islice(ids, 10_000)):
            file.write(np.array(some, "<u2").tobytes())
            n_ids += len(some)
    return n_ids


# The experiments, on corpora that take no time


def corpus(name, part):
    words = {"docs": 40, "tales": 10, "code": 20}[name]
    return Tales(seed=words, n_documents=60, vocabulary=words).split(part)


@cache
def runs():
    folder = tempfile.TemporaryDirectory(prefix="tokenizers-")  # goes when this process ends
    tokenizer_runs.train("docs", Path(folder.name))
    tokenizer_runs.train("tales", Path(folder.name))
    measured = tokenizer_runs.measure(Path(folder.name))
    measured["bytes_per_second"]["docs"] = 1e6  # what answers/tokenization.toml goes on from
    write_json(Path(folder.name) / "measured.json", measured)
    return folder


def runs_folder():
    return Path(runs().name)
