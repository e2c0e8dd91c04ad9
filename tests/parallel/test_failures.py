"""The best interval between checkpoints: by formula, by search, and in runs that fail at random."""

from itertools import pairwise

import numpy as np
import pytest

from lib.parallel.failures import (
    best_interval,
    mean_time_between_failures,
    run_with_failures,
    share_of,
    useful_share,
)


def test_by_hand():
    assert mean_time_between_failures(50_000, 10_000) == 5
    assert best_interval(cost=2, mtbf=100) == 20
    # no failures to speak of: only the checkpoints cost
    assert useful_share(9, 1, mtbf=1e9) == pytest.approx(0.9)
    # first order: a tenth for checkpoints, a tenth for half the intervals lost
    assert useful_share(20, 2, mtbf=100) == pytest.approx(1 - 2 / 20 - 10 / 100, abs=0.02)


@pytest.mark.parametrize(("cost", "mtbf"), [(0.01, 3.0), (0.05, 3.0), (0.1, 20.0)])
def test_the_formula_finds_nearly_the_best(cost, mtbf):
    intervals = np.geomspace(cost, mtbf, 2000)
    shares = [useful_share(t, cost, mtbf, restart=0.2) for t in intervals]
    best = intervals[int(np.argmax(shares))]
    young = best_interval(cost, mtbf)
    # Daly's next terms: a third of the cost more, and the cost itself less
    assert best == pytest.approx(young - 2 / 3 * cost, rel=0.02)
    assert useful_share(young, cost, mtbf, 0.2) > 0.999 * max(shares)
    assert useful_share(young / 4, cost, mtbf, 0.2) < 0.98 * max(shares)


@pytest.mark.parametrize("restart", [0.0, 0.3])
def test_random_runs_confirm_it(restart):
    """2000 failures and more, so a share is off by a percent or so."""
    cost, mtbf = 0.05, 3.0
    measured = {}
    for interval in (0.15, best_interval(cost, mtbf), 2.5):
        generator = np.random.default_rng(0)
        n = round(6000 / interval)
        run = list(run_with_failures(n, interval, cost, mtbf, generator, restart))
        assert all(one.end == other.begin for one, other in pairwise(run))
        assert sum(s.end - s.begin for s in run if s.what == "work") == pytest.approx(n * interval)
        measured[interval] = share_of("work", run)
        expected = useful_share(interval, cost, mtbf, restart)
        assert measured[interval] == pytest.approx(expected, rel=0.02)
    assert max(measured, key=measured.get) == best_interval(cost, mtbf)


def test_every_failure_loses_what_was_not_saved():
    run = list(run_with_failures(50, 1.0, 0.1, 2.0, np.random.default_rng(1), restart=0.4))
    kinds = [s.what for s in run]
    assert kinds.count("work") == kinds.count("save") == 50
    for one, other in pairwise(run):
        assert other.what == "restart" if one.what == "lost" else True
        assert one.what == "work" if other.what == "save" else True
    assert all(s.end - s.begin <= 1.1 for s in run if s.what == "lost")
