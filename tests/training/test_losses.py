"""Losses by hand, against PyTorch's, and the chunked one by what it never holds in memory."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from lib.model.config import ModelConfig
from lib.model.transformer import Transformer
from lib.training.losses import (
    bits_per_byte,
    chunked_cross_entropy,
    cross_entropy,
    logits_gradient,
    perplexity,
    token_losses,
)

B, T, D, V = 3, 5, 4, 7


def example(dtype=torch.float64, seed=0):
    """Hidden vectors, an output matrix, targets, and a mask that leaves some of every sequence."""
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(B, T, D, generator=generator, dtype=dtype)
    weight = torch.randn(V, D, generator=generator, dtype=dtype)
    targets = torch.randint(V, (B, T), generator=generator)
    mask = torch.rand(B, T, generator=generator) < 0.6
    return hidden, weight, targets, mask


def test_by_hand():
    logits = torch.tensor([[0.0, math.log(3)]])  # probabilities 1/4 and 3/4
    assert cross_entropy(logits, torch.tensor([0])).item() == pytest.approx(math.log(4))
    assert cross_entropy(logits, torch.tensor([1])).item() == pytest.approx(math.log(4 / 3))
    with_z = cross_entropy(logits, torch.tensor([0]), z_loss=0.5)  # log Z is log 4
    assert with_z.item() == pytest.approx(math.log(4) + 0.5 * math.log(4) ** 2)


def test_units():
    assert bits_per_byte(math.log(2), 1.0) == 1
    assert bits_per_byte(math.log(256), 4.0) == pytest.approx(2)  # 8 bits over 4 bytes
    assert perplexity(math.log(50)) == pytest.approx(50)
    assert perplexity(1000.0) == math.inf


def test_matches_pytorch():
    hidden, weight, targets, mask = example()
    logits = hidden @ weight.T
    theirs = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
    torch.testing.assert_close(cross_entropy(logits, targets), theirs)
    ignored = targets.masked_fill(~mask, -100)
    theirs = F.cross_entropy(logits.flatten(0, 1), ignored.flatten())
    torch.testing.assert_close(cross_entropy(logits, ignored, mask), theirs)
    each = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    torch.testing.assert_close(token_losses(logits, targets), each.view(B, T))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_large_logits_stay_finite(dtype):
    logits = torch.tensor([[60_000.0, 0.0, -60_000.0]], dtype=dtype)
    assert cross_entropy(logits, torch.tensor([0])).item() == 0
    loss = cross_entropy(logits, torch.tensor([1]))
    assert loss.dtype == torch.float32
    assert loss.item() == logits[0, 0].item()
    forbidden = torch.tensor([[1.0, 1.0, -math.inf]])
    assert cross_entropy(forbidden, torch.tensor([0])).item() == pytest.approx(math.log(2))


def test_positions_that_do_not_count_have_no_influence():
    hidden, weight, targets, mask = example()
    logits = hidden @ weight.T
    before = cross_entropy(logits, targets, mask, z_loss=0.1)
    logits[~mask] = 1e5
    logits[tuple((~mask).nonzero()[0])] = math.inf
    assert cross_entropy(logits, targets, mask, z_loss=0.1) == before
    assert not torch.equal(cross_entropy(logits, targets, ~mask), before)


@pytest.mark.parametrize("loss", [cross_entropy, "chunked"])
def test_the_mean_of_nothing_is_nan(loss):
    hidden, weight, targets, mask = example()
    nothing = torch.zeros_like(mask)
    if loss == "chunked":
        assert chunked_cross_entropy(hidden, weight, targets, nothing).isnan()
    else:
        assert loss(hidden @ weight.T, targets, nothing).isnan()


def test_a_target_outside_the_vocabulary_is_explained():
    hidden, weight, targets, _ = example()
    targets[1, 2] = V
    with pytest.raises(IndexError, match=rf"from 0 to {V - 1}, but these go from \d to {V}"):
        cross_entropy(hidden @ weight.T, targets)
    targets[1, 2] = -100
    with pytest.raises(IndexError, match="left out by mask="):
        chunked_cross_entropy(hidden, weight, targets)


def test_gradients():
    hidden, weight, targets, mask = example()
    logits = (hidden @ weight.T).requires_grad_()
    assert gradcheck(lambda x: cross_entropy(x, targets, mask, 0.3), (logits,))
    weight.requires_grad_()
    inputs = hidden[:2].detach().requires_grad_(), weight
    options = {"chunk": 4, "softcap": 1.5}  # 10 rows: the last chunk has 2
    assert gradcheck(
        lambda h, w: chunked_cross_entropy(h, w, targets[:2], mask[:2], 0.3, **options), inputs
    )


def test_gradient_of_the_logits_by_hand():
    logits = torch.tensor([[0.0, math.log(3)]])
    log_z = torch.tensor([math.log(4)])
    ours = logits_gradient(logits, log_z, torch.tensor([1]), torch.tensor([2.0]))
    torch.testing.assert_close(ours, torch.tensor([[0.5, -0.5]]))  # 2 (1/4, 3/4 - 1)


@settings(max_examples=40, deadline=None)
@given(
    chunk=st.integers(1, 20),
    z_loss=st.sampled_from([0.0, 1e-4, 0.5]),
    seed=st.integers(0, 99),
    masked=st.booleans(),
    softcap=st.sampled_from([None, 0.5, 30.0]),
)
def test_chunked_equals_plain(chunk, z_loss, seed, masked, softcap):
    hidden, weight, targets, mask = example(seed=seed)
    mask[0, 0] = True
    mask = mask if masked else None
    hidden.requires_grad_(), weight.requires_grad_()
    logits = hidden @ weight.T
    logits = logits if softcap is None else softcap * torch.tanh(logits / softcap)
    plain = 3 * cross_entropy(logits, targets, mask, z_loss)
    chunked = 3 * chunked_cross_entropy(hidden, weight, targets, mask, z_loss, chunk, softcap)
    torch.testing.assert_close(chunked, plain)
    expected = torch.autograd.grad(plain, (hidden, weight))
    torch.testing.assert_close(torch.autograd.grad(chunked, (hidden, weight)), expected)


def test_only_the_gradients_asked_for():
    hidden, weight, targets, _ = example()
    chunked_cross_entropy(hidden, weight.requires_grad_(), targets).backward()
    assert hidden.grad is None
    expected = torch.autograd.grad(cross_entropy(hidden @ weight.T, targets), weight)
    torch.testing.assert_close((weight.grad,), expected)


def test_bfloat16_hidden_and_float32_weights():
    hidden, weight, targets, _ = example(torch.float32)
    hidden = hidden.bfloat16().requires_grad_()
    weight.requires_grad_()
    loss = chunked_cross_entropy(hidden, weight, targets, chunk=4)
    plain = cross_entropy(hidden @ weight.bfloat16().T, targets)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, plain)
    loss.backward()
    assert (hidden.grad.dtype, weight.grad.dtype) == (torch.bfloat16, torch.float32)
    expected = torch.autograd.grad(plain, (hidden, weight))
    close = {"rtol": 0, "atol": 2e-3}  # gradients up to 0.1 in bfloat16, which has 8 bits
    torch.testing.assert_close((hidden.grad, weight.grad), expected, **close)


def test_under_autocast():
    hidden, weight, targets, _ = example(torch.float32)
    hidden.requires_grad_(), weight.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        loss = chunked_cross_entropy(hidden, weight, targets, chunk=4)
        plain = cross_entropy(hidden @ weight.T, targets)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, plain)
    loss.backward()
    expected = torch.autograd.grad(plain, (hidden, weight))
    torch.testing.assert_close((hidden.grad, weight.grad), expected, rtol=0, atol=2e-3)


def test_tied_and_untied_models():
    for tied in (True, False):
        config = ModelConfig(37, 11, 2, 24, 4, n_kv_heads=2, dtype="float64", tied=tied)
        model = Transformer(config, torch.Generator().manual_seed(0))
        ids = torch.randint(37, (2, 8), generator=torch.Generator().manual_seed(1))
        cross_entropy(model(ids[:, :-1]), ids[:, 1:]).backward()
        expected = [p.grad.clone() for p in model.parameters()]
        model.zero_grad()
        hidden = model.hidden(ids[:, :-1])
        chunked_cross_entropy(hidden, model.output_weight, ids[:, 1:], chunk=3).backward()
        torch.testing.assert_close([p.grad for p in model.parameters()], expected)


# Memory


class Largest(TorchDispatchMode):
    """Remembers the size of the largest tensor that any operation made; views make none."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        made = [] if func.is_view else tree_leaves(out)
        sizes = [x.numel() for x in made if isinstance(x, torch.Tensor)]
        self.numbers = max([self.numbers, *sizes])
        return out


