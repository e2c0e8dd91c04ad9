"""Schedules against a drawn example, PyTorch's, and what they promise: bubble and memory."""

from itertools import pairwise, product
from types import SimpleNamespace

import pytest
from torch.distributed.pipelining import schedules as theirs

from lib.parallel.bubble import bubble_fraction, bubble_time
from lib.parallel.schedules import (
    KINDS,
    Action,
    needs,
    schedule,
    simulate_orders,
    simulate_schedule,
)
from lib.parallel.timeline import Event, Timeline

SIZES = [(1, 1), (1, 4), (2, 1), (2, 5), (3, 3), (3, 7), (4, 2), (4, 8), (5, 11), (8, 8)]
CASES = [(kind, p, m, 1) for kind in KINDS[:3] for p, m in SIZES] + [
    ("interleaved", p, m, v)
    for p, m, v in [(1, 3, 2), (3, 6, 1), (2, 4, 3), (3, 2, 2), (4, 10, 2), (4, 8, 3)]
]


def words(order):
    return " ".join(map(str, order))


def test_small_ones_by_hand():
    assert [words(order) for order in schedule("gpipe", 2, 3)] == ["F0 F1 F2 B0 B1 B2"] * 2
    assert [words(order) for order in schedule("1f1b", 3, 4)] == [
        "F0 F1 F2 B0 F3 B1 B2 B3",
        "F0 F1 B0 F2 B1 F3 B2 B3",
        "F0 B0 F1 B1 F2 B2 F3 B3",
    ]
    assert [words(order) for order in schedule("zero-bubble", 2, 3)] == [
        "F0 F1 B0 W0 F2 B1 W1 B2 W2",
        "F0 B0 F1 B1 W0 F2 B2 W1 W2",
    ]
    assert [words(order) for order in schedule("interleaved", 2, 2, chunks=2)] == [
        "F0 F1 F0.1 F1.1 B0.1 B1.1 B0 B1",
        "F0 F1 F0.1 B0.1 F1.1 B1.1 B0 B1",
    ]


def test_one_simulated_by_hand():
    """Two ranks, two microbatches: forward takes 1, backward 2, a message 0.5."""
    timeline = simulate_schedule("1f1b", 2, 2, transfer=0.5)
    assert [(e.action, e.microbatch, e.begin, e.end) for e in timeline.of(1)] == [
        ("F", 0, 1.5, 2.5), ("B", 0, 2.5, 4.5), ("F", 1, 4.5, 5.5), ("B", 1, 5.5, 7.5)
    ]  # fmt: skip
    assert [(e.begin, e.end) for e in timeline.of(0)] == [(0, 1), (1, 2), (5, 7), (8, 10)]
    assert timeline.span == 10 and timeline.busy == [6, 6] and timeline.bubble == 1 - 12 / 20


@pytest.mark.parametrize(("kind", "p", "m", "v"), CASES)
def test_every_action_is_done_once_and_after_what_it_needs(kind, p, m, v):
    timeline = simulate_schedule(kind, p, m, f=1.1, b=1.9, w=0.7, chunks=v, transfer=0.3)
    ends = {(e.action, e.chunk * p + e.rank, e.microbatch): e for e in timeline.events}
    letters = "FBW" if kind == "zero-bubble" else "FB"
    assert set(ends) == set(product(letters, range(p * v), range(m)))
    assert len(timeline.events) == len(ends)
    for (letter, stage, i), event in ends.items():
        for need in needs(Action(letter, i, event.chunk), stage, p * v):
            away = 0.3 if ends[need].rank != event.rank else 0
            assert event.begin >= ends[need].end + away
    for rank in range(p):  # one thing at a time
        mine = timeline.of(rank)
        assert all(before.end <= after.begin for before, after in pairwise(mine))


@pytest.mark.parametrize(("kind", "p", "m", "v"), CASES)
@pytest.mark.parametrize(("f", "b", "w"), [(1, 2, 1), (1.3, 2.75, 1.25), (3, 1, 0.5)])
def test_the_bubble_is_what_the_formula_says(kind, p, m, v, f, b, w):
    if m < p and (kind == "zero-bubble" or v > 1):
        m = 2 * p  # the formula asks for as many microbatches as ranks
    timeline = simulate_schedule(kind, p, m, f, b, w, v)
    assert timeline.bubble == pytest.approx(bubble_fraction(kind, p, m, v, f, b, w), abs=1e-12)
    assert timeline.span - timeline.busy[0] == pytest.approx(bubble_time(kind, p, v, f, b, w))


def test_published_fractions():
    for p, m in SIZES:
        assert bubble_fraction("gpipe", p, m) == pytest.approx((p - 1) / (m + p - 1))
        assert bubble_fraction("1f1b", p, m) == pytest.approx((p - 1) / (m + p - 1))
        three = bubble_fraction("interleaved", p, m, chunks=3)
        assert three == pytest.approx((p - 1) / (3 * m + p - 1))
    # F = B = W: a third of the bubble of 1F1B
    assert bubble_time("zero-bubble", 8, f=1, b=2, w=1) * 3 == bubble_time("1f1b", 8)
    for p, m in [(2, 4), (4, 4), (4, 16), (8, 8)]:
        assert (
            simulate_schedule("zero-bubble", p, m).bubble < simulate_schedule("1f1b", p, m).bubble
        )


