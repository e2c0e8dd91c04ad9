"""Our own file: everything a BPE knows, in one JSON file that a person can read."""

import json
import os
from pathlib import Path

from lib.tokenization.atomic import write_atomically
from lib.tokenization.bpe import BPE

FORMAT, VERSION = "lectures/bpe", 1


def save(bpe: BPE, path: str | os.PathLike) -> None:
    """Write the file, all of it or nothing.

    Bytes are written as the Latin-1 characters of the same numbers, which keeps ASCII readable and
    every byte distinct.
    """
    content = {
        "format": FORMAT,
        "version": VERSION,
        "pattern": bpe.pattern,
        "ignore_merges": bpe.ignore_merges,
        **({"normal_form": bpe.normal_form} if bpe.normal_form else {}),
        "special": bpe.special,
        "tokens": {id: token.decode("latin-1") for id, token in bpe.tokens.items()},
        "merges": [[left.decode("latin-1"), right.decode("latin-1")] for left, right in bpe.merges],
    }
    write_atomically(path, json.dumps(content))


def load(path: str | os.PathLike) -> BPE:
    """Read what `save` wrote."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON text, which own_json.load reads: {error}.") from error
    found = (content.get("format"), content.get("version")) if isinstance(content, dict) else None
    if found != (FORMAT, VERSION):
        raise ValueError(
            f"own_json.load reads files of format {FORMAT!r} in version {VERSION}, and {path} says "
            f"{found}. Tokenizers of others have loaders beside this one: gpt2_files, "
            "tiktoken_files, huggingface_json."
        )
    return BPE(
        tokens={int(id): token.encode("latin-1") for id, token in content["tokens"].items()},
        merges=[(a.encode("latin-1"), b.encode("latin-1")) for a, b in content["merges"]],
        special=content["special"],
        pattern=content["pattern"],
        ignore_merges=content["ignore_merges"],
        normal_form=content.get("normal_form"),
    )
