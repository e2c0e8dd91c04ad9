"""A recording as one piece of HTML: the code, and a table of all steps.

The table is the data. Where scripts run, step.js reads it, folds it away and shows the steps one by
one; where they do not, it is what the reader sees. Nothing is loaded from anywhere, and the same
recording always gives the same bytes.
"""

import re
from html import escape
from pathlib import Path

from lib.notebook.arrays import Grid
from lib.notebook.recording import CELL, Place, Recording, Round, Source, Step
from lib.notebook.values import Shown

HERE = Path(__file__).parent
GRID_NUMBERS = 6000  # numbers of small arrays that are written out, over all steps together
CODE_WIDTH = 72  # characters of a line repeated in the table


def page(recording: Recording, title: str) -> str:
    """The whole output, with its style and script."""
    sources = "".join(_source(source) for source in recording.sources)
    caption = escape(sentence(recording, title))
    html = (
        f'<div class="steps" data-title="{escape(title)}">\n'
        f"<style>{_asset('step.css')}</style>\n"
        f'<p class="steps-caption{" steps-cut" * (not recording.complete)}">{caption}</p>\n'
        f'<div class="steps-sources">{sources}</div>\n'
        f"{_table(recording, title)}\n"
        f"<script>{_asset('step.js')}</script>\n</div>"
    )
    return html.encode("utf-8", "backslashreplace").decode()  # half a surrogate cannot be saved


def sentence(recording: Recording, title: str) -> str:
    """What was recorded, and what to do if that is not all."""
    n = len(recording.steps)
    text = f"{n:,} step{'' if n == 1 else 's'} of {title}"
    if recording.complete:
        return f"{text}."
    return (
        f"The first {text}. The recording stopped there, and the code ran on to its end. "
        f"To see more, set limit= higher than {recording.limit:,}, or use a smaller input."
    )


def _asset(name: str) -> str:
    """A file beside this one, without its comments and indentation."""
    text = re.sub(r"/\*.*?\*/", "", (HERE / name).read_text(encoding="utf-8"), flags=re.DOTALL)
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


# The code


def _source(source: Source) -> str:
    lines = "".join(
        f"<span><i>{n} </i>{code}\n</span>"
        for n, code in enumerate(_coloured(source.lines), start=source.first)
    )
    return (
        f'<figure data-first="{source.first}"><figcaption>{escape(source.title)}</figcaption>'
        f"<pre>{lines}</pre></figure>"
    )


def _coloured(lines: tuple[str, ...]) -> list[str]:
    """Each line as HTML, with the classes of step.css."""
    from pygments.lexers import PythonLexer

    coloured = [""]
    for kind, text in PythonLexer(stripnl=False, ensurenl=False).get_tokens("\n".join(lines)):
        for i, part in enumerate(text.split("\n")):
            if i:
                coloured.append("")
            coloured[-1] += _span(_class(str(kind)), part)
    return coloured


def _class(kind: str) -> str:
    for prefix, name in _CLASSES.items():
        if kind.startswith(prefix):
            return name
    return ""


_CLASSES = {
    "Token.Keyword": "k",
    "Token.Operator.Word": "k",
    "Token.Literal.String": "s",
    "Token.Literal.Number": "m",
    "Token.Comment": "c",
    "Token.Name.Function": "f",
    "Token.Name.Class": "f",
    "Token.Name.Builtin": "b",
}


def _span(name: str, text: str) -> str:
    text = escape(text, quote=False)
    return f'<span class="{name}">{text}</span>' if name and text else text


# The steps


COLUMNS = ("step", "where", "code", "what happened")


def _table(recording: Recording, title: str) -> str:
    grids = _Budget(GRID_NUMBERS)
    rows = [_row(n, step, recording, grids) for n, step in enumerate(recording.steps, start=1)]
    heads = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
    return (
        f"<details open><summary>All steps of {escape(title)}, as a table</summary>"
        f"<table><thead><tr>{heads}</tr></thead><tbody>\n"
        + "\n".join(rows)
        + "\n</tbody></table></details>"
    )


class _Budget:
    """So much may be written out, and no more."""

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self, n: int) -> bool:
        self.left -= n
        return self.left >= 0


def _row(n: int, step: Step, recording: Recording, grids: _Budget) -> str:
    place = step.stack[-1]
    code = _line(recording.sources[place.source], place.statement.first)
    happened = "".join(_variable(name, shown, grids) for name, shown in step.changed.items())
    happened += "".join(f"<div><b>{escape(name)}</b> <i>deleted</i></div>" for name in step.gone)
    note = f"<p>{escape(step.note)}</p>" if step.note else ""
    data = f'data-stack="{" ".join(map(_place, step.stack))}"'
    data += f' data-kind="{step.kind}"' if step.kind != "line" else ""
    data += f' data-loops="{" ".join(map(_round, step.rounds))}"' if step.rounds else ""
    return (
        f'<tr {data}><th scope="row">{n}</th><td>{_where(step)}</td>'
        f"<td><code>{escape(code, quote=False)}</code></td><td>{note}{happened}</td></tr>"
    )


def _line(source: Source, number: int) -> str:
    """One line of code, without indentation; empty where the source is not available."""
    code = "".join(source.lines[number - source.first :][:1]).strip()
    return code if len(code) <= CODE_WIDTH else code[: CODE_WIDTH - 1] + "…"


def _where(step: Step) -> str:
    """How deep, in which call unless it is the cell itself, at which line."""
    place = step.stack[-1]
    call = "" if place.name == CELL else f"<span>{escape(place.name)}</span>, "
    return f"{'› ' * (len(step.stack) - 1)}{call}line {place.statement.first}"


def _place(place: Place) -> str:
    lines = place.statement
    last = f"-{lines.last}" if lines.last > lines.first else ""
    return f"{place.call}.{place.source}.{lines.first}{last}"


def _round(loop: Round) -> str:
    return f"{loop.source}.{loop.line}.{loop.entry}.{loop.iteration}" + "h" * loop.at_head


def _variable(name: str, shown: Shown, grids: _Budget) -> str:
    text = f"<div><b>{escape(name)}</b> <i>{escape(shown.kind)}</i>"
    text += f" <code>{escape(shown.text, quote=False)}</code>" if shown.text else ""
    if shown.grid and grids.take(sum(map(len, shown.grid))):
        text += _heat_map(shown.grid)
    return text + "</div>"


def _heat_map(grid: Grid) -> str:
    """The numbers, each on a colour for its size: p1 to p9 above zero, n1 to n9 below."""
    sizes = [abs(x) for row in grid for x in row if abs(x) < float("inf")]
    most = max(sizes, default=0) or 1
    rows = ("".join(_heat_cell(x, most) for x in row) for row in grid)
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def _heat_cell(x: int | float, most: int | float) -> str:
    text = f"{x:.3g}" if isinstance(x, float) else str(int(x))
    level = round(9 * min(abs(x) / most, 1)) if x == x else 0
    name = f' class="{"n" if x < 0 else "p"}{level}"' if level else ""
    return f"<td{name}>{text}</td>"
