"""Whole models whose parts are kernels, against the same models in plain PyTorch and float64."""

from dataclasses import replace

import pytest
import torch
from against_float64 import assert_close
from variants import GPT2, MODERN, V, build, text

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
