"""The README says what is true today: its table of lectures, its picture, its commands."""

import re

import pytest

from lib.notebook.course import REPO, course, exists
from lib.notebook.readme import PICTURE, README, drawn_picture, markdown_table, readme

TEXT = README.read_text(encoding="utf-8")
WAY_OUT = "bring it up to date with: python -m lib.notebook.readme"


def test_its_table_is_the_course_as_it_stands():
    assert readme(TEXT) == TEXT, WAY_OUT


def test_its_picture_is_the_one_that_the_lecture_drew():
    assert PICTURE.read_bytes() == drawn_picture(), WAY_OUT


def test_the_table_links_what_exists_and_nothing_else():
    linked = re.findall(r"\(lectures/(\w+)\.ipynb\)", markdown_table())
    assert linked == [row["notebook"] for row in course() if exists(row)]
    assert {path.stem for path in (REPO / "lectures").glob("*.ipynb")} == set(linked)


def test_a_table_without_its_marks_is_not_overwritten():
    with pytest.raises(ValueError, match="lectures: begin"):
        readme("# A page without a table\n")


VERBS = ["lab", "lectures", "grade", "leaderboard", "test", "bench", "lint", "format", "clean"]


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_it_names_exists(verb):
    assert re.search(rf"\b{verb}\b", TEXT)
    assert f'"{verb}"' in (REPO / "run.py").read_text(encoding="utf-8")
