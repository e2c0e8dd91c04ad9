"""The routed layer against values by hand, a loop over tokens, and the blocks of transformers."""

import math

import pytest
import torch
import torch.nn.functional as F
from transformers import MixtralConfig, Qwen3MoeConfig
from transformers.models.mixtral import modeling_mixtral as mixtral
from transformers.models.qwen3_moe import modeling_qwen3_moe as qwen3

from lib.parallel.routed import RoutedFFN, balance_loss, route, within_capacity

N, D, FF, E = 7, 6, 5, 4


def a_layer(k=2, **settings):
    generator = torch.Generator().manual_seed(0)
    return RoutedFFN(D, FF, E, k, generator=generator, dtype=torch.float64, **settings)


def tokens(n=N):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, D, dtype=torch.float64, generator=generator)


def test_gates_by_hand():
    """Logits ln 1, ln 2, ln 5 make probabilities 1/8, 2/8, 5/8."""
    x, router = torch.tensor([[1.0]]), torch.tensor([[1.0], [2.0], [5.0]]).log()
    one, two = route(x, router, 1, normalise=False), route(x, router, 2)
    torch.testing.assert_close(two.probabilities, torch.tensor([[1 / 8, 2 / 8, 5 / 8]]))
    assert one.experts.tolist() == [[2]] and one.gates.item() == pytest.approx(5 / 8)
    assert two.experts.tolist() == [[2, 1]] and two.chosen.tolist() == [0, 1, 1]
    torch.testing.assert_close(two.gates, torch.tensor([[5 / 7, 2 / 7]]))


def test_choices_sorted_by_hand():
    router = torch.eye(3)
    x = torch.tensor([[1.0, 3, 2], [3, 1, 2], [3, 2, 1]])  # choose 1 and 2, 0 and 2, 0 and 1
    choices, counts = route(x, router, 2).by_expert()
    assert counts.tolist() == [2, 2, 2]
    assert choices.tolist() == [2, 4, 0, 5, 1, 3]  # 2 * token + place
    routing = route(x, router, 2, capacity=1)
    choices, counts = routing.by_expert()
    assert counts.tolist() == [1, 1, 1] and routing.n_dropped == 3
    assert choices.tolist() == [2, 0, 1] and routing.kept.tolist() == [[1, 1], [1, 0], [0, 0]]


def test_room_is_for_first_choices_first():
    experts = torch.tensor([[0, 1], [2, 1], [1, 0], [1, 2]])
    assert within_capacity(experts, 3, 1).tolist() == [[1, 0], [1, 0], [1, 0], [0, 0]]
    assert within_capacity(experts, 3, 2).tolist() == [[1, 0], [1, 0], [1, 1], [1, 1]]
    assert within_capacity(experts, 3, 4).all()


def by_loops(layer, x):
    """Token by token, choice by choice."""
    routing, e = layer.routing, layer.experts
    y = torch.zeros_like(x)
    for n in range(len(x)):
        for expert, gate, kept in zip(routing.experts[n], routing.gates[n], routing.kept[n]):
            hidden = F.silu(e.gate[expert] @ x[n]) * (e.up[expert] @ x[n])
            y[n] += kept * gate * (e.down[expert] @ hidden)
    return y


@pytest.mark.parametrize("settings", [{}, {"capacity_factor": 0.8}, {"normalise": False}])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_equals_loops_over_tokens(k, settings):
    layer, x = a_layer(k, **settings), tokens()
    y = layer(x.view(1, N, D))
    assert y.shape == (1, N, D)
    torch.testing.assert_close(y[0], by_loops(layer, x))
    dropped = layer.routing.n_dropped
    assert (dropped > 0) == ("capacity_factor" in settings)
    capacity = math.ceil(0.8 * k * N / E)
    assert dropped == 0 or layer.routing.by_expert()[1].max() == capacity == layer.capacity(N)


