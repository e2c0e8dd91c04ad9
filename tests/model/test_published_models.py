"""The same weights in Hugging Face's Llama, GPT-2, Cohere and Bloom give the same logits.

These choose differently where a block leaves a choice; more families are in tests/pretrained.
"""

from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    CohereConfig,
    CohereForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
)

from lib.model.config import ModelConfig, n_params
from lib.model.transformer import Transformer

V, CONTEXT, L, D, F = 53, 16, 3, 24, 40

LLAMA_NAMES = {
    "embed_tokens": "embedding",
    "layers": "blocks",
    "input_layernorm": "attention_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn": "attention",
    "mlp": "ffn",
    "q_proj": "query",
    "k_proj": "key",
    "v_proj": "value",
    "o_proj": "out",
    "gate_proj": "gate",
    "up_proj": "up",
    "down_proj": "down",
    "lm_head": "output",
}
GPT2_NAMES = {
    "wte": "embedding",
    "wpe": "position_embedding",
    "h": "blocks",
    "ln_1": "attention_norm",
    "ln_2": "ffn_norm",
    "ln_f": "norm",
    "attn": "attention",
    "mlp": "ffn",
    "c_fc": "up",
}
BLOOM_NAMES = {
    "word_embeddings": "embedding",
    "h": "blocks",
    "input_layernorm": "attention_norm",
    "post_attention_layernorm": "ffn_norm",
    "ln_f": "norm",
    "self_attention": "attention",
    "dense": "out",
    "mlp": "ffn",
    "dense_h_to_4h": "up",
    "dense_4h_to_h": "down",
}


def renamed(name: str, names: dict[str, str]) -> str:
    parts = name.removeprefix("model.").removeprefix("transformer.").split(".")
    return ".".join(names.get(part, part) for part in parts)


def shaken(model):
    """Weights at random, norms and biases too, so that each is seen to be in its place."""
    torch.manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.2 * torch.randn_like(p))
    return model.eval()


@pytest.mark.parametrize(
    ("n_kv_heads", "bias", "tied"),
    [(6, False, False), (2, False, True), (2, True, False), (1, True, True)],
)
def test_llama(n_kv_heads, bias, tied):
    theirs = shaken(
        LlamaForCausalLM(
            LlamaConfig(
                vocab_size=V,
                max_position_embeddings=CONTEXT,
                num_hidden_layers=L,
                hidden_size=D,
                num_attention_heads=6,
                num_key_value_heads=n_kv_heads,
                head_dim=8,
                intermediate_size=F,
                attention_bias=bias,
                mlp_bias=bias,
                tie_word_embeddings=tied,
                rms_norm_eps=1e-3,
                rope_parameters={"rope_type": "default", "rope_theta": 5000.0},
            )
        )
    )
    config = ModelConfig(
        *(V, CONTEXT, L, D, 6, n_kv_heads, 8, F),
        positions="rope_half",
        rope_theta=5000.0,
        norm_eps=1e-3,
        bias=bias,
        tied=tied,
    )
    weights = {renamed(name, LLAMA_NAMES): p for name, p in theirs.named_parameters()}
    compare(config, weights, theirs)


def test_gpt2():
    theirs = shaken(
        GPT2LMHeadModel(
            GPT2Config(vocab_size=V, n_positions=CONTEXT, n_layer=L, n_embd=D, n_head=6, n_inner=F)
        )
    )
    weights = {}
    for name, p in theirs.named_parameters():
        name = renamed(name, GPT2_NAMES)
        p = p.T if p.dim() == 2 and "embedding" not in name else p  # theirs are (in, out)
        if ".c_attn." in name:  # theirs is one matrix
            for part, piece in zip(("query", "key", "value"), p.chunk(3)):
                weights[name.replace("c_attn", part)] = piece
        else:
            written = "out" if ".attention." in name else "down"
            weights[name.replace("c_proj", written)] = p
    config = ModelConfig(
        *(V, CONTEXT, L, D, 6),
        ff_width=F,
        norm="layer",
        positions="learned",
        ffn="gelu_tanh",
        bias=True,
        tied=True,
    )
    compare(config, weights, theirs)


def test_cohere():
    """Parallel blocks, LayerNorm without biases, and pairs of coordinates that lie side by side."""
    theirs = shaken(
        CohereForCausalLM(
            CohereConfig(
                vocab_size=V,
                max_position_embeddings=CONTEXT,
                num_hidden_layers=L,
                hidden_size=D,
                num_attention_heads=4,
                num_key_value_heads=2,
                intermediate_size=F,
                layer_norm_eps=1e-3,
                logit_scale=1.0,
                rope_parameters={"rope_type": "default", "rope_theta": 5000.0},
            )
        )
    )
    weights = {renamed(name, LLAMA_NAMES): p for name, p in theirs.named_parameters()}
    config = ModelConfig(
        *(V, CONTEXT, L, D, 4, 2),
        ff_width=F,
        norm="layer",
        norm_eps=1e-3,
        parallel=True,
        rope_theta=5000.0,
        tied=True,
    )
    compare(config, weights, theirs)


def test_bloom():
    """ALiBi. Bloom also normalises its embeddings, which ours does not: that is left out."""
    theirs = BloomForCausalLM(BloomConfig(vocab_size=V, hidden_size=D, n_layer=L, n_head=6))
    theirs.transformer.word_embeddings_layernorm = torch.nn.Identity()
    theirs, weights = shaken(theirs), {}
    for name, p in theirs.named_parameters():
        if ".query_key_value." in name:  # one matrix, in which every head has its three parts
            rows = p.unflatten(0, (6, 3, D // 6))
            for i, part in enumerate(("query", "key", "value")):
                ours = renamed(name, BLOOM_NAMES).replace("query_key_value", part)
                weights[ours] = rows[:, i].flatten(0, 1)
        else:
            weights[renamed(name, BLOOM_NAMES)] = p
    config = ModelConfig(
        *(V, CONTEXT, L, D, 6),
        norm="layer",
        positions="alibi",
        ffn="gelu_tanh",
        bias=True,
        tied=True,
    )
    compare(config, weights, theirs)


def compare(config, weights, theirs):
    ids = torch.randint(V, (3, 13), generator=torch.Generator().manual_seed(0))
    expected = theirs(ids).logits
    assert expected.std() > 0.1
    assert n_params(config) == sum(p.numel() for p in theirs.parameters())
    for way in ("plain", "sdpa", "blocked"):
        ours = Transformer(replace(config, attention=way))
        ours.load_state_dict(weights)  # strict: no name left over on either side
        # fp32: relative to the size of the logits, whatever the random weights made it
        assert_close(ours(ids), expected, atol=1e-5, rtol=1e-5)
