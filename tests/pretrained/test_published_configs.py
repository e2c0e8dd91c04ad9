"""Settings as they come with published checkpoints, those without effect among them.

What they describe is compared with lib/model/zoo.py, whose sizes are those of the facts.
"""

import pytest

from lib.model.config import n_params
from lib.model.zoo import MODELS
from lib.pretrained.config_json import essentials, read_config
from lib.pretrained.settings import Settings

OLDER = {
    "initializer_range": 0.02,
    "use_cache": True,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.40.1",
    "attention_dropout": 0.0,
    "hidden_act": "silu",
}


def sizes(layers, width, heads, kv_heads, ff_width, vocabulary, context):
    return {
        "num_hidden_layers": layers,
        "hidden_size": width,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "intermediate_size": ff_width,
        "vocab_size": vocabulary,
        "max_position_embeddings": context,
    }


PUBLISHED = {
    "GPT-2 small": {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "activation_function": "gelu_new",
        "attn_pdrop": 0.1,
        "embd_pdrop": 0.1,
        "resid_pdrop": 0.1,
        "bos_token_id": 50256,
        "eos_token_id": 50256,
        "initializer_range": 0.02,
        "layer_norm_epsilon": 1e-05,
        "n_ctx": 1024,
        "n_positions": 1024,
        "n_embd": 768,
        "n_head": 12,
        "n_layer": 12,
        "summary_activation": None,
        "summary_first_dropout": 0.1,
        "summary_proj_to_labels": True,
        "summary_type": "cls_index",
        "summary_use_proj": True,
        "task_specific_params": {"text-generation": {"do_sample": True, "max_length": 50}},
        "vocab_size": 50257,
    },
    "Llama 3.2 1B": {
        **OLDER,
        **sizes(16, 2048, 32, 8, 8192, 128_256, 131_072),
        "model_type": "llama",
        "attention_bias": False,
        "mlp_bias": False,
        "head_dim": 64,
        "eos_token_id": [128_001, 128_008, 128_009],
        "pretraining_tp": 1,
        "rms_norm_eps": 1e-05,
        "rope_scaling": {
            "factor": 32.0,
            "high_freq_factor": 4.0,
            "low_freq_factor": 1.0,
            "original_max_position_embeddings": 8192,
            "rope_type": "llama3",
        },
        "rope_theta": 500_000.0,
        "tie_word_embeddings": True,
    },
    "SmolLM2 135M": {
        **OLDER,
        **sizes(30, 576, 9, 3, 1536, 49_152, 8192),
        "model_type": "llama",
        "attention_bias": False,
        "is_llama_config": True,
        "pretraining_tp": 1,
        "rms_norm_eps": 1e-05,
        "rope_interleaved": False,
        "rope_scaling": None,
        "rope_theta": 100_000,
        "tie_word_embeddings": True,
    },
    "Mistral 7B": {
        **OLDER,
        **sizes(32, 4096, 32, 8, 14_336, 32_000, 32_768),
        "model_type": "mistral",
        "rms_norm_eps": 1e-05,
        "rope_theta": 10_000.0,
        "sliding_window": 4096,
        "tie_word_embeddings": False,
    },
    "Qwen2.5 0.5B": {
        **OLDER,
        **sizes(24, 896, 14, 2, 4864, 151_936, 32_768),
        "model_type": "qwen2",
        "max_window_layers": 24,
        "rms_norm_eps": 1e-06,
        "rope_theta": 1_000_000.0,
        "sliding_window": 32_768,
        "tie_word_embeddings": True,
        "use_mrope": False,
        "use_sliding_window": False,
    },
    "Qwen3 0.6B": {
        **OLDER,
        **sizes(28, 1024, 16, 8, 3072, 151_936, 40_960),
        "model_type": "qwen3",
        "attention_bias": False,
        "head_dim": 128,
        "max_window_layers": 28,
        "rms_norm_eps": 1e-06,
        "rope_scaling": None,
        "rope_theta": 1_000_000,
        "sliding_window": None,
        "tie_word_embeddings": True,
        "use_sliding_window": False,
    },
    "Gemma 2 2B": {
        **OLDER,
        **sizes(26, 2304, 8, 4, 9216, 256_000, 8192),
        "model_type": "gemma2",
        "attention_bias": False,
        "attn_logit_softcapping": 50.0,
        "cache_implementation": "hybrid",
        "final_logit_softcapping": 30.0,
        "head_dim": 256,
        "hidden_act": "gelu_pytorch_tanh",
        "hidden_activation": "gelu_pytorch_tanh",
        "query_pre_attn_scalar": 256,
        "rms_norm_eps": 1e-06,
        "rope_theta": 10_000.0,
        "sliding_window": 4096,
    },
    "OLMo 2 7B": {
        **OLDER,
        **sizes(32, 4096, 32, 32, 11_008, 100_352, 4096),
        "model_type": "olmo2",
        "attention_bias": False,
        "rms_norm_eps": 1e-06,
        "rope_scaling": None,
        "rope_theta": 500_000,
        "tie_word_embeddings": False,
    },
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_config_is_that_model(name):
    _, config = read_config(Settings(PUBLISHED[name]))
    assert n_params(config) == n_params(MODELS[name])
    unknown_there = {"norm_eps", "rope_scaling", "context"}  # what the facts do not have
    read, known = essentials(config), essentials(MODELS[name])
    assert {k: v for k, v in read.items() if k not in unknown_there} == {
        k: v for k, v in known.items() if k not in unknown_there
    }
