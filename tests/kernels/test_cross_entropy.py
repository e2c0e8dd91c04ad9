"""Cross-entropy by hand, against PyTorch's in float64, and by what it does to the logits."""

import math

import pytest
import torch
import torch.nn.functional as F
from against_float64 import assert_close, draw

from lib.kernels.cross_entropy import cross_entropy, cross_entropy_backward_op, cross_entropy_op
from lib.kernels.cross_entropy_in_place import cross_entropy_in_place_op
from lib.training.losses import cross_entropy as cross_entropy_by_mask

QUICK = ("test_schema", "test_faketensor")


def example(place, R, V, dtype=torch.float32, padded=0):
    """Logits, their copy in float64, and targets of which the second counts for nothing."""
    logits = draw(R, V + padded, dtype=dtype, device=place, scale=3)[:, :V]
    targets = torch.arange(R, device=place) * 7919 % V
    targets[1:2] = -100
    return logits.requires_grad_(), logits.detach().double().requires_grad_(), targets


def test_by_hand(place):
    logits = torch.tensor([[0.0, math.log(3)]], device=place)  # probabilities 1/4 and 3/4
    first = torch.tensor([0], device=place)
    assert cross_entropy(logits, first).item() == pytest.approx(math.log(4))
    assert cross_entropy(logits, 1 - first).item() == pytest.approx(math.log(4 / 3))
    with_z = cross_entropy(logits, first, z_loss=0.5)  # log Z is log 4
    assert with_z.item() == pytest.approx(math.log(4) + 0.5 * math.log(4) ** 2)


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize(("R", "V", "padded"), [(3, 50257, 0), (9, 3, 0), (5, 131, 5), (2, 8, 0)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_matches_pytorch(place, R, V, padded, dtype, inplace):
    """50257 and 131 make rows begin at every remainder of 16 bytes; a row of 3 has no body."""
    logits, exact, targets = example(place, R, V, dtype, padded)
    loss, expected = (
        cross_entropy(logits, targets, inplace=inplace),
        F.cross_entropy(exact, targets),
    )
    assert_close(loss.detach(), expected.detach(), within=8)
    loss.backward()
    expected.backward()
    assert_close(logits.grad, exact.grad, within=4)
    if inplace and not padded:  # autograd packs a gradient whose rows lie apart
        assert logits.grad.data_ptr() == logits.data_ptr()


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_reductions_and_upstream_gradients(place, reduction, inplace):
    logits, exact, targets = example(place, 6, 37)
    weights = torch.arange(6.0, device=place) / 2
    with_z = {"z_loss": 0.01, "reduction": reduction}
    loss = cross_entropy(logits, targets, **with_z, inplace=inplace)
    log_z = exact.logsumexp(-1).where(targets >= 0, 0)
    expected = F.cross_entropy(exact, targets, reduction="none") + 0.01 * log_z**2
    if reduction != "none":
        expected = expected.sum() / (5 if reduction == "mean" else 1)
    assert_close(loss.detach(), expected.detach(), within=8)
    (loss * weights).sum().backward()
    (expected * weights).sum().backward()
    assert_close(logits.grad, exact.grad, within=8)


def test_the_same_as_the_training_loss(place):
    logits, _, targets = example(place, 6, 37)
    logits, targets = logits.detach().view(2, 3, 37), targets.view(2, 3)
    ours = cross_entropy(logits, targets, z_loss=1e-4)
    theirs = cross_entropy_by_mask(logits, targets, mask=targets >= 0, z_loss=1e-4)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-6)


def test_what_may_stand_in_rows(place):
    inf = math.inf
    logits = torch.tensor(
        [[-inf] * 20 + [1.0], [1e4] + [-1e4] * 20, [math.nan] + [0.0] * 20], device=place
    )
    losses = cross_entropy(logits, torch.tensor([20, 0, 1], device=place), reduction="none")
    assert losses[:2].tolist() == [0, 0]
    assert losses[2].isnan()


def test_nothing_counts_or_there_is_nothing(place):
    logits, none = torch.zeros(2, 5, device=place), torch.full((2,), -100, device=place)
    assert cross_entropy(logits, none).isnan()
    assert cross_entropy(logits, none, reduction="sum").item() == 0
    assert cross_entropy(logits[:0], none[:0], reduction="none").shape == (0,)


def test_in_place_does_not_touch_the_padding_or_the_logits_of_an_evaluation(place):
    memory = torch.ones(3, 40, device=place)
    targets = torch.zeros(3, dtype=torch.long, device=place)
    cross_entropy(memory[:, :37], targets, inplace=True)  # no gradient is asked for
    assert memory.eq(1).all()
    logits = memory[:, :37].requires_grad_()
    cross_entropy(logits, targets, inplace=True)
    assert memory[:, 37:].eq(1).all()
    assert memory[:, :37].ne(1).all()


def test_a_spent_gradient_is_not_handed_out_twice(place):
    logits, _, targets = example(place, 3, 5)
    loss = cross_entropy(logits * 1, targets, inplace=True)
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="only gradient in the first"):
        loss.backward()


def test_autograd_notices_that_someone_else_kept_the_logits(place):
    logits, _, targets = example(place, 3, 5)
    kept = logits.exp()  # whose gradient is computed from its result
    loss = cross_entropy(kept, targets, inplace=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_the_ops_keep_what_they_promise_to_torch(place):
    logits, _, targets = example(place, 3, 5)
    logits, share = logits.detach(), torch.ones((), device=place)
    losses, log_z = cross_entropy_op(logits, targets, -100, 0.0)
    backward = (logits, targets, log_z, losses, -100, 0.0)
    torch.library.opcheck(cross_entropy_backward_op, backward, test_utils="test_faketensor")
    in_place = (logits, targets, share, -100, 0.0)
    torch.library.opcheck(cross_entropy_in_place_op, in_place, test_utils=QUICK)


def test_wrong_arguments_get_a_sentence(place):
    logits, _, targets = example(place, 3, 5)
    with pytest.raises(ValueError, match=r"targets of shape \(3,\), not \(2,\)"):
        cross_entropy(logits, targets[:2])
    with pytest.raises(ValueError, match="no reduction 'average': mean, sum, none"):
        cross_entropy(logits, targets, reduction="average")
    if place.type == "cpu":
        with pytest.raises(IndexError, match=r"from 0 to 4, or -100 .* one is 5"):
            cross_entropy(logits, torch.tensor([1, 5, 2]))
    else:
        assert cross_entropy(logits, torch.tensor([1, 5, 2], device=place)).isnan()
