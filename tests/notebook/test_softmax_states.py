"""The pictures of online softmax say what its states hold."""

import re

import pytest
from torch import tensor

from lib.notebook.softmax_states import drawn, softmax_states
from lib.tensors.online_softmax import online_softmax


def words_of(html):
    return re.findall(r"<text[^>]*>([^<]*)<", html)


def test_the_update_in_numbers():
    words = words_of(softmax_states([0.0, 1.0, 3.0], 2).html.partition("<script>")[0])
    assert words[0] == "Block 2 raises the maximum to 3: the older sum shrinks to 13.5%"
    assert words[-1] == "0.1353 × 1.368 + 1 = 1.185"  # exp(-2) (1 + exp(-1)) + 1


def test_a_block_without_a_larger_number_changes_nothing_before():
    words = words_of(softmax_states([3.0, 1.0], 1).html.partition("<script>")[0])
    assert words[0] == "No number of block 2 is above 3: the older sum stays as it is"


@pytest.mark.parametrize("row", [[], [1.0, float("-inf")], [0.0] * 33])
def test_rows_that_cannot_be_looked_at(row):
    with pytest.raises(ValueError, match="1 to 32 finite numbers"):
        softmax_states(row, 2)


def test_negative_rows_hang_below_the_line():
    picture = drawn([-2.0, -1.0], list(online_softmax(tensor([-2.0, -1.0]), 2)), 0, "alt")
    assert 'height="0"' not in picture and "-2" in words_of(picture)
