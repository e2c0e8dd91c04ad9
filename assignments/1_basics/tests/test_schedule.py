"""Warm-up and cosine: by hand, at the borders, and against ours."""

import math

from adapters import model
from lib.grading.feedback import same
from lib.grading.problems import problem
from lib.training.schedules import cosine


def check(step: int, expected: float, highest=1.0, lowest=0.2, W=4, C=14) -> None:
    yours = model.learning_rate(step, highest, lowest, W, C)
    given = f"step {step}, highest {highest:g}, lowest {lowest:g}, W = {W}, C = {C}"
    same(yours, expected, given=given, within=1e-9)


@problem("learning_rate_schedule")
def test_by_hand():
    for step, expected in ((0, 0.0), (2, 0.5), (4, 1.0), (9, 0.6), (14, 0.2), (15, 0.2)):
        check(step, expected)


@problem("learning_rate_schedule")
def test_the_warm_up_is_a_line_from_0_to_the_highest_rate():
    for W in (1, 2, 5):
        for step in range(W + 1):
            check(step, 3.0 * step / W, highest=3.0, W=W)


@problem("learning_rate_schedule")
def test_the_highest_rate_is_reached_at_w_and_not_before_or_after():
    for W in (0, 1, 4):
        check(W, 1.0, W=W)
        check(W + 1, 0.2 + 0.8 * (1 + math.cos(math.pi / (14 - W))) / 2, W=W)


@problem("learning_rate_schedule")
def test_the_lowest_rate_is_reached_at_c_and_not_before():
    for C in (6, 10, 14):
        check(C - 1, 0.2 + 0.8 * (1 + math.cos(math.pi * (C - 5) / (C - 4))) / 2, C=C)
        check(C, 0.2, C=C)


@problem("learning_rate_schedule")
def test_after_c_the_rate_stays_where_it_is():
    for step in (15, 16, 24, 1000):
        check(step, 0.2)
        check(step, 0.0, lowest=0.0)


@problem("learning_rate_schedule")
def test_every_step_is_ours():
    for W, C in ((0, 3), (2, 5), (7, 30)):
        for step in range(C + 3):
            expected = 6e-4 * cosine(step, C, W, floor=0.1)
            check(step, expected, highest=6e-4, lowest=6e-5, W=W, C=C)
