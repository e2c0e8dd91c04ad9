"""Whole models whose parts are kernels, against the same models in plain PyTorch and float64."""

from dataclasses import replace

import pytest
import torch
from against_float64 import assert_close
from variants import GPT2, MODERN, V, build, text

import lib.training.losses
from lib.training.batches import Batch
from lib.training.loop import batch_loss

KERNELS = {"n_layers": 1, "dtype": "float32", "compute_dtype": None, "kernels": True}


# Softmax does not see a bias of the keys: its gradient is zero, and what it is in float32 is noise
WINDOWED = replace(GPT2, window=3, qkv_bias=False)


@pytest.mark.parametrize("config", [MODERN, WINDOWED], ids=["modern", "windowed"])
def test_logits_and_gradients(place, config):
    exact = build(replace(config, n_layers=1))
    model = build(replace(config, **KERNELS, attention="flash")).to(place)
    weights = torch.linspace(-1, 1, 2 * 7 * V, dtype=torch.float64).reshape(2, 7, V)
    expected, logits = exact(text(B=2)), model(text(B=2).to(place))
    (expected * weights).sum().backward()
    (logits * weights.to(logits)).sum().backward()
    assert_close(logits, expected.detach(), within=32)
    theirs = dict(exact.named_parameters())
    for name, parameter in model.named_parameters():
        assert_close(parameter.grad, theirs[name].grad, 64, name)


@pytest.mark.parametrize("counted", [None, torch.arange(14).reshape(2, 7) % 3 > 0])
def test_the_loss_of_training(place, counted, monkeypatch):
    losses = []
    for options in ({}, KERNELS):
        model = build(replace(MODERN, **{"n_layers": 1, **options}))
        batch = Batch(text(B=2), text(B=2, seed=1), counted)
        if options:
            model, batch = model.to(place), batch.to(place)
            monkeypatch.setattr(lib.training.losses, "chunked_cross_entropy", None)
        losses.append(batch_loss(model, batch, z_loss=0.1))
    assert_close(losses[1].detach(), losses[0].detach(), within=16)
