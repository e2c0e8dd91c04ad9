"""The families of models that can be read and written: their config.json as ModelConfig, and back.

Settings are those of transformers 5 (`rope_parameters`, `layer_types`) or of the versions before
(`rope_theta`, `rope_scaling`); written are both. Where a file leaves a setting out, it means what
transformers takes it for. Writing does not check what a family can express: `config_json.misfits`
reads what was written, and sees whether it is still the same model.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lib.model.config import ModelConfig
from lib.pretrained import names
from lib.pretrained.rope_settings import read_rope, write_rope
from lib.pretrained.settings import Json, Settings
from lib.pretrained.window_settings import FULL, SLIDING, layer_types, read_windows

Fields = dict[str, Any]  # of ModelConfig

GATED = {  # of the function that bends the gate
    "silu": "swiglu",
    "gelu": "geglu",
    "gelu_pytorch_tanh": "geglu_tanh",
    "relu": "reglu",
}
PLAIN = {
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu": "gelu",
    "relu": "relu",
    "relu2": "relu2",
    "silu": "silu",
}
NO_BIAS = {False: False}


@dataclass(frozen=True)
class Family:
    """One kind of config.json, with the names of its tensors."""

    architecture: str  # the class in transformers
    names: dict[str, str]  # see `names`
    prefix: str  # of all names but the output's
    read: Callable[[Settings], Fields]
    write: Callable[[ModelConfig], Json]


# Each family, from what all but GPT-2 share


def _read_common(
    settings: Settings, *, tied: bool = False, norm_eps: float = 1e-6, head_dim: int | None = None
) -> Fields:
    """Defaults are those of the family, for settings that a file leaves out."""
    return {
        "vocab_size": settings["vocab_size"],
        "context": settings["max_position_embeddings"],
        "n_layers": settings["num_hidden_layers"],
        "width": settings["hidden_size"],
        "n_heads": settings["num_attention_heads"],
        "n_kv_heads": settings.get("num_key_value_heads"),
        "head_width": settings.get("head_dim", head_dim),
        "ff_width": settings["intermediate_size"],
        "norm_eps": float(settings.get("rms_norm_eps", norm_eps)),
        "tied": settings.get("tie_word_embeddings", tied),
        **read_rope(settings),
    }


def _write_common(config: ModelConfig) -> Json:
    return {
        "vocab_size": config.vocab_size,
        "max_position_embeddings": config.context,
        "num_hidden_layers": config.n_layers,
        "hidden_size": config.width,
        "num_attention_heads": config.n_heads,
        "num_key_value_heads": config.n_kv_heads,
        "head_dim": config.head_width,
        "intermediate_size": config.ff_width,
        "rms_norm_eps": config.norm_eps,
        "tie_word_embeddings": config.tied,
        **write_rope(config),
    }


def _word(words: dict[str, str], ours: str) -> str:
    """Their word for one of ours; one of ours that has none is found when it is read again."""
    return next((word for word, meaning in words.items() if meaning == ours), next(iter(words)))


def read_llama(settings: Settings) -> Fields:
    bias = settings.choose("attention_bias", {False: False, True: True}, False)
    if settings.get("mlp_bias", False) != bias:
        raise settings.refused(
            "mlp_bias", f"Biases are in all matrices here or in none, and attention_bias is {bias}."
        )
    ffn = settings.choose("hidden_act", GATED, "silu")
    return {**_read_common(settings), "ffn": ffn, "bias": bias}


def write_llama(config: ModelConfig) -> Json:
    biases = {"attention_bias": config.bias, "mlp_bias": config.bias}
    return {**_write_common(config), "hidden_act": _word(GATED, config.ffn), **biases}


def read_mistral(settings: Settings) -> Fields:
    ffn = settings.choose("hidden_act", GATED, "silu")
    window = settings.get("sliding_window", 4096)
    return {**_read_common(settings), "ffn": ffn, "window": window}


def write_mistral(config: ModelConfig) -> Json:
    ffn = {"hidden_act": _word(GATED, config.ffn)}
    return {**_write_common(config), **ffn, "sliding_window": config.window}


def read_qwen2(settings: Settings) -> Fields:
    ffn = settings.choose("hidden_act", GATED, "silu")
    return {**_read_common(settings), "ffn": ffn, "qkv_bias": True, **_read_last_windows(settings)}


def write_qwen2(config: ModelConfig) -> Json:
    ffn = {"hidden_act": _word(GATED, config.ffn)}
    return {**_write_common(config), **ffn, **_write_last_windows(config)}


def read_qwen3(settings: Settings) -> Fields:
    settings.choose("attention_bias", NO_BIAS, False)
    ffn = settings.choose("hidden_act", GATED, "silu")
    common = _read_common(settings, head_dim=128)
    return {**common, "ffn": ffn, "qk_norm": "head", **_read_last_windows(settings)}


def write_qwen3(config: ModelConfig) -> Json:
    return {**write_qwen2(config), "attention_bias": False}


def _read_last_windows(settings: Settings) -> Fields:
    """Qwen's: if at all, the layers from some number on have windows."""
    first = settings.get("max_window_layers", 28)
    if not settings.get("use_sliding_window", False):
        settings.get("sliding_window")  # without effect, whatever it is
        first = settings["num_hidden_layers"]
    n_layers = settings["num_hidden_layers"]
    types = [SLIDING if layer >= first else FULL for layer in range(n_layers)]
    return read_windows(settings, types)


