"""A long sequence over ranks in a Transformer: the loss and gradients of one rank, both ways."""

import pytest
import torch

from lib.model.config import ModelConfig
from lib.model.transformer import Transformer
from lib.parallel.errors import RankError
from lib.parallel.launch import launch
from lib.parallel.simulated import simulate
from lib.parallel.tensor_model import context_parallel
from lib.training.losses import cross_entropy

B, T, V = 2, 24, 19
COMMON = {
    "vocab_size": V,
    "context": T,
    "n_layers": 2,
    "width": 16,
    "n_heads": 8,
    "n_kv_heads": 4,
    "ff_width": 12,
    "dtype": "float64",
}
VARIANTS = {
    "llama": {},
    "learned": {"positions": "learned", "ffn": "gelu", "bias": True, "attention_gate": True},
    "window": {"window": 5, "window_pattern": "WF", "attention_softcap": 3.0},
    "sinusoidal": {"positions": "sinusoidal", "attention": "sdpa", "attention_scale": 0.3},
    "flash": {"window": 5, "attention": "flash"},
}


def model_of(name):
    return Transformer(ModelConfig(**COMMON, **VARIANTS[name]), torch.Generator().manual_seed(0))


def batch():
    return torch.randint(V, (2, B, T), generator=torch.Generator().manual_seed(1))


def on_ranks(comm, name, way, split):
    model = context_parallel(model_of(name), comm, way, split)
    ids, targets = (model.context.take(x) for x in batch())
    assert ids.shape == (B, T // comm.n_ranks)
    loss = model.loss(ids, targets)
    loss.backward()
    mean = comm.all_reduce(loss.detach().view(1), "mean")
    return mean, {k: comm.all_reduce(p.grad, "mean") for k, p in model.named_parameters()}


@pytest.mark.parametrize(
    ("run", "n_ranks", "name", "way", "split"),
    [
        (simulate, 4, "llama", "ring", "zigzag"),
        (simulate, 3, "learned", "ring", "contiguous"),
        (simulate, 4, "llama", "heads", "contiguous"),
        (simulate, 2, "window", "heads", "zigzag"),
        (simulate, 4, "sinusoidal", "heads", "zigzag"),
        (simulate, 2, "flash", "heads", "zigzag"),
        (launch, 2, "sinusoidal", "ring", "zigzag"),
    ],
)
def test_a_long_sequence_gives_the_loss_and_gradients_of_one_rank(run, n_ranks, name, way, split):
    model, (ids, targets) = model_of(name), batch()
    expected = cross_entropy(model(ids), targets)
    expected.backward()
    for loss, gradients in run(on_ranks, n_ranks, name, way, split):
        torch.testing.assert_close(loss[0], expected.detach(), rtol=1e-12, atol=0)
        for key, parameter in model.named_parameters():
            torch.testing.assert_close(gradients[key], parameter.grad, rtol=1e-9, atol=1e-13)


def test_what_the_ring_does_not_know_is_explained():
    def make(comm, way, **choices):
        context_parallel(Transformer(ModelConfig(**COMMON, **choices)), comm, way)

    with pytest.raises(RankError, match=r"no window \(5\).*Choose way='heads'"):
        simulate(make, 2, "ring", window=5)
    with pytest.raises(RankError, match="Choose positions='rope'"):
        simulate(make, 2, "heads", positions="alibi")
