"""Weight gradients computed later are the weight gradients; until then there are none."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lib.model.config import ModelConfig
from lib.model.linear import Linear
from lib.model.transformer import Transformer
from lib.parallel.deferred import DeferredWeights, compute
from lib.training.losses import cross_entropy


def gradients(module):
    return {name: p.grad for name, p in module.named_parameters()}


def test_by_hand():
    """y = w x + b with w = 3, x = 2, dy = 5: dx = 15 at once, then dw = 10 and db = 5."""
    layer, x, later = nn.Linear(1, 1), torch.tensor([[2.0]], requires_grad=True), []
    nn.init.constant_(layer.weight, 3.0)
    with DeferredWeights(later):
        y = layer(x)
    y.backward(torch.tensor([[5.0]]))
    assert x.grad.item() == 15 and layer.weight.grad is None and layer.bias.grad is None
    assert len(later) == 1
    compute(later)
    assert layer.weight.grad.item() == 10 and layer.bias.grad.item() == 5 and not later


@pytest.mark.parametrize("tied", [False, True])
def test_a_model_gets_the_gradients_it_would_get_at_once(tied):
    config = ModelConfig(19, 8, 2, 12, 2, ff_width=20, tied=tied, bias=True, dtype="float64")
    model, later = Transformer(config, torch.Generator().manual_seed(0)), []
    ids = torch.randint(19, (3, 8), generator=torch.Generator().manual_seed(1))
    cross_entropy(model(ids[:, :-1]), ids[:, 1:]).backward()
    at_once = gradients(model)
    model.zero_grad()
    with DeferredWeights(later):
        loss = cross_entropy(model(ids[:, :-1]), ids[:, 1:])
    loss.backward()
    matrices = {name for name, p in model.named_parameters() if p.dim() == 2}
    assert all(model.get_parameter(name).grad is None for name in matrices - {"embedding.weight"})
    assert model.norm.weight.grad is not None  # no matrix: done
    compute(later)
    torch.testing.assert_close(gradients(model), at_once)


def test_weights_kept_in_another_dtype_frozen_or_hooked():
    torch.manual_seed(0)
    wide, frozen = (
        Linear(4, 6, True, torch.float32),
        nn.Linear(6, 2).bfloat16().requires_grad_(False),
    )
    nn.init.normal_(wide.weight)
    x, later, seen = torch.randn(3, 5, 4, dtype=torch.bfloat16), [], []

    def run():
        frozen(F.gelu(wide(x))).sum().backward()

    run()
    expected = gradients(wide)
    wide.zero_grad()
    wide.weight.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.clone()))
    with DeferredWeights(later):
        y = frozen(F.gelu(wide(x))).sum()
    y.backward()
    assert len(later) == 1 and not seen
    compute(later)
    torch.testing.assert_close(gradients(wide), expected)  # the same products in the same dtype
    assert torch.equal(seen[0], wide.weight.grad) and frozen.weight.grad is None


def test_what_has_been_computed_is_kept_no_longer():
    layer, later = nn.Linear(3, 3), []
    with DeferredWeights(later), torch.no_grad():
        layer(torch.ones(2, 3))
    assert not later
    with DeferredWeights(later):
        y = layer(torch.ones(2, 3))
    y.sum().backward()
    compute(later)
    with pytest.raises(RuntimeError, match="second time"):
        y.sum().backward()
