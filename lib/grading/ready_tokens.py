"""Files of ids made with the course's tokenizer, for whoever trains a model before a tokenizer.

    python -m lib.grading.ready_tokens FOLDER/NAME VOCAB_SIZE

reads FOLDER/NAME-train.txt and -valid.txt; writes the ids of both, as unsigned 16-bit numbers in
little-endian order, and FOLDER/NAME.json with the vocabulary. The tests of assignments compare the
learner's files with these.
"""

import sys
from pathlib import Path

import numpy as np

from lib.corpora.cache import write_json
from lib.corpora.documents import END_OF_TEXT
from lib.tokenization.bpe import BPE
from lib.tokenization.fast_bpe import train_bpe
from lib.tokenization.token_files import encode_file


def make(stem: Path, vocab_size: int) -> BPE:
    """Train on the first text, encode both, and note the vocabulary."""
    texts = [stem.with_name(f"{stem.name}-{part}.txt") for part in ("train", "valid")]
    bpe = train_bpe(texts[0], vocab_size, special=[END_OF_TEXT], n_processes=1)
    for text in texts:
        write_ids(bpe, text, text.with_suffix(".ids"))
    end = bpe.special[END_OF_TEXT]
    tokens = {**bpe.tokens, end: END_OF_TEXT.encode()}
    readable = {id: token.decode("latin-1") for id, token in sorted(tokens.items())}
    write_json(stem.with_name(f"{stem.name}.json"), {"vocab": readable, "end_id": end})
    return bpe


def write_ids(bpe: BPE, text: Path, path: Path) -> None:
    """The ids of one file, and nothing else in the other."""
    made = path.with_name(f"{path.name}.made")
    ids = encode_file(
        bpe,
        text,
        made,
        n_processes=1,
        document_separator=END_OF_TEXT,
        resume=False,
        progress=False,
    )
    np.asarray(ids, "<u2").tofile(path)
    for part in (made, made.with_name(f"{made.name}.json")):
        part.unlink(missing_ok=True)


def main(stem: str, vocab_size: str) -> None:
    """Make the files, and say how many ids they hold."""
    bpe = make(Path(stem), int(vocab_size))
    for part in ("train", "valid"):
        path = Path(f"{stem}-{part}.ids")
        print(f"{path.name}: {path.stat().st_size // 2:,} ids, of {bpe.vocab_size:,} tokens")


if __name__ == "__main__":
    main(*sys.argv[1:])
