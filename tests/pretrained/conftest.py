"""Small random models made and saved by transformers itself, one or more for every family."""

import pytest
import torch
import transformers

V, L, T = 53, 3, 13  # T: longer than every window
SIZES = {
    "vocab_size": V,
    "max_position_embeddings": 17,
    "num_hidden_layers": L,
    "hidden_size": 24,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "intermediate_size": 40,
}
GPT2_SIZES = {"vocab_size": V, "n_positions": 17, "n_layer": L, "n_embd": 24, "n_head": 6}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 5000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 11,
}
IDS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}

# family, what differs from the defaults of transformers
CASES = {
    "gpt2": ("gpt2", {"n_inner": 37}),
    "gpt2-untied": ("gpt2", {"tie_word_embeddings": False, "activation_function": "relu"}),
    "llama": ("llama", {"rms_norm_eps": 1e-3}),
    "llama-bias-tied": (
        "llama",
        {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True, "head_dim": 10},
    ),
    "llama-3.1": ("llama", {"rope_parameters": LLAMA3, "num_key_value_heads": 1}),
    "mistral": ("mistral", {"sliding_window": 5, "head_dim": 8}),
    "mistral-full": ("mistral", {"sliding_window": None, "hidden_act": "gelu"}),
    "qwen2": ("qwen2", {"rope_parameters": {"rope_type": "default", "rope_theta": 1e6}}),
    "qwen2-windows": (
        "qwen2",
        {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1},
    ),
    "qwen2-tied": ("qwen2", {"tie_word_embeddings": True}),
    "qwen3": ("qwen3", {"head_dim": 10}),
    "qwen3-windows": (
        "qwen3",
        {
            "head_dim": 4,
            "use_sliding_window": True,
            "sliding_window": 3,
            "layer_types": ["full_attention", "sliding_attention", "full_attention"],
        },
    ),
    "gemma2": ("gemma2", {"head_dim": 8, "sliding_window": 4, "query_pre_attn_scalar": 4}),
    "gemma2-plain": (
        "gemma2",
        {
            "head_dim": 8,
            "query_pre_attn_scalar": 8,
            "attn_logit_softcapping": None,
            "final_logit_softcapping": 3.0,
            "sliding_window": 7,
        },
    ),
    "olmo2": ("olmo2", {}),
    "olmo2-tied": ("olmo2", {"tie_word_embeddings": True, "num_key_value_heads": 3}),
}


def their_config(family, **changes):
    """A small config of their class."""
    sizes = GPT2_SIZES if family == "gpt2" else SIZES
    return transformers.CONFIG_MAPPING[family](**{**sizes, **IDS, **changes})


def their_model(family, **changes):
    """With random weights, those of norms and biases too, so that each is seen to be in place."""
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(their_config(family, **changes))
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.2 * torch.randn_like(p))
    return model.eval()


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    """The models are tiny, and on a busy machine threads lose time by waiting."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def ids():
    return torch.randint(V, (3, T), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="session")
def their_folder(tmp_path_factory):
    """A folder that transformers saved, by case; made once."""
    made = {}

    def folder(case):
        if case not in made:
            made[case] = tmp_path_factory.mktemp(case)
            family, changes = CASES[case]
            their_model(family, **changes).save_pretrained(made[case])
        return made[case]

    return folder


@pytest.fixture(params=CASES)
def case(request):
    return request.param


@pytest.fixture(scope="session")
def config_of():
    return their_config


@pytest.fixture(scope="session")
def model_of():
    return their_model
