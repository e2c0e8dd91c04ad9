"""Lanes of time: bars lie where their times say, and waiting is counted as by hand."""

import re
from types import SimpleNamespace

import pytest

from lib.notebook.colours import CYCLE, contrast
from lib.notebook.gantt import bubble, gantt
from lib.notebook.svg import INK
from lib.notebook.time_lanes import TINTS, Bar, round_marks, time_lanes, tinted
from lib.parallel.schedules import simulate_schedule


def event(rank, action, microbatch, begin, end):
    return SimpleNamespace(rank=rank, action=action, microbatch=microbatch, begin=begin, end=end)


TWO_RANKS = [event(0, "F", 0, 5, 6), event(1, "F", 0, 6, 7), event(1, "B", 0, 7, 9),
             event(0, "B", 0, 9, 11)]  # fmt: skip


def bars_in(html):
    """x, y, width of every bar, from left to right; what is shaded has a fill of its own."""
    found = re.findall(r"<rect x='(\S+)' y='(\S+)' width='(\S+)' height='24'/>", html)
    return sorted(tuple(map(float, bar)) for bar in found)


def test_half_of_the_time_of_two_ranks_with_one_microbatch_is_bubble():
    assert bubble(TWO_RANKS) == 0.5
    shown = gantt(TWO_RANKS, title="One", unit="steps")
    assert "One: 50% bubble, 6 steps" in shown.html and "50% bubble" in shown.text
    first, second, back, last = bars_in(shown.html)
    assert first[1] == last[1] < second[1] == back[1]  # two lanes
    assert first[0] == 24 + 7 * len(
        "rank 0"
    )  # time begins at the left end, whatever the clock says
    assert last[2] == pytest.approx(2 * first[2], abs=0.1)  # the backward pass takes twice as long
    assert last[0] == pytest.approx(first[0] + 4 * first[2], abs=0.1)  # and begins four steps after


def test_the_share_agrees_with_that_of_the_simulation():
    for kind, chunks in (("gpipe", 1), ("1f1b", 1), ("zero-bubble", 1), ("interleaved", 2)):
        timeline = simulate_schedule(kind, 3, 6, chunks=chunks)
        assert bubble(timeline.events) == pytest.approx(timeline.bubble)
    assert ">0b</text>" in gantt(timeline, title="Interleaved", unit="").html


def test_several_share_one_scale():
    plans = {kind: simulate_schedule(kind, 4, 4) for kind in ("gpipe", "zero-bubble")}
    html = gantt(plans, title="Two schedules", unit="forwards").html
    assert "gpipe: 43% bubble, 21 forwards" in html
    widths = {round(width) for _, _, width in bars_in(html)}
    assert len(widths) == 2  # F in both, B of the first; B and W of the second last as long as F


def test_seconds_are_written_as_one_would_say_them():
    html = gantt([event(0, "F", 0, 100.0, 100.004)], title="Short").html
    assert "0% bubble, 4 ms" in html and ">2 ms</text>" in html


def test_nothing_to_draw_is_said():
    with pytest.raises(ValueError, match="has no events"):
        gantt({"measured": []}, title="Nothing")
    with pytest.raises(ValueError, match="nothing to draw"):
        time_lanes({"": []}, title="Nothing", alt="Nothing.")


def test_text_on_bars_can_be_read():
    assert all(contrast(INK, tinted(line, TINTS[0])) >= 4.5 for line in CYCLE)
    bar = Bar("rank 0", "forward", "a long name", 0, 1)
    shown = time_lanes({"": [bar]}, title="One", alt="One bar.", rest="sleeps").html
    assert "a long name" in shown and "sleeps" in shown and "waits" not in shown


@pytest.mark.parametrize(("longest", "last", "n"), [(7.0, 7, 8), (0.011, 0.01, 6), (90, 80, 5)])
def test_marks_are_round(longest, last, n):
    marks = round_marks(longest)
    assert marks[-1] == pytest.approx(last) and len(marks) == n
