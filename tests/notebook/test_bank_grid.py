"""The turns that the pictures of banks tell, by hand."""

import re

import pytest

from lib.notebook.bank_grid import READS, bank_grid, turns


@pytest.mark.parametrize(
    ("read", "plain", "crossed"),
    [
        ("a row", 1, 1),
        ("one number, all threads", 1, 1),
        ("the diagonal", 1, 8),  # the swizzle has its own bad case: r XOR r = 0
        ("a tile of two columns", 4, 2),
        ("a column", 8, 1),
    ],
)
def test_turns(read, plain, crossed):
    assert (turns(read, 8, False), turns(read, 8, True)) == (plain, crossed)


def test_the_column_stays_where_scripts_do_not_run():
    shown = bank_grid()
    open_part = shown.html.partition("<script>")[0]
    assert list(READS)[-1] == "a column"
    assert "Reading a column takes 8 turns in plain storage, 1 with the swizzle" in open_part
    assert len(re.findall('fill="#bd1f01"', open_part)) == 7  # those that wait
    assert len(shown.html) < 80_000


def test_only_sizes_that_fit():
    with pytest.raises(ValueError, match="4 or 8 banks, not 32"):
        bank_grid(32)
