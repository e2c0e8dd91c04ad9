"""Published models as configs: their shapes and choices, to be counted, drawn and compared.

    model_config("Llama 3.1 8B")   ->  ModelConfig(vocab_size=128256, context=131072, ...)

Names and numbers are those of the facts table `models`; a test compares the two, and the parameter
counts with the published ones. What that table does not know (the epsilon of norms, RoPE stretched
for long texts, Gemma's own scale of scores) stays at our defaults here: to run a real checkpoint,
its own config.json decides (lib/pretrained). "tiny" is ours, small enough for a test.
"""

from difflib import get_close_matches
from math import sqrt
from typing import Any

from lib.model.config import ModelConfig

GPT2 = {
    "norm": "layer",
    "positions": "learned",
    "ffn": "gelu_tanh",
    "bias": True,
    "tied": True,
    "init": "gpt2",
}
LLAMA: dict[str, Any] = {"positions": "rope_half"}
LLAMA_3 = {**LLAMA, "rope_theta": 500_000.0}
QWEN_2_5 = {**LLAMA, "rope_theta": 1e6, "qkv_bias": True}
QWEN_3 = {**LLAMA, "rope_theta": 1e6, "qk_norm": "head", "head_width": 128}
GEMMA_2 = {
    **LLAMA,
    "norm_placement": "sandwich",
    "norm_offset": True,
    "ffn": "geglu_tanh",
    "tied": True,
    "window": 4096,
    "window_pattern": "WF",
    "attention_softcap": 50.0,
    "output_softcap": 30.0,
}
OLMO_2 = {**LLAMA, "rope_theta": 500_000.0, "norm_placement": "reordered", "qk_norm": "all"}
TIED = {"tied": True}


def _gpt2(n_layers: int, width: int, n_heads: int) -> ModelConfig:
    return ModelConfig(50_257, 1024, n_layers, width, n_heads, **GPT2)


def _gemma2(n_layers: int, width: int, heads: tuple[int, int, int], ff_width: int) -> ModelConfig:
    scale = {"embedding_scale": sqrt(width)}
    return ModelConfig(256_000, 8192, n_layers, width, *heads, ff_width, **GEMMA_2, **scale)


def _model(
    sizes: tuple[int, int, int, int, int, int, int],
    family: dict[str, Any],
    **choices: Any,
) -> ModelConfig:
    """Sizes are V, context, L, D, N, K, F."""
    V, context, L, D, N, K, wide = sizes
    return ModelConfig(V, context, L, D, N, K, ff_width=wide, **{**family, **choices})


MODELS: dict[str, ModelConfig] = {
    "tiny": ModelConfig(512, 128, n_layers=4, width=64, n_heads=4, n_kv_heads=2),
    "GPT-2 small": _gpt2(12, 768, 12),
    "GPT-2 medium": _gpt2(24, 1024, 16),
    "GPT-2 large": _gpt2(36, 1280, 20),
    "GPT-2 XL": _gpt2(48, 1600, 25),
    #                         V, context, L, D, N, K, F
    "Llama 2 7B": _model((32_000, 4096, 32, 4096, 32, 32, 11_008), LLAMA),
    "Llama 2 13B": _model((32_000, 4096, 40, 5120, 40, 40, 13_824), LLAMA),
    "Llama 2 70B": _model((32_000, 4096, 80, 8192, 64, 8, 28_672), LLAMA),
    "Llama 3.1 8B": _model((128_256, 131_072, 32, 4096, 32, 8, 14_336), LLAMA_3),
    "Llama 3.1 70B": _model((128_256, 131_072, 80, 8192, 64, 8, 28_672), LLAMA_3),
    "Llama 3.1 405B": _model((128_256, 131_072, 126, 16_384, 128, 8, 53_248), LLAMA_3),
    "Llama 3.2 1B": _model((128_256, 131_072, 16, 2048, 32, 8, 8192), LLAMA_3, tied=True),
    "Mistral 7B": _model((32_000, 8192, 32, 4096, 32, 8, 14_336), LLAMA, window=4096),
    "Gemma 2 2B": _gemma2(26, 2304, (8, 4, 256), 9216),
    "Gemma 2 9B": _gemma2(42, 3584, (16, 8, 256), 14_336),
    "Gemma 2 27B": _gemma2(46, 4608, (32, 16, 128), 36_864),
    "Qwen2.5 0.5B": _model((151_936, 32_768, 24, 896, 14, 2, 4864), QWEN_2_5, tied=True),
    "Qwen2.5 1.5B": _model((151_936, 32_768, 28, 1536, 12, 2, 8960), QWEN_2_5, tied=True),
    "Qwen2.5 3B": _model((151_936, 32_768, 36, 2048, 16, 2, 11_008), QWEN_2_5, tied=True),
    "Qwen2.5 7B": _model((152_064, 131_072, 28, 3584, 28, 4, 18_944), QWEN_2_5),
    "Qwen2.5 14B": _model((152_064, 131_072, 48, 5120, 40, 8, 13_824), QWEN_2_5),
    "Qwen2.5 32B": _model((152_064, 131_072, 64, 5120, 40, 8, 27_648), QWEN_2_5),
    "Qwen2.5 72B": _model((152_064, 131_072, 80, 8192, 64, 8, 29_568), QWEN_2_5),
    "Qwen3 0.6B": _model((151_936, 32_768, 28, 1024, 16, 8, 3072), QWEN_3, tied=True),
    "Qwen3 8B": _model((151_936, 32_768, 36, 4096, 32, 8, 12_288), QWEN_3),
    "Qwen3 14B": _model((151_936, 32_768, 40, 5120, 40, 8, 17_408), QWEN_3),
    "Qwen3 32B": _model((151_936, 32_768, 64, 5120, 64, 8, 25_600), QWEN_3),
    "OLMo 2 7B": _model((100_352, 4096, 32, 4096, 32, 32, 11_008), OLMO_2),
    "OLMo 2 13B": _model((100_352, 4096, 40, 5120, 40, 40, 13_824), OLMO_2),
    "SmolLM2 135M": _model((49_152, 8192, 30, 576, 9, 3, 1536), LLAMA, tied=True, rope_theta=1e5),
    "SmolLM2 360M": _model((49_152, 8192, 32, 960, 15, 5, 2560), LLAMA, tied=True, rope_theta=1e5),
    "SmolLM2 1.7B": _model(
        (49_152, 8192, 24, 2048, 32, 32, 8192), LLAMA, tied=True, rope_theta=1.3e5
    ),
}


def model_config(name: str) -> ModelConfig:
    """The config of a published model. Raises KeyError with the nearest names."""
    if name not in MODELS:
        near = get_close_matches(name, MODELS, n=3, cutoff=0.3)
        raise KeyError(f"There is no {name!r}. Did you mean {' or '.join(near) or list(MODELS)}?")
    return MODELS[name]
