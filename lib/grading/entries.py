"""Entries of a leaderboard on disk: what they say of themselves, and what they claim.

entries/<name>/entry.py       the code, see the module of the contest
entries/<name>/entry.toml     who, what, and the claim; in lib.grading.contest, for example:

    author = "Ada"
    track = "tales"           # or "docs"
    budget = "cpu"            # or "mini", "gpu"
    seed = 1
    description = "A Transformer of 3 layers, AdamW, 2 minutes on a laptop."

    [claim]                   # written by  python run.py leaderboard 1 add <folder>
    bits_per_byte = 0.1234
    flops = 9.98e12
    corpus = "0123456789ab"
    torch = "2.13.0"
"""

import json
import tomllib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from lib.corpora.cache import atomic_file
from lib.grading import contest as training_contest
from lib.grading.boards import contest_of


@dataclass(frozen=True)
class Entry:
    """One entry; `claim` is a Score of its contest, and None until it has been run."""

    folder: Path
    contest: ModuleType
    about: dict[str, Any]
    claim: Any = None

    @property
    def name(self) -> str:
        """What the table calls it."""
        return self.folder.name


def read_entry(folder: Path, contest: ModuleType = training_contest) -> Entry:
    """The entry in a folder; ValueError says what is wrong with it."""
    try:
        table = tomllib.loads((folder / "entry.toml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{folder} has no entry.toml, which says who enters what.") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{folder / 'entry.toml'}: {error}.") from None
    claim = table.pop("claim", None)
    for key, kind in contest.KEYS.items():
        if not isinstance(table.get(key), kind):
            raise ValueError(f"{folder.name}/entry.toml: {key} is missing, or no {kind.__name__}.")
    if unknown := set(table) - set(contest.KEYS):
        raise ValueError(f"{folder.name}/entry.toml: {min(unknown)!r} is no key of an entry.")
    for key, choices in contest.choices().items():
        if table[key] not in choices:
            raise ValueError(f"{folder.name}/entry.toml: {key} is one of {', '.join(choices)}.")
    return Entry(folder, contest, table, None if claim is None else _score(contest, claim))


def _score(contest: ModuleType, claim: dict[str, Any]) -> Any:
    """The claim's numbers and texts in the types that the contest gives them."""
    return contest.Score(
        **{field.name: field.type(claim[field.name]) for field in fields(contest.Score)}
    )


def write_claim(entry: Entry, score: Any) -> Entry:
    """Put the score into entry.toml, in place of an earlier one; atomically."""
    claim = {**asdict(score), "torch": torch.__version__}
    lines = [*_toml(entry.about), "", "[claim]", *_toml(claim)]
    with atomic_file(entry.folder / "entry.toml") as file:
        file.write("\n".join(lines) + "\n")
    return replace(entry, claim=score)


def _toml(table: dict[str, object]) -> Iterable[str]:
    """Strings and numbers are written in TOML as in JSON."""
    return (f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items())


def read_entries(board: Path) -> list[Entry]:
    """All entries below a leaderboard's folder, the best first, as the contest orders them."""
    contest = contest_of(board)
    paths = board.glob("entries/*/entry.toml")
    return sorted((read_entry(path.parent, contest) for path in paths), key=contest.order)


def markdown(entries: list[Entry], number: str) -> str:
    """The page: tables with a line for each entry that has been run."""
    return (entries[0].contest if entries else training_contest).page(entries, number)
