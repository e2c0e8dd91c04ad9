"""The tests of a problem, asked for in the handout: check("merge") as the last line of a cell.

They run as `python run.py grade` runs them, in another process, on the code as it is on the disk.
So after a change there is nothing to reload.
"""

from dataclasses import dataclass
from html import escape
from pathlib import Path

from lib.grading.grade import grade
from lib.grading.report import details, row_of
from lib.grading.results import Result
from lib.grading.runner import Unrunnable


@dataclass(frozen=True)
class Checked:
    """How some problems stand: a small table in a notebook, lines of text elsewhere."""

    results: tuple[Result, ...]
    trouble: str = ""

    def __repr__(self) -> str:
        texts = ["\n".join(details(one)) for one in self.results]
        return "\n\n".join(filter(None, [*texts, self.trouble]))

    def _repr_html_(self) -> str:
        rows = "".join(map(_row, self.results))
        return f"<table>{rows}</table><p>{escape(self.trouble)}</p>" if self.trouble or rows else ""


def check(*names: str) -> Checked:
    """How these problems stand. Only a name that does not exist raises: LookupError."""
    try:
        results, findings = grade(here(), names)
    except Unrunnable as error:
        return Checked((), str(error))
    asked = tuple(one for one in results if one.problem.id in names)
    return Checked(asked, "\n".join(map(str, findings)))


def here() -> Path:
    """The assignment in whose folder, or below it, this notebook runs."""
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / "problems").is_dir():
            return folder
    raise LookupError(f"{Path.cwd()} is in no assignment: start the notebook in its folder.")


def _row(one: Result) -> str:
    """State, problem, points; and everything there is to say, with its line breaks."""
    state, name, points, _ = row_of(one)
    said = escape("\n".join(list(details(one))[1:]))
    left = 'style="text-align:left;vertical-align:top"'
    cells = "".join(f"<td {left}>{escape(text)}</td>" for text in (state, name, points))
    return f'<tr>{cells}<td {left}><pre style="margin:0">{said}</pre></td></tr>'
