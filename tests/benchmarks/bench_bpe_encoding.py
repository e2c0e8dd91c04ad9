"""BPE encoding, from a file of text to a file of ids: ours against tiktoken and Hugging Face's.

    python run.py bench encoding            10 MB, 10,000 tokens: some minutes
    python run.py bench encoding --full     100 MB, 32,000 tokens

All encode with the vocabulary that we trained on the same text; nothing is downloaded. tiktoken and
tokenizers get our chunks and our processes, since what they offer for many texts keeps all ids in
memory.
"""

import hashlib
import os
import random
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from runner import Benchmark, write_corpus

END = "<|endoftext|>"


def fast(path: str, vocabulary: str, n: int) -> Callable[[], str]:
    from lib.tokenization.own_json import load
    from lib.tokenization.token_files import encode_file

    bpe = load(vocabulary)

    def work() -> str:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "ids"
            encode_file(bpe, path, out, n_processes=n, document_separator=END, progress=False)
            return digest(out)

    return work


def words_only(path: str, vocabulary: str, n: int) -> Callable[[], str]:
    """The part of our encoding that no cache can save: finding the words."""
    from lib.tokenization.chunks import file_chunks
    from lib.tokenization.fast_split import fast_split_words

    def work() -> str:
        for chunk in file_chunks(path, "gpt2", [END]):
            for document in chunk.read().split(END):
                for _ in fast_split_words(document):
                    pass
        return ""

    return work


def tiktoken(path: str, vocabulary: str, n: int) -> Callable[[], str]:
    return partial(encode_chunks, path, partial(_tiktoken_chunk, peer_encoding(vocabulary)), n)


def peer_encoding(vocabulary: str):
    """tiktoken's encoder with our vocabulary."""
    import tiktoken

    from lib.tokenization.own_json import load
    from lib.tokenization.pretokenize import PATTERNS

    bpe = load(vocabulary)
    ranks = {token: id for id, token in bpe.tokens.items()}
    return tiktoken.Encoding(
        "ours", pat_str=PATTERNS["gpt2"], mergeable_ranks=ranks, special_tokens=bpe.special
    )


def _tiktoken_chunk(encoding, chunk) -> bytes:
    ids = encoding.encode_to_numpy(chunk.read(), allowed_special={END})
    return ids.astype(np.uint16).tobytes()


def hugging_face(path: str, vocabulary: str, n: int) -> Callable[[], str]:
    from tokenizers import Tokenizer

    from lib.tokenization.huggingface_json import save_huggingface
    from lib.tokenization.own_json import load

    with tempfile.TemporaryDirectory() as folder:
        save_huggingface(load(vocabulary), Path(folder) / "tokenizer.json")
        tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
    return partial(encode_chunks, path, partial(_hugging_face_chunk, tokenizer), n)


def _hugging_face_chunk(tokenizer, chunk) -> bytes:
    documents = [document + END for document in chunk.read().split(END)]
    if documents[-1] == END:  # the chunk ended with a separator
        documents.pop()
    else:
        documents[-1] = documents[-1].removesuffix(END)
    ids = [encoding.ids for encoding in tokenizer.encode_batch_fast(documents)]
    return b"".join(np.array(document, np.uint16).tobytes() for document in ids)


def encode_chunks(path: str, encode: Callable[..., bytes], n: int) -> str:
    """What `encode_file` does, without its notes for the case that it is interrupted."""
    from lib.tokenization.chunks import file_chunks
    from lib.tokenization.workers import ordered_map

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "ids"
        with out.open("wb") as file:
            for ids in ordered_map(encode, file_chunks(path, "gpt2", [END]), n):
                file.write(ids)
        return digest(out)


def fast_long(vocabulary: str, n: int) -> Callable[[], str]:
    """Twenty words of 20,000 letters, one of them repeated, the others random."""
    from lib.tokenization.fast_encode import FastEncoder
    from lib.tokenization.own_json import load

    return partial(encode_long_words, FastEncoder(load(vocabulary)).encode)


def tiktoken_long(vocabulary: str, n: int) -> Callable[[], str]:
    return partial(encode_long_words, peer_encoding(vocabulary).encode_ordinary)


def encode_long_words(encode: Callable[[str], list[int]]) -> str:
    draw = random.Random(0)
    words = ["a" * 20_000, *("".join(draw.choices("etaoinshr", k=20_000)) for _ in range(19))]
    return hashlib.sha256(repr([encode(word) for word in words]).encode()).hexdigest()


def readable(path: str, vocabulary: str, n: int) -> Callable[[], str]:
    from lib.tokenization.own_json import load

    bpe = load(vocabulary)
    text = Path(path).read_bytes().decode()
    return lambda: hashlib.sha256(
        np.array(bpe.encode(text, {END}), np.uint16).tobytes()
    ).hexdigest()


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def trained(text: Path, vocab_size: int) -> Path:
    """The vocabulary that all encode with, trained once."""
    from lib.tokenization.fast_bpe import train_bpe
    from lib.tokenization.own_json import save

    path = text.with_name(f"{text.stem}-{vocab_size}.json")
    if not path.exists():
        save(train_bpe(text, vocab_size, special=[END]), path)
    return path


def main() -> int:
    contestants = [fast, words_only, tiktoken, hugging_face, fast_long, tiktoken_long, readable]
    benchmark = Benchmark("BPE encoding, file to file", contestants)
    full = benchmark.options.full
    all_threads, pairs = os.cpu_count() or 1, 3 if full else 5
    size, vocab_size = (100, 32_000) if full else (10, 10_000)
    text = write_corpus(size)
    vocabulary = str(trained(text, vocab_size))

    def versus(peer: str, n: int, target: float, clock: str, pairs: int = pairs) -> None:
        arguments = {"path": str(text), "vocabulary": vocabulary, "n": n}
        name = f"{size} MB, {vocab_size:,} tokens, {n} process{'es' * (n > 1)}, against {peer}"
        benchmark.compare(
            name, ("fast", arguments), (peer, arguments), target=target, clock=clock, pairs=pairs
        )

    versus("tiktoken", 1, 1 / 0.6, "cpu")
    versus("tiktoken", all_threads, 1 / 0.6, "wall")
    versus("hugging_face", 1, 1 / 3, "cpu", pairs=3)
    small = {"path": str(write_corpus(1)), "vocabulary": vocabulary, "n": 1}
    benchmark.compare(
        "1 MB against the readable twin", ("fast", small), ("readable", small), target=0.2, pairs=3
    )
    long = {"vocabulary": vocabulary, "n": 1}
    benchmark.compare(
        "20 words of 20 kB against tiktoken",
        ("fast_long", long),
        ("tiktoken_long", long),
        target=15,  # with the square of the length in it, it would be hundreds
        pairs=3,
    )
    return benchmark.report()


if __name__ == "__main__":
    sys.exit(main())