def _write_last_windows(config: ModelConfig) -> Json:
    types = layer_types(config)
    return {
        "use_sliding_window": config.window is not None,
        "sliding_window": config.window,
        "max_window_layers": types.index(SLIDING) if SLIDING in types else config.n_layers,
        "layer_types": types,
    }


def read_gemma2(settings: Settings) -> Fields:
    settings.choose("attention_bias", NO_BIAS, False)
    settings.get("hidden_act")  # an older name, which nobody reads any more
    common = _read_common(settings, tied=True, head_dim=256)
    scalar = settings.get("query_pre_attn_scalar", 256)
    types = [FULL if layer % 2 else SLIDING for layer in range(common["n_layers"])]
    return {
        **common,
        "norm_placement": "sandwich",
        "norm_offset": True,
        "ffn": settings.choose("hidden_activation", GATED, "gelu_pytorch_tanh"),
        "embedding_scale": common["width"] ** 0.5,
        "attention_scale": None if scalar == common["head_width"] else scalar**-0.5,
        "attention_softcap": settings.get("attn_logit_softcapping", 50.0),
        "output_softcap": settings.get("final_logit_softcapping", 30.0),
        **read_windows(settings, types),
    }


def write_gemma2(config: ModelConfig) -> Json:
    scale = config.attention_scale
    return {
        **_write_common(config),
        "hidden_activation": _word(GATED, config.ffn),
        "query_pre_attn_scalar": config.head_width if scale is None else round(scale**-2),
        "attn_logit_softcapping": config.attention_softcap,
        "final_logit_softcapping": config.output_softcap,
        "attention_bias": False,
        "sliding_window": config.window,
        "layer_types": layer_types(config),
    }


def read_olmo2(settings: Settings) -> Fields:
    settings.choose("attention_bias", NO_BIAS, False)
    ffn = settings.choose("hidden_act", GATED, "silu")
    norms = {"norm_placement": "reordered", "qk_norm": "all"}
    return {**_read_common(settings, norm_eps=1e-5), "ffn": ffn, **norms}


def write_olmo2(config: ModelConfig) -> Json:
    ffn = {"hidden_act": _word(GATED, config.ffn)}
    return {**_write_common(config), **ffn, "attention_bias": False}


def read_gpt2(settings: Settings) -> Fields:
    return {
        "vocab_size": settings["vocab_size"],
        "context": settings["n_positions"],
        "n_layers": settings["n_layer"],
        "width": settings["n_embd"],
        "n_heads": settings["n_head"],
        "ff_width": settings.get("n_inner"),  # None: 4 D
        "norm": "layer",
        "norm_eps": float(settings.get("layer_norm_epsilon", 1e-5)),
        "positions": "learned",
        "ffn": settings.choose("activation_function", PLAIN, "gelu_new"),
        "bias": True,
        "tied": settings.get("tie_word_embeddings", True),
    }


def write_gpt2(config: ModelConfig) -> Json:
    return {
        "vocab_size": config.vocab_size,
        "n_positions": config.context,
        "n_layer": config.n_layers,
        "n_embd": config.width,
        "n_head": config.n_heads,
        "n_inner": config.ff_width,
        "layer_norm_epsilon": config.norm_eps,
        "activation_function": _word(PLAIN, config.ffn),
        "tie_word_embeddings": config.tied,
    }


FAMILIES = {  # in the order in which a model of ours is tried
    "llama": Family("LlamaForCausalLM", names.LLAMA, "model.", read_llama, write_llama),
    "mistral": Family("MistralForCausalLM", names.MISTRAL, "model.", read_mistral, write_mistral),
    "qwen2": Family("Qwen2ForCausalLM", names.QWEN2, "model.", read_qwen2, write_qwen2),
    "qwen3": Family("Qwen3ForCausalLM", names.QWEN3, "model.", read_qwen3, write_qwen3),
    "gemma2": Family("Gemma2ForCausalLM", names.GEMMA2, "model.", read_gemma2, write_gemma2),
    "olmo2": Family("Olmo2ForCausalLM", names.OLMO2, "model.", read_olmo2, write_olmo2),
    "gpt2": Family("GPT2LMHeadModel", names.GPT2, "transformer.", read_gpt2, write_gpt2),
}
