"""Online softmax against torch, in blocks of every size."""

import math

import pytest
import torch

from lib.tensors.online_softmax import online_softmax, softmax_from

X = torch.randn(13, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 9
X[9] = 30  # the largest comes late, so that older sums must be corrected
VALUES = torch.randn(13, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_by_hand():
    first, last = online_softmax(torch.tensor([0.0, 0.0, math.log(4), -math.inf]), block=2)
    assert (first.m, first.l, first.scale) == (0, 2, 0)
    assert last.m == pytest.approx(math.log(4))
    assert last.scale == pytest.approx(1 / 4)
    assert last.l == pytest.approx(2 / 4 + 1)


@pytest.mark.parametrize("block", [1, 2, 5, 13, 50])
def test_every_state_is_right_for_what_it_has_seen(block):
    for state in online_softmax(X, block, VALUES):
        seen = X[: state.stop]
        assert state.m == seen.max()
        assert state.logsumexp == pytest.approx(seen.logsumexp(0).item())
        torch.testing.assert_close(state.out / state.l, seen.softmax(0) @ VALUES[: state.stop])
    assert state.stop == 13
    torch.testing.assert_close(softmax_from(X, state), X.softmax(0))


def test_large_numbers_do_not_overflow():
    *_, state = online_softmax(X + 1e4, 4)
    assert state.logsumexp == pytest.approx(X.logsumexp(0).item() + 1e4)


def test_masked_blocks():
    x = X.clone()
    x[:5] = -math.inf
    *_, state = online_softmax(x, 2)
    torch.testing.assert_close(softmax_from(x, state), x.softmax(0))
    *_, nothing = online_softmax(torch.full((4,), -math.inf), 2)
    assert (nothing.l, nothing.logsumexp) == (0, -math.inf)


def test_no_empty_blocks():
    with pytest.raises(ValueError, match="at least one number, not 0"):
        next(online_softmax(X, 0))
