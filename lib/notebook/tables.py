"""Tables that read well in light and dark themes, in text, and to a screen reader."""

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Number
from typing import Any

from IPython.display import display

from lib.notebook.rendered import Rendered

Format = str | Callable[[Any], str | Rendered]


def table(
    rows: Sequence[Mapping[str, object]],
    caption: str | None = None,
    columns: Sequence[str] | None = None,
    formats: Mapping[str, Format] | None = None,
) -> None:
    """Show dictionaries as the rows of a table, numbers aligned on the right.

    `columns` chooses and orders the columns (default: as they first appear); a missing value stays
    empty. `formats` says how a column is written, {"price": ".2f"} or {"size": memory}.
    """
    laid_out(rows, caption, columns, formats).show()


def laid_out(
    rows: Sequence[Mapping[str, object]],
    caption: str | None = None,
    columns: Sequence[str] | None = None,
    formats: Mapping[str, Format] | None = None,
) -> "Grid":
    """The same table as strings, before anything is shown."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = names if columns is None else list(columns)
    formats = formats or {}
    unknown = [name for name in (*columns, *formats) if rows and name not in names]
    if unknown:
        raise ValueError(f"No row has {', '.join(map(repr, unknown))}. The columns are {names}.")
    cells = [[written(row.get(name), formats.get(name)) for name in columns] for row in rows]
    numeric = [
        any(_is_number(row.get(name)) for row in rows)
        and all(_is_number(row.get(name)) or row.get(name) is None for row in rows)
        for name in columns
    ]
    return Grid(list(columns), cells, numeric, caption)


@dataclass(frozen=True)
class Grid:
    """A table whose cells are text already; `right` marks the columns aligned on the right."""

    columns: list[str]
    cells: list[list[str | Rendered]]
    right: list[bool]
    caption: str | None = None

    def show(self) -> None:
        """Send it to the notebook, as HTML and as text."""
        display({"text/html": self.html(), "text/plain": self.text()}, raw=True)

    def html(self) -> str:
        """A table with scopes; colours are left to the theme of whatever shows it."""
        caption = f"<caption {_CAPTION}>{_html(self.caption)}</caption>" if self.caption else ""
        head = "".join(
            f'<th scope="col" {_style(right)}>{_html(name)}</th>'
            for name, right in zip(self.columns, self.right)
        )
        body = "".join(f"<tr>{self._row(cells)}</tr>" for cells in self.cells)
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _row(self, cells: list[str | Rendered]) -> str:
        """The first cell names its row."""
        tags = ['th scope="row"'] + ["td"] * (len(cells) - 1)
        return "".join(
            f"<{tag} {_style(right)}>{_html(cell)}</{tag[:2]}>"
            for tag, cell, right in zip(tags, cells, self.right)
        )

    def text(self) -> str:
        """The table in a fixed-width font."""
        lines = [self.columns, *([str(cell) for cell in cells] for cells in self.cells)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        body = [
            "  ".join(
                cell.rjust(width) if right else cell.ljust(width)
                for cell, width, right in zip(line, widths, self.right)
            ).rstrip()
            for line in lines
        ]
        body.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join([self.caption, *body] if self.caption else body)


def written(value: object, format: Format | None = None) -> str | Rendered:
    """A value as it appears in a cell; None is left empty, and Rendered keeps its own HTML."""
    if value is None:
        return ""
    if callable(format):
        return format(value)
    if format is not None:
        return builtin_format(value, format)
    if isinstance(value, Rendered):
        return value
    if not _is_number(value):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


builtin_format = format  # `format` is the better name for a parameter

_CAPTION = 'style="caption-side:top;text-align:left;font-weight:bold;padding:0.3em 0"'


def _style(right: bool) -> str:
    return f'style="text-align:{"right" if right else "left"}"'


def _html(cell: str | Rendered) -> str:
    return cell.html if isinstance(cell, Rendered) else html.escape(cell)


def _is_number(value: object) -> bool:
    return isinstance(value, Number) and not isinstance(value, bool)
