"""The toy descent: how much of the loss is left is a product of ten factors, whatever the start."""

import math

from lib.grading.answers import number, words
from lib.grading.feedback import holds
from lib.grading.problems import problem


def factor(lr: float, n_updates: int = 10) -> float:
    """The gradient of the mean square of 100 weights is w / 50, so each update multiplies w."""
    return math.prod((1 - lr / (50 * math.sqrt(t + 1))) ** 2 for t in range(n_updates))


@problem("learning_rate_tuning")
def test_what_is_left_of_the_loss():
    for lr in (10, 1000):
        name, right = f"learning_rate_tuning.factor_{lr}", factor(lr)
        yours = number(name)
        one_less = abs(yours / factor(lr, 9) - 1) < 0.01
        holds(not one_less, "This is after nine updates.", given=name, yours=yours)
        rule = "Divide the loss after the tenth update by the loss before the first."
        holds(abs(yours / right - 1) < 0.01, rule, given=name, yours=yours)


@problem("learning_rate_tuning")
def test_the_largest_learning_rate():
    yours = number("learning_rate_tuning.largest_lr")
    rule = "At the rate asked for, the first update turns every weight into its negative."
    right = abs(yours - 100) <= 1
    holds(right, rule, given="learning_rate_tuning.largest_lr", yours=yours)


@problem("learning_rate_tuning")
def test_what_happens_at_100_is_explained():
    words("learning_rate_tuning.at_100", at_least=15)
