"""The tables of problems: read in order, and refused with a sentence where they are wrong."""

import pytest

from lib.grading.problems import problem, read_problems

MERGE = """
[[problem]]
id = "merge"
title = "Merge a pair"
points = 2
tests = "test_bpe.py"
hint = "basics/bpe.py: walk from left to right."
"""


def write(folder, **files):
    (folder / "problems").mkdir()
    for name, text in files.items():
        (folder / "problems" / f"{name}.toml").write_text(text, encoding="utf-8")


def test_files_and_tables_are_read_in_order(tmp_path):
    train = MERGE.replace('"merge"', '"train"') + 'needs = ["merge"]\nseconds = 7\n'
    attention = MERGE.replace('"merge"', '"attention"')
    write(tmp_path, two=train, one=MERGE, three=attention)
    with pytest.raises(ValueError, match="'train' needs 'merge', not yet listed"):
        (tmp_path / "problems" / "one.toml").rename(tmp_path / "problems" / "zero.toml")
        read_problems(tmp_path)
    (tmp_path / "problems" / "zero.toml").rename(tmp_path / "problems" / "1.toml")
    first, second, third = read_problems(tmp_path)
    assert [first.id, second.id, third.id] == ["merge", "attention", "train"]
    assert (first.needs, first.seconds, first.points) == ((), 60, 2)
    assert (third.needs, third.seconds) == (("merge",), 7)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MERGE + MERGE, "two problems are called 'merge'"),
        (MERGE + 'need = ["x"]\n', "there is no key 'need'. Choose from"),
        (MERGE.replace("points = 2\n", ""), "the key 'points' is missing"),
    ],
)
def test_a_wrong_table_is_explained(tmp_path, text, said):
    write(tmp_path, one=text)
    with pytest.raises(ValueError, match=said) as caught:
        read_problems(tmp_path)
    assert "one.toml" in str(caught.value)


def test_the_mark_carries_the_id():
    assert problem("merge").mark.name == "problem"
    assert problem("merge").mark.args == ("merge",)
