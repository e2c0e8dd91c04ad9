"""Models that use `lib.kernels`, here as their twins: same values, same gradients, same weights.

With the kernels themselves, tests/kernels/test_models.py compares.
"""

from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close
from variants import ALIBI, CONFIGS, GPT2, HALVES, HYBRID, MODERN, D, build, stream, text

from lib.model import fast_attention, ffn, norm, self_attention
from lib.model.attention import causal_mask
from lib.model.fast_attention import attention_flash


def with_kernels(config):
    flash = config.positions != "alibi"
    return replace(config, kernels=True, attention="flash" if flash else "sdpa")


def gradients(model):
    """Of a number that every logit has a part in, not all the same."""
    logits = model(text())
    (logits * torch.linspace(-1, 1, logits.numel()).reshape(logits.shape)).sum().backward()
    return {name: p.grad for name, p in model.named_parameters()}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_same_model_with_kernels(config):
    plain, fast = build(config), build(with_kernels(config))
    assert list(plain.state_dict()) == list(fast.state_dict())
    assert_close(fast(text()), plain(text()))
    assert_close(gradients(fast), gradients(plain))


def test_in_bfloat16_as_well():
    config = replace(MODERN, dtype="float32", compute_dtype="bfloat16")
    exact = build(MODERN)(text())
    logits = build(with_kernels(config))(text())
    assert logits.dtype == torch.bfloat16
    assert (logits.double() - exact).std() < 0.03 * exact.std()


@pytest.mark.parametrize(
    ("module", "name", "config"),
    [
        (norm, "fused_rms_norm", MODERN),
        (norm, "fused_layer_norm", GPT2),
        (self_attention, "rope", MODERN),
        (self_attention, "rope", HALVES),
        (ffn, "swiglu", MODERN),
        (ffn, "gelu", GPT2),
        (fast_attention, "flash_attention", HYBRID),
    ],
)
def test_the_config_decides_who_works(module, name, config, monkeypatch):
    """As they agree, only something else in place of one shows which was taken."""
    before = build(config)(text())
    monkeypatch.setattr(module, name, lambda x, *_, **__: 2 * torch.ones_like(x))
    assert torch.equal(build(config)(text()), before)
    assert not torch.allclose(build(with_kernels(config))(text()), before)


def test_flash_attention_in_a_window_with_more_keys_than_queries():
    q, k = torch.randn(2, 3, 4, 6), torch.randn(2, 7, 2, 6)
    mask = self_attention.windowed(None, 3, 7, 2)
    expected = self_attention.attention(q, k, k, mask, scale=0.2)
    assert_close(attention_flash(q, k, k, window=2, scale=0.2), expected)


def test_what_flash_cannot_do_gets_a_sentence():
    with pytest.raises(ValueError, match=r"The flash kernel cannot cap scores.* is 30"):
        replace(MODERN, attention="flash", attention_softcap=30.0)
    with pytest.raises(ValueError, match="positions='alibi' is a bias"):
        replace(ALIBI, attention="flash")
    layer = build(replace(MODERN, attention="flash")).blocks[0].attention
    with pytest.raises(ValueError, match="takes no mask"):
        layer(stream(), mask=causal_mask(5))
    with pytest.raises(ValueError, match="takes no bias"):
        layer(stream(), bias=torch.zeros(4, 5, 5))
    assert layer(stream()).shape == (2, 5, D)
