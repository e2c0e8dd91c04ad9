"""BPE training: ours against Hugging Face's tokenizers, rustbpe if installed, and a full rescan.

python run.py bench training            10 MB, 10,000 tokens: some minutes
python run.py bench training --full     100 MB, 32,000 tokens
"""

import hashlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path

from runner import Benchmark, write_corpus

END = "<|endoftext|>"


def digest(tokens: Iterable[bytes]) -> str:
    """Equal for equal sets of tokens."""
    return hashlib.sha256(b"\0".join(token.hex().encode() for token in sorted(tokens))).hexdigest()


def fast(path: str, vocab_size: int, n: int, tie_break: str = "smaller-id") -> Callable[[], str]:
    from lib.tokenization.fast_bpe import train_bpe

    def work() -> str:
        bpe = train_bpe(path, vocab_size, special=[END], n_processes=n, tie_break=tie_break)
        return digest(bpe.tokens.values())

    return work


def words_only(path: str, vocab_size: int, n: int) -> Callable[[], str]:
    """The part of our training that no better merging can save: finding and counting the words."""
    from lib.tokenization.fast_bpe import count_words

    def work() -> str:
        count_words(path, special=[END], n_processes=n)
        return ""

    return work


def hugging_face(path: str, vocab_size: int, n: int) -> Callable[[], str]:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    from lib.tokenization.byte_alphabet import unspell

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=[END],
        show_progress=False,
    )

    def work() -> str:
        tokenizer.train_from_iterator(documents(path), trainer)
        return digest(unspell(token) for token in tokenizer.get_vocab() if token != END)

    return work


def rustbpe(path: str, vocab_size: int, n: int) -> Callable[[], str]:
    import rustbpe

    from lib.tokenization.pretokenize import PATTERNS

    def work() -> str:
        tokenizer = rustbpe.Tokenizer()
        tokenizer.train_from_iterator(documents(path), vocab_size - 1, pattern=PATTERNS["gpt2"])
        return digest(bytes(token) for token, _ in tokenizer.get_mergeable_ranks())

    return work


def readable(path: str, vocab_size: int, n: int) -> Callable[[], str]:
    from lib.tokenization.bpe import BPE

    text = Path(path).read_bytes().decode()
    return lambda: digest(BPE.train(text, vocab_size, special=[END]).tokens.values())


def full_rescan(path: str, vocab_size: int, n: int) -> Callable[[], str]:
    """What courses usually show (ours, written in the style of minbpe): all pairs of all words, in
    the order of the text and as often as they stand there, counted and merged anew each time."""
    from lib.tokenization.bpe import merge
    from lib.tokenization.pretokenize import pretokenize
    from lib.tokenization.special import split_on_special

    text = Path(path).read_bytes().decode()

    def work() -> str:
        pieces = [piece for piece in split_on_special(text, [END]) if piece != END]
        words = [list(word) for piece in pieces for word in pretokenize(piece)]
        tokens = {byte: bytes([byte]) for byte in range(256)}
        while len(tokens) < vocab_size - 1:
            counts: dict[tuple[int, int], int] = {}
            for word in words:
                for pair in pairwise(word):
                    counts[pair] = counts.get(pair, 0) + 1
            best = max(counts, key=lambda pair: (counts[pair], tokens[pair[0]], tokens[pair[1]]))
            words = [merge(word, best, len(tokens)) for word in words]
            tokens[len(tokens)] = tokens[best[0]] + tokens[best[1]]
        return digest(tokens.values())

    return work


def documents(path: str) -> Iterable[str]:
    """The documents one by one: the peers do not know where a file can be cut."""
    from lib.tokenization.chunks import file_chunks

    for chunk in file_chunks(path, None, [END]):
        yield from filter(None, chunk.read().split(END))


def main() -> int:
    contestants = [fast, words_only, hugging_face, rustbpe, readable, full_rescan]
    benchmark = Benchmark("BPE training", contestants)
    full = benchmark.options.full
    all_threads, pairs = os.cpu_count() or 1, 3 if full else 5
    size, vocab_size = (100, 32_000) if full else (10, 10_000)
    small_size, small_pairs = (1, 1) if full else (0.1, 3)
    text, small = str(write_corpus(size)), str(write_corpus(small_size))

    def versus(peer: str, n: int, target: float, clock: str) -> None:
        arguments = {"path": text, "vocab_size": vocab_size, "n": n}
        name = f"{size} MB, {vocab_size:,} tokens, {n} process{'es' * (n > 1)}, against {peer}"
        benchmark.compare(
            name, ("fast", arguments), (peer, arguments), target=target, clock=clock, pairs=pairs
        )

    versus("hugging_face", 1, 0.65 if full else 1.0, "cpu")
    versus("hugging_face", all_threads, 0.65 if full else 1.0, "wall")
    if importlib.util.find_spec("rustbpe"):
        versus("rustbpe", all_threads, 1.9, "wall")
    arguments = {"path": small, "vocab_size": 512, "n": 1}
    for ours, target in (("readable", 1 / 10), ("fast", 1 / 150)):
        benchmark.compare(
            f"{small_size:g} MB, 512 tokens, {ours} against full_rescan",
            (ours, arguments | ({"tie_break": "greater"} if ours == "fast" else {})),
            ("full_rescan", arguments),
            target=target,
            pairs=small_pairs,
        )
    return benchmark.report()


if __name__ == "__main__":
    sys.exit(main())