def saved_numbers(loss):
    """How many numbers the graph of a loss keeps for the way back, each storage once."""
    storages = {}

    def pack(x):
        storages[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes() // 4
        return x

    with saved_tensors_hooks(pack, lambda x: x):
        kept = loss()
    assert kept.requires_grad
    return sum(storages.values())


def test_the_logits_never_exist():
    R, wide, chunk = 300, 500, 20
    hidden = torch.randn(R, D, requires_grad=True)
    weight = torch.randn(wide, D, requires_grad=True)
    targets = torch.randint(wide, (R,))
    with Largest() as largest:
        chunked_cross_entropy(hidden, weight, targets, chunk=chunk).backward()
    assert largest.numbers == chunk * wide
    assert saved_numbers(lambda: chunked_cross_entropy(hidden, weight, targets)) == (
        R * D + wide * D
    )
    with Largest() as largest:
        cross_entropy(hidden @ weight.T, targets)
    assert largest.numbers == R * wide  # the tests can tell the difference
    assert saved_numbers(lambda: cross_entropy(hidden @ weight.T, targets)) > R * wide


def test_without_gradients_only_the_loss_is_computed():
    hidden, weight, targets, _ = example()
    hidden.requires_grad_(), weight.requires_grad_()
    with torch.no_grad(), Largest() as largest:
        loss = chunked_cross_entropy(hidden, weight, targets, chunk=1)
    torch.testing.assert_close(loss, cross_entropy(hidden @ weight.T, targets).detach())
    assert largest.numbers < hidden.numel()  # not even a place for a gradient


def test_a_chunk_of_nothing_is_refused():
    hidden, weight, targets, _ = example()
    with pytest.raises(ValueError, match="from 1 up, not 0"):
        chunked_cross_entropy(hidden, weight, targets, chunk=0)
