"""Wrong answers to part 2, the learning rate over time: each with the test that must see it."""

import math

from reference import model as right
from wrong_answers import wrong


def planted(target, file):
    """The decorator of wrong answers in one place, once it knows the test that must see them."""
    return lambda test: wrong(target, caught_by=f"{file}::{test}")


wrong_learning_rate = planted("model.learning_rate", "test_schedule.py")


@wrong_learning_rate("test_the_warm_up_is_a_line_from_0_to_the_highest_rate")
def warm_up_from_step_one(step, highest, lowest, warmup_steps, cosine_steps):
    if step < warmup_steps:
        return highest * (step + 1) / warmup_steps
    return right.learning_rate(step, highest, lowest, warmup_steps, cosine_steps)


@wrong_learning_rate("test_the_highest_rate_is_reached_at_w_and_not_before_or_after")
def cosine_one_step_ahead(step, highest, lowest, warmup_steps, cosine_steps):
    later = step if step < warmup_steps else min(step + 1, cosine_steps)
    return right.learning_rate(later, highest, lowest, warmup_steps, cosine_steps)


@wrong_learning_rate("test_the_highest_rate_is_reached_at_w_and_not_before_or_after")
def cosine_from_the_first_step(step, highest, lowest, warmup_steps, cosine_steps):
    if step < warmup_steps:
        return highest * step / warmup_steps
    return right.learning_rate(step, highest, lowest, 0, cosine_steps)


@wrong_learning_rate("test_the_lowest_rate_is_reached_at_c_and_not_before")
def cosine_one_step_longer(step, highest, lowest, warmup_steps, cosine_steps):
    if step > cosine_steps:
        return lowest
    return right.learning_rate(step, highest, lowest, warmup_steps, cosine_steps + 1)


@wrong_learning_rate("test_after_c_the_rate_stays_where_it_is")
def cosine_goes_on(step, highest, lowest, warmup_steps, cosine_steps):
    if step <= cosine_steps:
        return right.learning_rate(step, highest, lowest, warmup_steps, cosine_steps)
    progress = (step - warmup_steps) / (cosine_steps - warmup_steps)
    return lowest + (1 + math.cos(math.pi * progress)) / 2 * (highest - lowest)


@wrong_learning_rate("test_by_hand")
def down_to_zero(step, highest, lowest, warmup_steps, cosine_steps):
    return right.learning_rate(step, highest, 0.0, warmup_steps, cosine_steps)