def gradients(module):
    return {name: p.grad for name, p in module.named_parameters()}


@pytest.mark.parametrize("theirs", ["mixtral", "qwen3", "qwen3 without normalising"])
def test_equals_the_blocks_of_transformers(theirs):
    sizes = {"hidden_size": D, "num_experts_per_tok": 2}
    if theirs == "mixtral":
        config = MixtralConfig(num_local_experts=E, intermediate_size=FF, **sizes)
        block = mixtral.MixtralSparseMoeBlock(config)
    else:
        norm = theirs == "qwen3"
        config = Qwen3MoeConfig(
            num_experts=E, moe_intermediate_size=FF, norm_topk_prob=norm, **sizes
        )
        block = qwen3.Qwen3MoeSparseMoeBlock(config)
    config._experts_implementation = "eager"
    ours = a_layer(2, normalise="without" not in theirs).float()
    with torch.no_grad():
        block.gate.weight.copy_(ours.router)
        gate_up = torch.cat([ours.experts.gate, ours.experts.up], dim=1)
        block.experts.gate_up_proj.copy_(gate_up)
        block.experts.down_proj.copy_(ours.experts.down)
    x = tokens(10).float().view(2, 5, D)
    x, x_too = x.clone().requires_grad_(), x.clone().requires_grad_()
    y, y_too = ours(x), block(x_too)
    torch.testing.assert_close(y, y_too)  # they compute gates in float32, so all is in float32
    y.square().sum().backward()
    y_too.square().sum().backward()
    torch.testing.assert_close(x.grad, x_too.grad)
    torch.testing.assert_close(ours.router.grad, block.gate.weight.grad)
    gate_up = torch.cat([ours.experts.gate.grad, ours.experts.up.grad], dim=1)
    torch.testing.assert_close(gate_up, block.experts.gate_up_proj.grad)
    torch.testing.assert_close(ours.experts.down.grad, block.experts.down_proj.grad)


def test_balance_by_hand_and_against_transformers():
    even = torch.full((8, E), 1 / E)
    assert balance_loss(even, torch.tensor([2, 2, 2, 2])).item() == 1
    sure = F.one_hot(torch.zeros(8, dtype=torch.int64), E).float()
    assert balance_loss(sure, torch.tensor([8, 0, 0, 0])).item() == E  # all to one: the worst
    for k in (1, 2):
        layer, x = a_layer(k), tokens()
        layer(x)
        logits = (F.linear(x, layer.router),)
        other = mixtral.load_balancing_loss_func(logits, num_experts=E, top_k=k)
        # they count tokens, of which k have chosen, where we take shares of choices
        torch.testing.assert_close(k * layer.balance_loss().float(), other)  # theirs is float32


def test_busy_experts_are_pushed_down():
    logits = torch.zeros(6, E, requires_grad=True)
    chosen = torch.tensor([4, 1, 1, 0])
    balance_loss(logits.softmax(-1), chosen).backward()
    # d/dlogit_j of sum_i f_i p_i, with all p = 1/4 and mean f = 1/4: (f_j - 1/4) / 4 per token
    expected = E * (chosen / 6 - 1 / E) / E / 6
    torch.testing.assert_close(logits.grad, expected.expand(6, E))


def test_with_little_room_a_token_depends_on_its_company():
    layer, x = a_layer(capacity_factor=0.5), tokens(20)
    together, alone = layer(x), torch.cat([layer(one.unsqueeze(0)) for one in x])
    free = a_layer()
    torch.testing.assert_close(free(x), torch.cat([free(one.unsqueeze(0)) for one in x]))
    assert not torch.allclose(together, alone)
    assert torch.equal(layer(x)[(~layer.routing.kept).all(1)], 0 * x[(~layer.routing.kept).all(1)])


def test_too_many_choices_are_explained():
    with pytest.raises(ValueError, match="1 to 4 of 4 experts, not to 5"):
        a_layer(5)
