"""A Transformer cut over ranks: loss, gradients and weights of the whole one, and its traffic."""

import pytest
import torch

from lib.model.config import ModelConfig, n_params
from lib.model.transformer import Transformer
from lib.parallel.errors import RankError
from lib.parallel.launch import launch
from lib.parallel.simulated import simulate
from lib.parallel.tensor_model import tensor_parallel
from lib.parallel.tensor_weights import cut_dimension, full_gradients, full_state
from lib.training.losses import cross_entropy

B, T, D, V = 2, 12, 32, 29  # no number of ranks divides the vocabulary
COMMON = {"vocab_size": V, "context": 16, "n_layers": 2, "width": D, "dtype": "float64"}
LLAMA = {"n_heads": 8, "n_kv_heads": 4, "ff_width": 20}
GPT2 = {
    "n_heads": 4,
    "ff_width": 20,
    "ffn": "gelu_tanh",
    "norm": "layer",
    "positions": "learned",
    "bias": True,
    "tied": True,
}
VARIANTS = {
    "llama": LLAMA,
    "gpt2": GPT2,
    "parallel": {**GPT2, "parallel": True, "positions": "rope_half"},
    "gated": {**LLAMA, "attention_gate": True, "bias": True, "positions": "alibi"},
    "sandwich": {**LLAMA, "norm_placement": "sandwich", "qk_norm": "head", "window": 5},
    "post": {**LLAMA, "norm_placement": "post", "positions": "sinusoidal", "output_softcap": 3.0},
    "scaled": {**LLAMA, "embedding_scale": 2.0, "tied": True, "attention": "sdpa"},
}


def model_of(name):
    torch.manual_seed(0)
    model = Transformer(ModelConfig(**COMMON, **VARIANTS[name]), torch.Generator().manual_seed(0))
    for p in model.parameters():  # no bias stays zero, no scale one
        p.data += 0.1 * torch.randn(p.shape, dtype=p.dtype)
    return model


def batch():
    generator = torch.Generator().manual_seed(1)
    ids, targets = torch.randint(V, (2, B, T), generator=generator)
    return ids, targets, torch.rand(B, T, generator=generator) < 0.7


def on_one(name):
    model, (ids, targets, counted) = model_of(name), batch()
    loss = cross_entropy(model(ids), targets, counted, z_loss=1e-3)
    loss.backward()
    return loss, {name: p.grad for name, p in model.named_parameters()}, model


def on_ranks(comm, name, sequence):
    model = tensor_parallel(model_of(name), comm, sequence)
    ids, targets, counted = batch()
    loss = model.loss(ids, targets, counted, z_loss=1e-3)
    loss.backward()
    traffic = comm.traffic.by_op()
    return loss.detach(), full_gradients(model), full_state(model), traffic


@pytest.mark.parametrize("sequence", [False, True])
@pytest.mark.parametrize(
    ("run", "n_ranks", "name"),
    [*((simulate, 4 if name == "llama" else 2, name) for name in VARIANTS), (launch, 2, "llama")],
)
def test_the_parts_together_are_the_model(run, n_ranks, name, sequence):
    """Sums over ranks are taken in another order: some ulps of float64 times the layers."""
    expected, gradients, model = on_one(name)
    weights = model.state_dict()
    for loss, found, state, _ in run(on_ranks, n_ranks, name, sequence):
        torch.testing.assert_close(loss, expected.detach(), rtol=1e-12, atol=0)
        assert list(found) == list(gradients) and list(state) == list(weights)
        for key, gradient in gradients.items():
            torch.testing.assert_close(found[key], gradient, rtol=1e-9, atol=1e-13, msg=key)
            assert torch.equal(state[key], weights[key]), key


def test_what_is_frozen_stays_frozen_on_all_ranks():
    def learns(comm):
        model = model_of("llama")
        model.embedding.weight.requires_grad_(False)
        model.norm.weight.requires_grad_(False)
        part = tensor_parallel(model, comm, sequence=True)
        part.loss(*batch()[:2]).backward()
        return [name for name, p in part.named_parameters() if p.grad is None]

    assert simulate(learns, 2) == [["embedding.weight", "norm.weight"]] * 2


def traffic_of(comm, n_layers, sequence, parallel, dtype="bfloat16"):
    config = ModelConfig(
        **{**COMMON, **LLAMA, "n_layers": n_layers, "dtype": dtype, "parallel": parallel}
    )
    model = tensor_parallel(Transformer(config), comm, sequence)
    ids, targets, _ = batch()
    model.loss(ids, targets).backward()
    return comm.traffic.by_op()


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("n", [2, 4])
def test_a_layer_sends_four_all_reduces_of_the_stream(n, parallel):
    """8 b s h (n - 1) / n values for each rank; half of it where the layers are parallel.

    With sequence parallelism the same bytes, in halves, and the gradients of the norms.
    """
    less, more = (simulate(traffic_of, n, L, False, parallel)[0] for L in (1, 3))
    expected = 8 * B * T * D * (n - 1) // n * 2 // (2 if parallel else 1)
    assert {op: (more[op] - less[op]) / 2 for op in more} == {"all_reduce": expected}
    less, more = (simulate(traffic_of, n, L, True, parallel)[0] for L in (1, 3))
    norms = (1 if parallel else 2) * 2 * (D * (n - 1) // n * 2)
    assert {op: (more[op] - less[op]) / 2 for op in more} == {
        "all_gather": expected / 2,
        "reduce_scatter": expected / 2,
        "all_reduce": norms,
    }


def test_traffic_outside_the_layers():
    """One way out of the embedding, one into the output; three numbers a position for the loss."""
    n, L = 2, 1
    found = simulate(traffic_of, n, L, False, False, dtype="float32")[0]["all_reduce"]
    stream, position = 2 * B * T * D * 4 * (n - 1) // n, 2 * B * T * 4 * (n - 1) // n
    assert found == (4 * L + 2) * stream + 3 * position


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_each_holds_its_part(name):
    def held(comm):
        model = tensor_parallel(model_of(name), comm)
        return sum(p.numel() for p in model.parameters())

    model = model_of(name)
    on_all = sum(p.numel() for k, p in model.named_parameters() if cut_dimension(k) is None)
    ranks = simulate(held, 2)
    assert n_params(model.config) - on_all == sum(r - on_all for r in ranks)
    assert ranks[0] - ranks[1] == D * (1 if model.config.tied else 2)  # a token more


def test_heads_that_do_not_divide_say_what_would():
    def cut(comm, **changes):
        tensor_parallel(Transformer(ModelConfig(**{**COMMON, **LLAMA, **changes})), comm)

    with pytest.raises(RankError, match=r"4 key/value heads cannot.*among 8.*from \[1, 2, 4\]"):
        simulate(cut, 8)
    with pytest.raises(RankError, match=r"20 feed-forward channels cannot.*among 8"):
        simulate(cut, 8, n_kv_heads=8)
    with pytest.raises(RankError, match="Choose 'head'"):
        simulate(cut, 2, qk_norm="all")


def test_positions_that_do_not_divide_and_ids_that_nobody_has_are_explained():
    def run(comm, sequence, ids):
        model = tensor_parallel(model_of("llama"), comm, sequence)
        model.loss(ids, ids)

    with pytest.raises(RankError, match=r"5 positions cannot be shared out equally among 2"):
        simulate(run, 2, True, torch.zeros(1, 5, dtype=torch.long))
    with pytest.raises(RankError, match=r"ids 0 to 28, and were asked for 0 to 29"):
        simulate(run, 2, False, torch.tensor([[0, 29]]))
