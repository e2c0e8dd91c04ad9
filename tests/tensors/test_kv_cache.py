"""The cache: by hand, and what a model of lib/model really computes for its keys and values."""

from dataclasses import replace

import torch

from lib.model.choices import GATES
from lib.model.config import ModelConfig
from lib.model.transformer import Transformer
from lib.tensors.kv_cache import kv_bytes_per_token, kv_cache_bytes
from lib.tensors.shape import GATED

CONFIG = ModelConfig(53, 40, 5, 24, 6, n_kv_heads=2, head_width=10)


def test_by_hand():
    """A key and a value in each of 5 layers, of 2 heads of 10 numbers."""
    assert kv_bytes_per_token(CONFIG) == 2 * 5 * 2 * 10 * 2
    assert kv_bytes_per_token(CONFIG, bytes_per_number=1) == 200
    assert kv_cache_bytes(CONFIG, 7) == 7 * 400


def test_windows_forget():
    """Layers 0, 1, 3 and 4 keep 4 tokens, layer 2 all."""
    config = replace(CONFIG, window=4, window_pattern="WWF")
    assert kv_cache_bytes(config, 11) == (4 * 4 + 11) * 2 * 2 * 10 * 2
    assert kv_cache_bytes(config, 3) == kv_cache_bytes(CONFIG, 3)


def test_what_attention_works_on():
    _, k, v = Transformer(CONFIG).blocks[0].attention.queries_keys_values(torch.ones(1, 7, 24))
    assert kv_cache_bytes(CONFIG, 7, bytes_per_number=4) == 5 * (k.nbytes + v.nbytes)


def test_layers_with_a_gate_are_those_of_the_model():
    assert set(GATED) == set(GATES)
