"""Names beside their marks: none covers another, and none moves further than it must."""

import matplotlib.pyplot as plt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.transforms import Bbox

from lib.notebook.labels import apart, name_end, place_around, spread_ends


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_two_names_at_one_place_share_the_way():
    assert apart([10, 10], [4, 4]) == [8, 12]


def test_names_with_room_stay():
    assert apart([0, 10, 20], [4, 4, 4]) == [0, 10, 20]


def test_a_pushed_name_pushes_the_next():
    # 0 and 1 need 2 between them: -0.5, 1.5; then 2.5 is in the way: one block around (0+1+2.5)/3
    assert apart([0, 1, 2.5], [2, 2, 2]) == pytest.approx([-5 / 6, 7 / 6, 19 / 6])


@given(
    st.lists(
        st.tuples(st.floats(0, 100, width=16), st.floats(1, 12, width=16)), min_size=1, max_size=9
    )
)
def test_names_never_overlap_and_keep_their_order(names):
    names.sort()
    wanted, heights = [place for place, _ in names], [height for _, height in names]
    placed = apart(wanted, heights)
    for i in range(len(names) - 1):
        gap = (placed[i + 1] - heights[i + 1] / 2) - (placed[i] + heights[i] / 2)
        assert gap > -1e-6
    # least squares: moving everything together cannot be better
    assert sum(p - w for p, w in zip(placed, wanted)) == pytest.approx(0, abs=1e-6)


def covered(texts) -> float:
    """Square pixels on which one name lies on another."""
    boxes = [text.get_window_extent() for text in texts]
    pairs = [(a, b) for i, a in enumerate(boxes) for b in boxes[:i]]
    hits = (Bbox.intersection(a, b) for a, b in pairs)
    return sum(hit.width * hit.height for hit in hits if hit)


def test_ends_are_spread_in_pixels_also_after_a_second_call():
    ax = plt.subplots()[1]
    ax.set(xlim=(0, 1), ylim=(0, 100))
    for i, y in enumerate([50, 50.5, 51, 5]):
        name_end(ax, f"line {i}", 1, y, "#3f90da")
    assert covered(ax.texts) > 100
    for _ in range(2):
        spread_ends(ax)
        assert covered(ax.texts) < 1
    far = ax.texts[3]
    assert far.get_position()[1] == pytest.approx(0)  # nothing near it: it stays


def test_names_of_ends_far_apart_do_not_push_each_other():
    ax = plt.subplots()[1]
    ax.set(xlim=(0, 10), ylim=(0, 1))
    names = [name_end(ax, "a", x, 0.5, "#3f90da") for x in (1, 9)]
    spread_ends(ax)
    assert [name.get_position()[1] for name in names] == pytest.approx([0, 0])


def test_points_close_together_get_names_on_different_sides():
    ax = plt.subplots()[1]
    ax.set(xlim=(0, 10), ylim=(0, 10))
    look = {"textcoords": "offset points", "xytext": (7, 0)}
    names = [
        ax.annotate("a long name", (5 + dx, 5 + dy), **look)
        for dx, dy in ((0, 0), (0.4, 0), (0, 0.4), (4.9, 0))
    ]
    place_around(ax, names)
    assert covered(names) < 1
    assert names[3].get_window_extent().x1 <= ax.get_window_extent().x1  # the edge counts too
