"""The README says what is true today: its table of lectures, its picture, its commands."""

import base64
import json
import re
from pathlib import Path

import pytest

from lib.notebook.course import course, exists, markdown_table

REPO = Path(__file__).parents[2]
README = (REPO / "README.md").read_text(encoding="utf-8")


def test_the_table_of_lectures_is_the_course_as_it_stands():
    stands = re.search(r"<!-- lectures: begin[^>]*-->\n(.*?)\n<!-- lectures: end -->", README, re.S)
    assert stands, "the README has lost its table of lectures"
    assert stands[1] == markdown_table(), f"the README's table should be:\n\n{markdown_table()}"


def test_every_notebook_is_in_the_course():
    planned = {f"{lecture['notebook']}.ipynb" for lecture in course()}
    assert {path.name for path in (REPO / "lectures").glob("*.ipynb")} <= planned


def test_the_picture_is_one_that_lecture_1_draws():
    lecture = next(row for row in course() if row["number"] == "1")
    notebook = json.loads(
        (REPO / "lectures" / f"{lecture['notebook']}.ipynb").read_text(encoding="utf-8")
    )
    outputs = [o for cell in notebook["cells"] for o in cell.get("outputs", [])]
    html = "".join("".join(o.get("data", {}).get("text/html", "")) for o in outputs)
    drawn = {
        base64.b64decode(data) for data in re.findall(r"data:image/png;base64,([^\"']+)", html)
    }
    assert (REPO / "lib/assets/readme.png").read_bytes() in drawn


@pytest.mark.parametrize("verb", ["lab", "test", "lectures", "bench", "lint", "format", "clean"])
def test_every_command_it_names_exists(verb):
    assert f'"{verb}"' in (REPO / "run.py").read_text(encoding="utf-8")
    assert verb in README


def test_some_lectures_exist():
    assert [row["number"] for row in course() if exists(row)][:2] == ["0", "1"]
