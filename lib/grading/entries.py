"""Entries of a leaderboard on disk, and the table that is made of them.

entries/<name>/entry.py       the code, see lib.grading.contest
entries/<name>/entry.toml     who, what, and the claim:

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
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from lib.corpora.cache import atomic_file
from lib.grading.contest import BUDGETS, TRACKS, Score, optimum

KEYS = {"author": str, "track": str, "budget": str, "seed": int, "description": str}
HEAD = "| | entry | author | bits per byte | {above}FLOPs | seed | corpus | description |"
PREFACE = """\
# Leaderboard

Fewer bits per byte of held-out text are better. A budget is a number of operations in training,
never a time. Written by `python run.py leaderboard {number} table` from `entries/`; do not edit.
"""


@dataclass(frozen=True)
class Entry:
    """One entry; `claim` is None until it has been run."""

    folder: Path
    author: str
    track: str
    budget: str
    seed: int
    description: str
    claim: Score | None = None

    @property
    def name(self) -> str:
        """What the table calls it."""
        return self.folder.name


def read_entry(folder: Path) -> Entry:
    """The entry in a folder; ValueError says what is wrong with it."""
    try:
        table = tomllib.loads((folder / "entry.toml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{folder} has no entry.toml, which says who enters what.") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{folder / 'entry.toml'}: {error}.") from None
    claim = table.pop("claim", None)
    for key, kind in KEYS.items():
        if not isinstance(table.get(key), kind):
            raise ValueError(f"{folder.name}/entry.toml: {key} is missing, or no {kind.__name__}.")
    if unknown := set(table) - set(KEYS):
        raise ValueError(f"{folder.name}/entry.toml: {min(unknown)!r} is no key of an entry.")
    for key, choices in (("track", TRACKS), ("budget", BUDGETS)):
        if table[key] not in choices:
            raise ValueError(f"{folder.name}/entry.toml: {key} is one of {', '.join(choices)}.")
    scored = None
    if claim is not None:
        flops = float(claim["flops"])
        scored = Score(float(claim["bits_per_byte"]), flops, claim["corpus"])
    return Entry(folder, **table, claim=scored)


def write_claim(entry: Entry, score: Score) -> Entry:
    """Put the score into entry.toml, in place of an earlier one; atomically."""
    about = {key: getattr(entry, key) for key in KEYS}
    claim = {**asdict(score), "torch": torch.__version__}
    lines = [*_toml(about), "", "[claim]", *_toml(claim)]
    with atomic_file(entry.folder / "entry.toml") as file:
        file.write("\n".join(lines) + "\n")
    return replace(entry, claim=score)


def _toml(table: dict[str, object]) -> Iterable[str]:
    """Strings and numbers are written in TOML as in JSON."""
    return (f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items())


def read_entries(board: Path) -> list[Entry]:
    """All entries below a leaderboard's folder, the best first within each track and budget."""
    entries = [read_entry(path.parent) for path in board.glob("entries/*/entry.toml")]
    order = list(TRACKS), list(BUDGETS)

    def place(entry: Entry) -> tuple:
        bits = entry.claim.bits_per_byte if entry.claim else float("inf")
        return order[0].index(entry.track), order[1].index(entry.budget), bits, entry.name

    return sorted(entries, key=place)


def markdown(entries: list[Entry], number: str) -> str:
    """The page: a table for each track and budget, a line for each entry that has been run."""
    page = [PREFACE.format(number=number)]
    for track in TRACKS:
        for budget in BUDGETS:
            rows = [e for e in entries if (e.track, e.budget) == (track, budget) and e.claim]
            if rows:
                page.append(_section(track, budget, rows))
    return "\n".join(page)


def _section(track: str, budget: str, entries: list[Entry]) -> str:
    best = optimum(track, budget)
    known = "" if best is None else f" No model needs fewer than {best:.4f} bits per byte here."
    head = HEAD.format(above="" if best is None else "above the optimum | ")
    columns = head.count("|") - 1
    lines = [f"## {track}, {budget}", "", f"Budget: {BUDGETS[budget]:.0e} FLOPs.{known}", ""]
    lines += [head, "|" + "---|" * columns]
    for place, entry in enumerate(entries, start=1):
        score = entry.claim
        above = [] if best is None else [f"{score.bits_per_byte - best:.4f}"]
        cells = [str(place), f"[{entry.name}](entries/{entry.name}/)", _cell(entry.author)]
        cells += [f"{score.bits_per_byte:.4f}", *above, f"{score.flops:.2e}", str(entry.seed)]
        cells += [score.corpus, _cell(entry.description)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Text that cannot leave its cell."""
    return " ".join(text.replace("|", "\\|").split())
