"""Recomputation changes nothing but what is kept and how often layers run."""

import pytest
import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks

from lib.model.config import ModelConfig
from lib.model.transformer import Transformer
from lib.training.losses import cross_entropy
from lib.training.recomputation import in_stretches, recompute, recomputed_blocks

D, L = 6, 7


class Counted(nn.Module):
    """A layer that counts its forward passes."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(D, D, dtype=torch.float64)
        self.passes = 0

    def forward(self, x):
        self.passes += 1
        return x + self.linear(x).sin()


def layers_and_input():
    torch.manual_seed(0)
    layers = nn.ModuleList(Counted() for _ in range(L))
    return layers, torch.randn(4, D, dtype=torch.float64, requires_grad=True)


def kept(forward):
    """Tensors that the graph holds between forward and backward, parameters apart."""
    storages = set()

    def pack(x):
        if not isinstance(x, nn.Parameter) and not isinstance(x._base, nn.Parameter):
            storages.add(x.untyped_storage().data_ptr())
        return x

    with saved_tensors_hooks(pack, lambda x: x):
        y = forward()
    assert y.requires_grad
    return len(storages)


def gradients(layers, x, forward):
    layers.zero_grad()
    x.grad = None
    y = forward(x)
    y.square().sum().backward()
    return [y.detach(), x.grad, *(p.grad for p in layers.parameters())]


@pytest.mark.parametrize("k", [1, 3, 7, 10])
def test_values_and_gradients_stay(k):
    layers, x = layers_and_input()
    expected = gradients(layers, x, nn.Sequential(*layers))
    ours = gradients(layers, x, lambda x: in_stretches(layers, x, k))
    torch.testing.assert_close(ours, expected, rtol=0, atol=0)
    assert {layer.passes for layer in layers} == {3}  # one before, two now


def test_kept_is_one_input_for_each_stretch():
    layers, x = layers_and_input()
    assert kept(lambda: in_stretches(layers, x, 1)) == 7
    assert kept(lambda: in_stretches(layers, x, 3)) == 3  # layers 0-2, 3-5, 6
    assert kept(lambda: in_stretches(layers, x, 7)) == 1
    assert kept(lambda: nn.Sequential(*layers)(x)) == 14  # each: its input, and that of the sine


def test_one_layer_that_changes_the_shape():
    linear = nn.Linear(D, 2, dtype=torch.float64)
    _, x = layers_and_input()
    assert torch.autograd.gradcheck(lambda x: recompute(linear, x).sin(), (x,))


def model_and_ids():
    config = ModelConfig(37, 11, 4, 24, 4, dtype="float64")
    model = Transformer(config, torch.Generator().manual_seed(0))
    return model, torch.randint(37, (2, 9), generator=torch.Generator().manual_seed(1))


def run(model, ids):
    model.zero_grad()
    loss = cross_entropy(model(ids[:, :-1]), ids[:, 1:])
    return loss, kept_parts(loss, model)


def kept_parts(loss, model):
    loss.backward()
    return [p.grad.clone() for p in model.parameters()]


@pytest.mark.parametrize("every", [1, 2])
def test_recomputed_blocks_of_a_transformer(every):
    model, ids = model_and_ids()
    loss, expected = run(model, ids)
    names = list(model.state_dict())
    calls = [0] * 4
    for i, block in enumerate(model.blocks):
        block.attention_norm.register_forward_hook(
            lambda *_, i=i: calls.__setitem__(i, calls[i] + 1)
        )
    model.zero_grad()
    with recomputed_blocks(model.blocks, every):
        again = cross_entropy(model(ids[:, :-1]), ids[:, 1:])
        assert list(model.state_dict()) == names
    assert calls == [1] * 4
    ours = kept_parts(again, model)  # outside: the blocks remember
    assert calls == [2 if i % every == 0 else 1 for i in range(4)]
    torch.testing.assert_close((again, ours), (loss, expected), rtol=0, atol=0)


def test_fewer_tensors_are_kept_and_afterwards_all_is_as_before():
    model, ids = model_and_ids()
    plain = kept(lambda: model(ids))
    with recomputed_blocks(model.blocks):
        least = kept(lambda: model(ids))
    with recomputed_blocks(model.blocks, 2):
        some = kept(lambda: model(ids))
    assert least < some < plain
    assert least < plain / 3
    with pytest.raises(RuntimeError), recomputed_blocks(model.blocks):
        raise RuntimeError
    assert kept(lambda: model(ids)) == plain


def test_an_input_without_gradient_is_refused_but_not_in_evaluation():
    layers, x = layers_and_input()
    with pytest.raises(ValueError, match="its parameters would get none"):
        recompute(layers[0], x.detach())
    with torch.no_grad():
        torch.testing.assert_close(recompute(layers[0], x.detach()), layers[0](x))


def test_impossible_stretches_are_explained():
    layers, x = layers_and_input()
    with pytest.raises(ValueError, match="at least one layer, not 0"):
        in_stretches(layers, x, 0)
    with pytest.raises(ValueError, match="not every 0th"), recomputed_blocks(layers, 0):
        pass
