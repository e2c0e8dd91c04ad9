"""Facts with their sources: the tables of lib/assets/facts, so that lectures type no numbers.

    facts("models", org="Meta")                    every row about Meta's models
    fact("hardware", device="B200")["bf16_flops"]  one number of one row

Every row says where it was seen (`source`) and in how many independent places its least certain
value was seen (`checked`, at least 1). What nobody could check is left blank. Amounts are in base
units: parameters, tokens, bytes, bytes per second, FLOP per second.
lib/assets/facts/README.md explains every table and column.
"""

import csv
import difflib
from functools import cache
from pathlib import Path

ASSETS = Path(__file__).resolve().parents[1] / "assets"

Fact = str | int | float | None
Row = dict[str, Fact]


def facts(table: str, **where: Fact) -> list[Row]:
    """The rows of one table whose columns equal `where`; what is unknown is None.

    The rows are copies: changing one changes nothing for the next reader.
    """
    rows = _table(table)
    for column in where:
        if column not in rows[0]:
            raise LookupError(
                f"Table {table!r} has no column {column!r}. Its columns: {', '.join(rows[0])}."
            )
    return [dict(row) for row in rows if all(row[c] == wanted for c, wanted in where.items())]


def fact(table: str, **where: Fact) -> Row:
    """The one row that `where` picks out; an error if none or several fit."""
    found = facts(table, **where)
    if len(found) != 1:
        raise LookupError(
            f"{len(found)} rows of table {table!r} have {where}, and fact() wants exactly one. "
            f"Use facts({table!r}) to see them all."
        )
    return found[0]


def tables() -> list[str]:
    """The names of all fact tables."""
    return sorted(path.stem for path in (ASSETS / "facts").glob("*.csv"))


def read_table(path: Path) -> list[Row]:
    """The rows of a CSV file. A column is of numbers if every filled cell in it is a number."""
    with path.open(encoding="utf-8", newline="") as file:
        rows: list[Row] = [dict(row) for row in csv.DictReader(file, strict=True)]
    for column in rows[0]:
        cells = [row[column] for row in rows]
        for row, value in zip(rows, _typed(cells), strict=True):
            row[column] = value
    return rows


def _typed(cells: list[Fact]) -> list[Fact]:
    """One column: whole numbers if all are, else numbers if all are, else text; blanks as None."""
    filled = [cell for cell in cells if cell]
    for kind in (int, float):
        try:
            numbers = iter([kind(cell) for cell in filled])
        except ValueError:
            continue
        return [next(numbers) if cell else None for cell in cells]
    return [cell or None for cell in cells]


@cache
def _table(name: str) -> list[Row]:
    if name not in tables():
        near = difflib.get_close_matches(name, tables(), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise LookupError(f"There is no fact table {name!r}.{hint} Tables: {', '.join(tables())}.")
    return read_table(ASSETS / "facts" / f"{name}.csv")
