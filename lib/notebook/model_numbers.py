"""Numbers of the models in the facts table that can stand on an axis, ratios among them.

Letters: D width, L layers, N heads, H head width, F feed-forward width.
"""

from collections.abc import Callable

from lib.notebook.facts import Row

Number = int | float | None


def number_of(row: Row, quantity: str) -> Number:
    """One quantity of one model; None where the table lacks what it takes."""
    if quantity not in QUANTITIES:
        raise LookupError(f"There is no quantity {quantity!r}. There are: {', '.join(QUANTITIES)}.")
    try:
        return QUANTITIES[quantity](row)
    except TypeError:  # None in the arithmetic
        return None


def _column(name: str) -> Callable[[Row], Number]:
    return lambda row: row[name]


QUANTITIES: dict[str, Callable[[Row], Number]] = {
    "year": _column("year"),
    "parameters": _column("parameters"),
    "training tokens": _column("tokens"),
    "layers": _column("layers"),
    "width": _column("width"),
    "heads": _column("heads"),
    "key/value heads": _column("kv_heads"),
    "head width": _column("head_width"),
    "feed-forward width": _column("ff_width"),
    "vocabulary": _column("vocabulary"),
    "context": _column("context"),
    "width / layers": lambda row: row["width"] / row["layers"],
    "feed-forward width / width": lambda row: row["ff_width"] / row["width"],
    "heads × head width / width": lambda row: row["heads"] * row["head_width"] / row["width"],
    "query heads per key/value head": lambda row: row["heads"] / row["kv_heads"],
    "tokens per parameter": lambda row: row["tokens"] / row["parameters"],
    "batch in tokens": _column("batch_tokens"),
    "peak learning rate": _column("peak_learning_rate"),
}


def years_apart(rows: list[Row]) -> list[float]:
    """Places on an axis of years: models of one year beside each other, in the table's order."""
    together: dict[int, list[int]] = {}
    for i, row in enumerate(rows):
        together.setdefault(row["year"], []).append(i)
    places = [0.0] * len(rows)
    for year, members in together.items():
        for rank, i in enumerate(members):
            places[i] = year + 0.8 * ((rank + 0.5) / len(members) - 0.5)
    return places
