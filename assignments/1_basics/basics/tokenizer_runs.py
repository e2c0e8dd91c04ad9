"""Your tokenizer trained and measured on whole corpora. Complete: there is nothing to write here.

    python -m basics.tokenizer_runs train docs      steps 1.11, 1.12: docs, tales, or a larger one
    python -m basics.tokenizer_runs measure         step 1.19, with every tokenizer trained so far

Texts, records and files of ids go to experiments/tokenizers/, where the tests look for them.
"""

import hashlib
import os
import platform
import sys
import threading
import time
from collections.abc import Sequence
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import psutil
from tqdm import tqdm

from lib.corpora.cache import read_json, write_json
from lib.corpora.code import code
from lib.corpora.docs import docs
from lib.corpora.documents import END_OF_TEXT, Corpus
from lib.corpora.downloads import openwebtext_sample, tinystories
from lib.corpora.tales import Tales
from lib.grading.feedback import NotWritten

FOLDER = Path(__file__).parents[1] / "experiments" / "tokenizers"
VOCAB_SIZES = {
    "docs": 10_000,
    "tales": 10_000,
    "code": 32_000,  # 100 MB
    "tinystories": 10_000,  # downloaded, 2 GB
    "openwebtext": 32_000,  # downloaded, 12 GB unpacked
}
MEASURED = ("docs", "tales", "code")  # corpora that every tokenizer is measured on

# Corpora


def corpus(name: str, part: str) -> Corpus:
    """The texts of an experiment; the part is "train" or "valid"."""
    if name == "tinystories":
        return tinystories(part)
    if name == "openwebtext":
        return openwebtext_sample(part)
    return {"docs": docs, "tales": Tales, "code": code}[name]().split(part)


def ten_documents(texts: Corpus) -> list[str]:
    """Ten texts of a corpus, from everywhere in its first 10 MB."""
    some = list(islice(texts.take(10_000_000).texts(), 10_000))
    return some[:: max(len(some) // 10, 1)][:10]


# Training


def train(name: str, folder: Path) -> dict[str, Any]:
    """Train on a corpus; note what came of it, how long it took and how much memory."""
    from adapters import tokenization  # which imports this file

    path = folder / f"{name}-train.txt"
    tokenization.corpus(name, "train").write_text(path)
    memory, start = PeakMemory(), time.perf_counter()
    vocab, merges = tokenization.train_bpe(path, VOCAB_SIZES[name], [END_OF_TEXT])
    record = {
        "corpus": name,
        "text_sha256": sha256(path),
        "text_bytes": path.stat().st_size,
        "vocab_size": VOCAB_SIZES[name],
        "seconds": round(time.perf_counter() - start, 2),
        "peak_memory_mb": round(memory.stop() / 1e6),
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, {platform.system()}",
        "date": date.today().isoformat(),
        "longest_token": readable(max(vocab.values(), key=len)),
        "vocab": {id: token.decode("latin-1") for id, token in vocab.items()},
        "merges": [[left.decode("latin-1"), right.decode("latin-1")] for left, right in merges],
    }
    write_json(folder / f"{name}.json", record)
    return record


def read_run(name: str, folder: Path) -> dict[str, Any]:
    """What `train` noted, with the tokens as bytes again."""
    record = read_json(folder / f"{name}.json")
    if record is None:
        step = "1.11" if name == "docs" else "1.12"
        raise NotWritten(step, f"run  python -m basics.tokenizer_runs train {name}  first.")
    record["vocab"] = {int(id): text.encode("latin-1") for id, text in record["vocab"].items()}
    record["merges"] = [tuple(text.encode("latin-1") for text in pair) for pair in record["merges"]]
    return record


class PeakMemory:
    """Watches, from when it is made, how much memory this process and its children hold at most."""

    def __init__(self) -> None:
        self.bytes, self.done = 0, threading.Event()
        self.watching = threading.Thread(target=self.watch, daemon=True)
        self.watching.start()

    def watch(self) -> None:
        me = psutil.Process()
        while True:
            self.bytes = max(self.bytes, sum(map(held, [me, *me.children(recursive=True)])))
            if self.done.wait(0.05):
                return

    def stop(self) -> int:
        self.done.set()
        self.watching.join()
        return self.bytes


def held(process: psutil.Process) -> int:
    """Bytes of memory; none where the process has just ended."""
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


def sha256(path: Path) -> str:
    """What two files have in common only if they are equal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def readable(token: bytes) -> str:
    return token.decode("utf-8", errors="backslashreplace")


# Measuring


def measure(folder: Path) -> dict[str, Any]:
    """Encode with every trained tokenizer; note bytes per token and bytes per second."""
    from adapters import tokenization

    trained = [name for name in VOCAB_SIZES if (folder / f"{name}.json").exists()]
    if not trained:
        raise NotWritten("1.11", "run  python -m basics.tokenizer_runs train docs  first.")
    record: dict[str, Any] = {"bytes_per_token": {}, "bytes_per_second": {}, "n_ids": {}}
    for name in tqdm(trained, "measuring", leave=False):
        run = read_run(name, folder)
        tokenizer = tokenization.tokenizer(run["vocab"], run["merges"], [END_OF_TEXT])
        record["bytes_per_token"][name] = {
            other: tokenization.bytes_per_token(
                tokenizer, ten_documents(tokenization.corpus(other, "valid"))
            )
            for other in dict.fromkeys([*MEASURED, *trained])
        }
        tokenization.corpus(name, "valid").write_text(folder / f"{name}-valid.txt")
        for part in ("valid", "train"):
            n_ids, bytes_per_second = encode_file(tokenizer, folder / f"{name}-{part}.txt")
            record["n_ids"][f"{name}-{part}"] = n_ids
        record["bytes_per_second"][name] = round(bytes_per_second)  # of the longer part
    write_json(folder / "measured.json", record)
    return record


def encode_file(tokenizer: Any, path: Path) -> tuple[int, float]:
    """Write the ids of a text beside it: how many, and how many bytes of text in a second."""
    from adapters import tokenization

    start = time.perf_counter()
    with path.open(encoding="utf-8", newline="") as lines:  # "": line ends stay as they are
        n_ids = tokenization.write_ids(tokenizer, lines, path.with_suffix(".ids"))
    return n_ids, path.stat().st_size / (time.perf_counter() - start)


def read_measurements(folder: Path) -> dict[str, Any]:
    """What `measure` noted."""
    record = read_json(folder / "measured.json")
    if record is None:
        raise NotWritten("1.19", "run  python -m basics.tokenizer_runs measure  first.")
    return record


# The command


def main(arguments: Sequence[str]) -> None:
    """Train or measure, and show what was noted except for the vocabulary itself."""
    if len(arguments) == 2 and arguments[0] == "train" and arguments[1] in VOCAB_SIZES:
        print(f"Training on {arguments[1]}; what comes of it will be in {FOLDER}.", flush=True)
        record = train(arguments[1], FOLDER)
        record["tokens"] = len(record.pop("vocab"))
        record["merges"] = len(record["merges"])
    elif list(arguments) == ["measure"]:
        record = measure(FOLDER)
    else:
        sys.exit(__doc__)
    for key, value in record.items():
        print(f"{key:>16}  {value}")


if __name__ == "__main__":
    main(sys.argv[1:])