@pytest.mark.parametrize(("p", "m"), SIZES)
def test_activations_held(p, m):
    def peaks(kind, v=1):
        return simulate_schedule(kind, p, m, chunks=v).peak_live

    ranks = range(p)
    assert peaks("gpipe") == [m] * p
    assert peaks("1f1b") == [min(m, p - rank) for rank in ranks]
    assert peaks("zero-bubble") == [min(m, p)] * p
    if m % p == 0:
        assert peaks("interleaved", 3) == [min(3 * m, 2 * p + 2 * (p - 1 - r) + 1) for r in ranks]


PLAIN = {"F": "F", "B": "B", "I": "B", "W": "W"}  # PyTorch has B for whole backward, I for ours


def of_torch(name, p, m, v=1):
    """The order of one of PyTorch's schedules, which otherwise wants modules and processes."""
    class_ = getattr(theirs, name)
    group = m // max(1, m // p)
    known = SimpleNamespace(
        _num_stages=p * v, _n_microbatches=m, n_local_stages=v, pp_group_size=p,
        microbatches_per_round=group,
    )  # fmt: skip
    if hasattr(class_, "_calculate_single_rank_operations"):
        orders = [class_._calculate_single_rank_operations(known, rank) for rank in range(p)]
    else:
        orders = class_._get_pipeline_order(known).values()
    return [
        [
            Action(PLAIN[a.computation_type.value], a.microbatch_index, a.stage_index // p)
            for a in order if a is not None and a.computation_type.value in PLAIN
        ]
        for order in orders
    ]  # fmt: skip


@pytest.mark.parametrize(("p", "m"), [(2, 2), (2, 5), (4, 4), (4, 9), (5, 7)])
def test_orders_are_those_of_pytorch(p, m):
    assert schedule("gpipe", p, m) == of_torch("ScheduleGPipe", p, m)
    # PyTorch 2.13 lists microbatches 1 to m for the last rank's forwards, not 0 to m - 1 as it runs
    assert schedule("1f1b", p, m)[:-1] == of_torch("Schedule1F1B", p, m)[:-1]


@pytest.mark.parametrize(("p", "m"), [(1, 3), (2, 4), (3, 2), (4, 8), (4, 10), (4, 7)])
def test_orders_with_chunks_or_split_backward_are_those_of_pytorch(p, m):
    assert schedule("zero-bubble", p, m) == of_torch("ScheduleInterleavedZeroBubble", p, m)
    for v in (1, 2, 3):
        assert schedule("interleaved", p, m, v) == of_torch("ScheduleInterleaved1F1B", p, m, v)


def test_interleaving_one_chunk_runs_ahead_but_waits_no_less():
    assert bubble_fraction("interleaved", 4, 8, 1) == bubble_fraction("1f1b", 4, 8)
    assert simulate_schedule("interleaved", 4, 8).bubble == simulate_schedule("1f1b", 4, 8).bubble


def test_a_timeline_counts_from_its_first_event():
    timeline = Timeline([Event(1, "F", 0, 0, 7.0, 8.0), Event(0, "F", 0, 0, 5.0, 7.0)], 2)
    assert timeline.span == 3 and timeline.busy == [2, 1] and timeline.bubble == 0.5
    assert [e.begin for e in timeline.from_zero().events] == [2, 0]


def held(words):
    events = [Event(0, w[0], int(w[1]), 0, float(t), t + 1.0) for t, w in enumerate(words.split())]
    return Timeline(events, 1).peak_live


def test_activations_held_by_hand():
    """Until B, or until W where there is one."""
    assert held("F0 B0 F1 B1") == [1] and held("F0 F1 B0 F2 B1 B2") == [2]
    assert held("F0 B0 F1 W0 B1 F2 W1 B2 W2") == [2] and held("F0 B0 F1 B1 W1 F2 B2") == [1]


def test_orders_that_get_stuck_are_explained():
    F, B = Action("F", 0), Action("B", 0)
    with pytest.raises(ValueError, match=r"rank 0 would do B0 after F0 of stage 0"):
        simulate_orders([[B, F], [F, B]], {"F": 1, "B": 2})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("2f2b", 2, 4), "Choose from gpipe, 1f1b, zero-bubble, interleaved"),
        (("1f1b", 2, 0), "m=0"),
        (("1f1b", 2, 4, 2), "Several take turns in 'interleaved'"),
        (("interleaved", 4, 9, 2), "9 do not make 2. Take 8 or 10"),
    ],
)
def test_impossible_schedules_are_explained(arguments, message):
    with pytest.raises(ValueError, match=message):
        schedule(*arguments)
