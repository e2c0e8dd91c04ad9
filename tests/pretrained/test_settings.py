"""config.json: whatever is in it is used, known to be without effect, or refused by name."""

import pytest

from lib.model.config import ModelConfig
from lib.model.zoo import MODELS
from lib.pretrained.config_json import essentials, fitting, misfits, read_config, write_config
from lib.pretrained.families import FAMILIES
from lib.pretrained.settings import HARMLESS, IDLE, Settings
from lib.pretrained.window_settings import shortest

SIZES = {
    "vocab_size": 53,
    "max_position_embeddings": 17,
    "num_hidden_layers": 5,
    "hidden_size": 24,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "intermediate_size": 40,
}
GPT2_SIZES = {"vocab_size": 53, "n_positions": 17, "n_layer": 5, "n_embd": 24, "n_head": 6}


def read(family, **changes):
    sizes = GPT2_SIZES if family == "gpt2" else SIZES
    return read_config(Settings({"model_type": family, **sizes, **changes}))[1]


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_left_out_means_what_transformers_takes_it_for(family, config_of):
    """Their class fills it in."""
    sizes = GPT2_SIZES if family == "gpt2" else SIZES
    full = config_of(family, **sizes).to_dict()
    assert read_config(Settings(full)) == read_config(Settings({"model_type": family, **sizes}))


@pytest.mark.parametrize(
    ("family", "changes", "message"),
    [
        ("llama", {"hidden_act": "mish"}, r'hidden_act = "mish"\. We have what it calls'),
        ("llama", {"attention_bias": True}, r"mlp_bias = null\. Biases are in all matrices"),
        ("llama", {"mlp_bias": True}, "mlp_bias = true"),
        ("llama", {"quantization_config": {"bits": 4}}, "quantization_config ="),
        ("llama", {"rope_interleaved": True}, "rope_interleaved = true"),
        ("llama", {"new_idea": 3}, "new_idea = 3. Our Transformer has nothing to do with that"),
        ("mistral", {"layer_types": ["full_attention"] * 5}, "layer_types ="),
        ("qwen2", {"layer_types": ["full_attention"] * 4}, "one for each of 5 layers"),
        ("qwen2", {"layer_types": ["linear_attention"] * 5}, "We have 'sliding_attention' and"),
        (
            "qwen2",
            {"use_sliding_window": True, "max_window_layers": 2, "sliding_window": None},
            "sliding_window does not say how wide",
        ),
        ("qwen3", {"attention_bias": True}, "attention_bias = true. We have what it calls False"),
        ("gemma2", {"use_bidirectional_attention": True}, "use_bidirectional_attention = true"),
        ("olmo2", {"clip_qkv": 8.0}, "clip_qkv = 8.0"),
        ("gpt2", {"scale_attn_by_inverse_layer_idx": True}, "inverse_layer_idx = true"),
        ("gpt2", {"activation_function": "tanh"}, 'activation_function = "tanh"'),
        ("llama", {"rope_scaling": {"type": "yarn", "factor": 4.0}}, "'llama3', not 'yarn'"),
        ("llama", {"rope_scaling": {"type": "linear", "factor": 2.0}}, "not 'linear'"),
        ("llama", {"rope_parameters": {"partial_rotary_factor": 0.5}}, "turn all coordinates"),
        ("llama", {"rope_parameters": {"mscale": 0.5}}, "do not know what mscale would be"),
        (
            "llama",
            {"rope_theta": 1e4, "rope_parameters": {"rope_theta": 2e4}},
            "What rope_theta, rope_scaling and it say is not the same",
        ),
        (
            "gemma2",
            {"rope_parameters": {"full_attention": {"rope_theta": 1e4}}},
            "the same angles in all layers",
        ),
    ],
)
def test_what_we_do_not_have_is_refused_by_name_and_value(family, changes, message):
    with pytest.raises(ValueError, match=message):
        read(family, **changes)


def test_what_is_known_to_be_without_effect():
    config = read("llama")
    assert read("llama", **dict.fromkeys(HARMLESS - {"model_type"}, "anything")) == config
    for name, values in IDLE.items():
        assert all(read("llama", **{name: value}) == config for value in values)
    settings = Settings({"model_type": "llama", **SIZES, "new_idea": 3})
    assert read_config(settings, ignore=["new_idea"])[1] == config


def test_what_must_be_there():
    with pytest.raises(ValueError, match="does not say hidden_size"):
        read("llama", hidden_size=None)
    with pytest.raises(ValueError, match="of the family 'bert', and we know llama, mistral"):
        read_config(Settings({"model_type": "bert"}))


def test_windows():
    assert read("mistral").window == 4096
    assert read("mistral", sliding_window=None).window is None
    last = read("qwen2", use_sliding_window=True, sliding_window=7, max_window_layers=2)
    assert [last.window_of(layer) for layer in range(5)] == [None, None, 7, 7, 7]
    assert read("qwen2", sliding_window=7, max_window_layers=2).window is None
    gemma = read("gemma2", head_dim=8)
    assert (gemma.window, gemma.window_pattern) == (4096, "WF")


@pytest.mark.parametrize(
    ("letters", "pattern"), [("WFWFW", "WF"), ("WWW", "W"), ("FFW", "FFW"), ("WWFWWF", "WWF")]
)
def test_the_shortest_pattern(letters, pattern):
    assert shortest(letters) == pattern


# Which family can express what


OURS = ModelConfig(53, 17, 5, 24, 6, ff_width=40)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_was_read_can_be_written(family):
    config = read(family, **({} if family == "gpt2" else {"head_dim": 8}))
    assert misfits(family, config) == []
    content = write_config(family, config)
    assert read_config(Settings(content)) == (family, config)


def test_the_first_family_that_fits():
    assert fitting(OURS) == "llama"
    assert fitting(read("mistral", sliding_window=4)) == "mistral"
    with pytest.raises(ValueError, match=r"The closest is llama, but for rope_fraction is 0\.5"):
        fitting(ModelConfig(53, 17, 5, 24, 6, head_width=8, rope_fraction=0.5))


@pytest.mark.parametrize("name", MODELS)
def test_every_model_of_the_zoo_belongs_to_its_family(name):
    family = {"tiny": "llama", "SmolLM2": "llama", "Qwen2.5": "qwen2"}.get(
        name.split()[0], name.split()[0].lower()
    )
    family = {"gpt-2": "gpt2", "gemma": "gemma2", "olmo": "olmo2"}.get(family, family)
    assert fitting(MODELS[name]) == family


def test_equal_models_have_equal_essentials():
    assert essentials(ModelConfig(53, 17, 5, 24, 6, window_pattern="WF")) == essentials(
        ModelConfig(53, 17, 5, 24, 6, qkv_bias=False, dtype="bfloat16", init="gpt2")
    )
