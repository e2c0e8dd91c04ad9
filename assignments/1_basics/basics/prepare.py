"""The texts of the experiments as files of ids. Complete: there is nothing to write here.

    python -m basics.prepare tales            with your tokenizer, from part 1
    python -m basics.prepare tales ready      with the course's, if yours is not written yet

The texts are tales, docs, or tinystories, which is downloaded. What comes of it lies in
experiments/data/: two texts, NAME-train.txt and NAME-valid.txt; their ids, NAME-train.ids and
NAME-valid.ids; and the vocabulary, NAME.json.
"""

import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from basics import tokenizer_runs
from lib.corpora.cache import read_json, write_json
from lib.corpora.docs import docs
from lib.corpora.documents import END_OF_TEXT, Corpus
from lib.corpora.tales import Tales
from lib.grading.feedback import NotWritten

FOLDER = Path(__file__).parents[1] / "experiments" / "data"
VOCAB_SIZES = {"tales": 1024, "docs": 1024, "tinystories": 10_000}
BYTES = {"train": 5_000_000, "valid": 80_000}  # of tales and docs


def corpus(name: str, part: str) -> Corpus:
    """The texts of an experiment; the part is "train" or "valid"."""
    if name == "tales":
        return Tales().split(part).take(BYTES[part])
    if name == "docs":
        return docs(part, BYTES[part])
    return tokenizer_runs.corpus(name, part)


def prepare(name: str, folder: Path = FOLDER) -> None:
    """Write texts, vocabulary and ids, with the learner's tokenizer."""
    from adapters import tokenization  # which imports files that lie beside this one

    paths = write_texts(name, folder)
    vocab, merges = tokenization.train_bpe(paths[0], VOCAB_SIZES[name], [END_OF_TEXT])
    tokenizer = tokenization.tokenizer(vocab, merges, [END_OF_TEXT])
    for path in paths:
        with path.open(encoding="utf-8", newline="") as lines:  # "": line ends stay as they are
            n_ids = tokenization.write_ids(tokenizer, lines, path.with_suffix(".ids"))
        print(f"{path.with_suffix('.ids').name}: {n_ids:,} ids")
    readable = {id: token.decode("latin-1") for id, token in vocab.items()}
    write_json(folder / f"{name}.json", {"vocab": readable, "end_id": len(vocab) - 1})


def write_texts(name: str, folder: Path) -> list[Path]:
    """The two texts, each document followed by <|endoftext|>."""
    paths = [folder / f"{name}-{part}.txt" for part in ("train", "valid")]
    for path, part in zip(paths, ("train", "valid")):
        corpus(name, part).write_text(path)
    return paths


def end_id(name: str, folder: Path = FOLDER) -> int:
    """The id of <|endoftext|>, the last of the vocabulary: a prompt of it alone begins a text."""
    return read_vocabulary(name, folder)["end_id"]


def text_of(name: str, ids: Iterable[int], folder: Path = FOLDER) -> str:
    """The text of ids."""
    vocab = read_vocabulary(name, folder)["vocab"]
    return "".join(vocab[str(id)] for id in ids).encode("latin-1").decode(errors="replace")


def read_vocabulary(name: str, folder: Path) -> dict:
    """What `prepare` noted about the tokens."""
    found = read_json(folder / f"{name}.json")
    if found is None:
        raise NotWritten("4.1", f"run  python -m basics.prepare {name}  first.")
    return found


def main(arguments: Sequence[str]) -> None:
    """Prepare one of the texts."""
    if not arguments or arguments[0] not in VOCAB_SIZES or arguments[1:] not in ([], ["ready"]):
        sys.exit(__doc__)
    name, *ready = arguments
    if ready:
        write_texts(name, FOLDER)
        module = [sys.executable, "-m", "lib.grading.ready_tokens"]
        sys.exit(subprocess.call([*module, str(FOLDER / name), str(VOCAB_SIZES[name])]))
    try:
        prepare(name)
    except NotWritten as missing:
        sys.exit(f"{missing}\nOr, for now:  python -m basics.prepare {name} ready")


if __name__ == "__main__":
    main(sys.argv[1:])
