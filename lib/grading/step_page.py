"""What an entry of the fastest step claims, when a claim holds, and the page with all of them."""

from dataclasses import dataclass
from typing import Any

from lib.grading.boards import cell
from lib.grading.step_tables import TABLES, Table

SLOWER, LARGER = 0.15, 0.02  # how far a claim may be off; times vary, bytes hardly do
AGREEMENT = f"the time within {SLOWER:.0%} of the claim, the memory within {LARGER:.0%}"
PREFACE = """\
# Leaderboard

One training step of a model that is given: forward, loss, backward, AdamW. The score is its fastest
time, divided by that of a naive reference which runs by turns with it on the same machine; beside
it, the peak of memory. Results must be the reference's but for rounding. What is trained, and how
it is measured: [lib/grading/step_contest.py](../../../lib/grading/step_contest.py). Written by
`python run.py leaderboard {number} table` from `entries/`; do not edit.
"""
HEAD = "| | entry | author | time / reference | peak MiB | ms | reference | machine | date | what |"


@dataclass(frozen=True)
class Score:
    """What a run gave, and where."""

    ratio: float  # of the entry's seconds and the reference's
    peak_mib: float
    reference_peak_mib: float
    seconds: float
    reference_seconds: float
    machine: str
    date: str
    command: str


def disagreements(claimed: Score, found: Score) -> list[str]:
    """What keeps a claim from being reproduced, one sentence each."""
    problems = []
    if abs(found.ratio - claimed.ratio) > SLOWER * claimed.ratio:
        where = "" if found.machine == claimed.machine else f" on {found.machine}"
        problems.append(
            f"The step takes {found.ratio:.3f} of the reference's time here{where}, "
            f"claimed are {claimed.ratio:.3f} on {claimed.machine}."
        )
    if abs(found.peak_mib - claimed.peak_mib) > LARGER * claimed.peak_mib:
        problems.append(
            f"The peak is {found.peak_mib:.1f} MiB, claimed are {claimed.peak_mib:.1f}."
        )
    return problems


def said(score: Score) -> str:
    """In a line."""
    return (
        f"{score.ratio:.3f} of the reference's time ({1e3 * score.seconds:.1f} ms against "
        f"{1e3 * score.reference_seconds:.1f}), peak {score.peak_mib:.1f} MiB"
    )


def order(entry: Any) -> tuple:
    """The best first within each table; memory decides between equal times."""
    worst = (float("inf"), float("inf"))
    figures = (entry.claim.ratio, entry.claim.peak_mib) if entry.claim else worst
    return list(TABLES).index(entry.about["table"]), *figures, entry.name


def page(entries: list[Any], number: str) -> str:
    """A section for each table, a line for each entry that has been run."""
    parts = [PREFACE.format(number=number)]
    for name, table in TABLES.items():
        rows = [entry for entry in entries if entry.about["table"] == name and entry.claim]
        if rows or name != "mini":
            parts.append(_section(name, table, rows))
    return "\n".join(parts)


def _section(name: str, table: Table, entries: list[Any]) -> str:
    model = table.model
    about = (
        f"{table.batch} x {model.context} tokens of {model.vocab_size:,}, {model.n_layers} layers "
        f"of width {model.width}, {model.compute_dtype}, on {table.device}."
    )
    if not entries:
        return "\n".join([f"## {name}", "", about, "", "Nobody has entered yet.", ""])
    lines = [f"## {name}", "", about, "", HEAD, "|" + "---|" * (HEAD.count("|") - 1)]
    for place, entry in enumerate(entries, start=1):
        claim = entry.claim
        cells = [str(place), f"[{entry.name}](entries/{entry.name}/)", cell(entry.about["author"])]
        cells += [f"{claim.ratio:.3f}", f"{claim.peak_mib:,.1f}", f"{1e3 * claim.seconds:,.1f}"]
        reference = f"{1e3 * claim.reference_seconds:,.1f} ms, {claim.reference_peak_mib:,.1f} MiB"
        cells += [reference, cell(claim.machine), claim.date, cell(entry.about["description"])]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
