import pytest
import torch
from torch import nn

from lib.model.config import ModelConfig
from lib.model.transformer import Transformer
from lib.training.groups import decay_groups, hidden_matrices
from lib.training.muon import MuonAdamW


def names(model, params):
    known = {id(p): name for name, p in model.named_parameters()}
    return {known[id(p)] for p in params}


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("positions", ["rope", "learned"])
def test_hidden_matrices_of_a_transformer(tied, positions):
    model = Transformer(ModelConfig(37, 11, 2, 24, 4, tied=tied, positions=positions, bias=True))
    matrices, rest = hidden_matrices(model)
    assert len(matrices) + len(rest) == len(list(model.parameters()))
    assert {p.ndim for p in matrices} == {2}
    assert all(name.startswith("blocks.") for name in names(model, matrices))
    outside = {"embedding.weight", "norm.weight"}
    outside |= set() if tied else {"output.weight"}
    outside |= {"position_embedding.weight"} if positions == "learned" else set()
    others = names(model, rest)
    assert outside <= others
    assert all("norm" in name or "bias" in name for name in others - outside)
    MuonAdamW(matrices, rest)  # takes them


def test_of_a_foreign_model_without_what_is_frozen():
    model = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 3), nn.Conv1d(3, 2, 2), nn.Linear(2, 2))
    model[3].weight.requires_grad_(False)
    matrices, rest = hidden_matrices(model)
    assert names(model, matrices) == {"1.weight"}
    assert names(model, rest) == {"0.weight", "1.bias", "2.weight", "2.bias", "3.bias"}


def test_vectors_do_not_decay():
    model = nn.Sequential(nn.Embedding(9, 4), nn.LayerNorm(4), nn.Linear(4, 3, bias=False))
    first, second = decay_groups(model, 0.1)
    assert names(model, first["params"]) == {"0.weight", "2.weight"}
    assert names(model, second["params"]) == {"1.weight", "1.bias"}
    assert (first["weight_decay"], second["weight_decay"]) == (0.1, 0.0)
    (only,) = decay_groups(nn.Linear(2, 2, bias=False), 0.1)
    assert only["weight_decay"] == 0.1
    torch.optim.AdamW(decay_groups(model, 0.1))
