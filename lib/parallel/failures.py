"""Machines fail, and a run starts again from its last checkpoint: how often is it worth saving?

If one device fails once in a time M on average, one of n fails n times as often. A failure costs
what has been done since the last checkpoint, on average half an interval, and checkpoints cost time
too. With failures that come independently of the past, the best interval between two checkpoints is
close to sqrt(2 cost M) (Young, 1974, doi.org/10.1145/361147.361115).

All times are in one unit, hours for example.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import exp, sqrt

import numpy as np


def mean_time_between_failures(of_one: float | int, n: int) -> float:
    """Of n devices, when one failure stops them all."""
    return of_one / n


def best_interval(cost: float | int, mtbf: float | int) -> float:
    """Work between two checkpoints that loses least, if checkpoints cost little beside the mtbf.

    It is where d/dt (cost / t + t / (2 mtbf)) = 0: what checkpoints cost, and half an interval lost
    at every failure, both as shares of the time.
    """
    return sqrt(2 * cost * mtbf)


def useful_share(
    interval: float | int, cost: float | int, mtbf: float | int, restart: float | int = 0.0
) -> float:
    """Which part of all time goes into work that is kept; exact for failures without memory.

    An interval and its checkpoint are tried until no failure comes before the end. A try of length
    t succeeds with probability exp(-t / mtbf), and on average it takes mtbf (exp(t / mtbf) - 1)
    until one has. Every failure also costs a restart, during which the next one may come (Daly,
    2006, doi.org/10.1016/j.future.2004.11.016).
    """
    time = mtbf * exp(restart / mtbf) * (exp((interval + cost) / mtbf) - 1)
    return interval / time


@dataclass(frozen=True)
class Stretch:
    """What a run does for a while: "work", "save", "lost" (work before a failure) or "restart"."""

    what: str
    begin: float
    end: float


def run_with_failures(
    n_intervals: int,
    interval: float | int,
    cost: float | int,
    mtbf: float | int,
    generator: np.random.Generator,
    restart: float | int = 0.0,
) -> Iterator[Stretch]:
    """A run that lasts until so many intervals of work are saved, with failures drawn at random."""
    now, done, failure = 0.0, 0, generator.exponential(mtbf)
    while done < n_intervals:
        if failure > now + interval + cost:
            yield Stretch("work", now, now + interval)
            yield Stretch("save", now + interval, now + interval + cost)
            now, done = now + interval + cost, done + 1
            continue
        yield Stretch("lost", now, failure)
        now, failure = failure, failure + generator.exponential(mtbf)
        while failure < now + restart:
            yield Stretch("restart", now, failure)
            now, failure = failure, failure + generator.exponential(mtbf)
        yield Stretch("restart", now, now + restart)
        now += restart


def share_of(what: str, stretches: Iterable[Stretch]) -> float:
    """Which part of the whole run it was."""
    stretches = list(stretches)
    return sum(s.end - s.begin for s in stretches if s.what == what) / stretches[-1].end
