"""Sampling: against the model's own logits."""

import pytest
import torch

from lib.model.config import ModelConfig
from lib.model.transformer import Transformer
from lib.training.sample import sample_tokens

CONFIG = ModelConfig(7, context=4, n_layers=1, width=8, n_heads=2, ff_width=16)


def make_model():
    return Transformer(CONFIG, torch.Generator().manual_seed(3))


def test_at_temperature_zero_it_takes_the_likeliest():
    model, ids = make_model(), [1, 2]
    for new in sample_tokens(model, [1, 2], 6, temperature=0):
        assert new == int(model(torch.tensor([ids[-4:]]))[0, -1].argmax())
        ids.append(new)
    assert len(ids) == 8  # longer than the context


def test_tokens_are_drawn_with_their_shares():
    model, ids = make_model(), [1]
    ours, theirs = (torch.Generator().manual_seed(5) for _ in range(2))
    for new in sample_tokens(model, [1], 8, temperature=2.0, generator=ours):
        shares = (model(torch.tensor([ids[-4:]]))[0, -1] / 2).softmax(dim=-1)
        assert new == int(torch.multinomial(shares, 1, generator=theirs))
        ids.append(new)
    assert len(set(ids)) > 2


def test_the_generator_decides():
    model = make_model()
    draws = [
        list(sample_tokens(model, [1], 12, generator=torch.Generator().manual_seed(seed)))
        for seed in (0, 0, 1)
    ]
    assert draws[0] == draws[1] != draws[2]


def test_an_empty_prompt_is_explained():
    with pytest.raises(ValueError, match="a prompt of at least one"):
        next(sample_tokens(make_model(), [], 1))
