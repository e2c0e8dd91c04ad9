"""The guard: what stops a run, and what it says."""

import math

import pytest

from lib.training.divergence import Diverged, Guard


@pytest.mark.parametrize(
    ("loss", "norm"), [(math.nan, 1.0), (math.inf, 1.0), (2.0, math.nan), (2.0, math.inf)]
)
def test_what_is_no_number_stops_at_once(loss, norm):
    guard = Guard()
    guard.check(6, 2.0, 1.0, 0.5)
    with pytest.raises(Diverged) as caught:
        guard.check(7, loss, norm, 0.5)
    said = str(caught.value)
    assert f"Step 7: loss {loss:.4g}, gradient norm {norm:.4g}, learning rate 0.5" in said
    assert "still those of step 6" in said
    assert "Lower optimizer.lr" in said


def test_a_loss_that_stays_high_stops_after_some_patience():
    guard = Guard(factor=1.5, patience=3)
    losses = [4.0, 6.1, 6.1, 6.0, 6.1, 6.1]  # 6.0 is not above 1.5 * 4, so the count begins anew
    for step, loss in enumerate(losses, 1):
        guard.check(step, loss, 1.0, 0.5)
    with pytest.raises(Diverged, match=r"For 3 steps .* above 1.5 times that of the first step, 4"):
        guard.check(7, 6.1, 1.0, 0.5)


def test_it_goes_on_where_it_was():
    guard = Guard(patience=2)
    guard.check(1, 1.0, 1.0, 0.5)
    guard.check(2, 9.0, 1.0, 0.5)
    with pytest.raises(Diverged):
        Guard(**vars(guard)).check(3, 9.0, 1.0, 0.5)
