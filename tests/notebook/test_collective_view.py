"""Drawings of collectives: the numbers of PyTorch's documentation, and colours of their origin."""

import re

import pytest
import torch

from lib.notebook.collective_view import (
    EIGHT,
    before_and_after,
    collective_table,
    collectives,
    example,
    listed,
    meaning,
    origins,
    outcome,
)
from lib.notebook.rank_cells import TINT, cell, rank_colour
from lib.notebook.ring_view import drawn, ring_view
from lib.notebook.time_lanes import tinted
from lib.notebook.tree_view import tree_view
from lib.parallel.ring import ring_all_reduce_states


def test_four_ranks_by_hand():
    summed = [listed(x) for x in outcome("reduce_scatter", example("reduce_scatter"))]
    assert summed == [[6], [10], [14], [18]]
    moved = [listed(x) for x in outcome("all_to_all", example("all_to_all"))]
    assert moved[0] == [0, 4, 8, 12] and moved[3] == [3, 7, 11, 15]


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        ("broadcast", [[{0}] * 3] * 3),
        ("gather", [[{0}, {1}, {2}], [], []]),
        ("all_reduce", [[{0, 1, 2}] * 3] * 3),
        ("reduce_scatter", [[{0, 1, 2}]] * 3),
        ("all_to_all", [[{0}, {1}, {2}]] * 3),
    ],
)
def test_colours_say_where_a_number_comes_from(op, expected):
    assert origins(op, example(op, 3)) == expected


@pytest.mark.parametrize("op", EIGHT)
def test_every_collective_is_drawn_with_all_its_numbers(op):
    shown = before_and_after(op)
    drawn = re.findall(r"<text x='\S+' y='\S+'>(\d+)</text>", shown.html)
    numbers = [v for xs in (example(op), outcome(op, example(op))) for x in xs for v in listed(x)]
    assert sorted(map(int, drawn)) == sorted(numbers)
    assert meaning(op) in shown.html.replace("&#x27;", "'") and op in shown.text


def test_a_slider_over_all_and_a_table(capsys):
    assert "all-to-all" in collectives(3).html.partition("<script>")[0]
    collective_table(["scatter"], 2)
    out = capsys.readouterr().out
    assert "scatter" in out and "before" in out and "0, 1" in out


def test_a_cell_has_a_stripe_for_every_rank():
    assert len(cell(0, 0, 40, 20, "6", {0, 2, 3})) == 3 + 2
    assert "dasharray" in cell(0, 0, 40, 20, "", ())[0]


@pytest.mark.parametrize("n", [2, 4, 5])
def test_the_ring_stops_where_all_have_the_sum(n):
    shown = ring_view([torch.arange(n) + 10 * rank for rank in range(n)])
    open_part = shown.html.partition("<script>")[0]
    total = 10 * sum(range(n))
    for part in range(n):
        assert open_part.count(f">{total + n * part}</text>") == n
    assert f"{2 * (n - 1)}/{n} of the tensor" in open_part


def test_a_part_of_the_ring_has_the_colours_of_those_in_its_sum():
    states = list(ring_all_reduce_states([torch.arange(3) + rank for rank in range(3)]))
    of_rank_1 = tinted(rank_colour(1), TINT)
    # Rank 1 has 3 parts. It sends one; then another, while the first goes on from rank 2 to rank 0.
    # Of the finished parts then two come to a rank that lacked rank 1 in them, and at last one.
    assert [drawn(state, "A ring.").count(of_rank_1) for state in states] == [3, 4, 6, 8, 9]


def test_a_tree_has_a_row_for_every_round():
    shown = tree_view([torch.tensor(rank) for rank in range(6)], title="Six ranks")
    assert "6. broadcast" in shown.html and "7. broadcast" not in shown.html
    assert shown.html.count(">15</text>") == 1 + 2 + 4 + 6  # the sum spreads: ranks that have it
