"""Tables: right in text, accessible and safe in HTML."""

import pytest

from lib.notebook.rendered import Rendered
from lib.notebook.tables import laid_out, table, written

ROWS = [
    {"model": "small", "loss": 3.25, "size": 124_000_000},
    {"model": "<b>big</b>", "loss": None},
]


def test_text_aligns_numbers_on_the_right():
    assert laid_out(ROWS, caption="Two models").text().splitlines() == [
        "Two models",
        "model       loss         size",
        "----------  ----  -----------",
        "small       3.25  124,000,000",
        "<b>big</b>",
    ]


def test_html_names_rows_and_columns_and_escapes_text():
    html = laid_out(ROWS, caption="A & B").html()
    assert html.count('<th scope="col"') == 3
    assert html.count('<th scope="row"') == 2
    assert "A &amp; B</caption>" in html
    assert "&lt;b&gt;big" in html and "<b>" not in html
    assert '<td style="text-align:right">3.25</td>' in html
    assert '<th scope="row" style="text-align:left">small</th>' in html


def test_columns_are_chosen_and_formatted():
    grid = laid_out(ROWS, columns=["loss", "model"], formats={"loss": ".1f", "model": str.upper})
    assert grid.columns == ["loss", "model"]
    assert grid.cells[0] == ["3.2", "SMALL"]


def test_a_cell_may_bring_its_own_html():
    grid = laid_out([{"paper": Rendered('<a href="x">Vaswani</a>', "Vaswani [x]")}])
    assert '<a href="x">Vaswani</a></th>' in grid.html()
    assert grid.text().endswith("Vaswani [x]")


def test_an_unknown_column_is_told_the_known_ones():
    with pytest.raises(
        ValueError, match=r"No row has 'los'. The columns are \['model', 'loss', 'size'\]"
    ):
        laid_out(ROWS, columns=["los"])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "True"),
        (1234567, "1,234,567"),
        (0.123456, "0.1235"),
        (123456.7, "123,457"),
    ],
)
def test_values_are_written_as_people_write_them(value, text):
    assert written(value) == text


def test_table_shows_html_and_text(monkeypatch):
    shown = []
    monkeypatch.setattr("lib.notebook.tables.display", lambda bundle, raw: shown.append(bundle))
    table(ROWS)
    assert set(shown[0]) == {"text/html", "text/plain"}
