"""What each family calls our layers. `{}` is the layer, counted from 0 in all of them.

Names are those of modules, without a last `.weight` or `.bias`, and without the `model.` or
`transformer.` that most checkpoints put in front of all but the output.
"""

LLAMA = {
    "embed_tokens": "embedding",
    "layers.{}.input_layernorm": "blocks.{}.attention_norm",
    "layers.{}.self_attn.q_proj": "blocks.{}.attention.query",
    "layers.{}.self_attn.k_proj": "blocks.{}.attention.key",
    "layers.{}.self_attn.v_proj": "blocks.{}.attention.value",
    "layers.{}.self_attn.o_proj": "blocks.{}.attention.out",
    "layers.{}.post_attention_layernorm": "blocks.{}.ffn_norm",
    "layers.{}.mlp.gate_proj": "blocks.{}.ffn.gate",
    "layers.{}.mlp.up_proj": "blocks.{}.ffn.up",
    "layers.{}.mlp.down_proj": "blocks.{}.ffn.down",
    "norm": "norm",
    "lm_head": "output",
}
MISTRAL = QWEN2 = LLAMA
QWEN3 = {
    **LLAMA,
    "layers.{}.self_attn.q_norm": "blocks.{}.attention.query_norm",
    "layers.{}.self_attn.k_norm": "blocks.{}.attention.key_norm",
}
GEMMA2 = {
    **LLAMA,
    "layers.{}.post_attention_layernorm": "blocks.{}.attention_out_norm",  # here after attention
    "layers.{}.pre_feedforward_layernorm": "blocks.{}.ffn_norm",
    "layers.{}.post_feedforward_layernorm": "blocks.{}.ffn_out_norm",
}
OLMO2 = {
    **{name: ours for name, ours in QWEN3.items() if "input_layernorm" not in name},
    "layers.{}.post_attention_layernorm": "blocks.{}.attention_out_norm",
    "layers.{}.post_feedforward_layernorm": "blocks.{}.ffn_out_norm",
}
GPT2 = {
    "wte": "embedding",
    "wpe": "position_embedding",
    "h.{}.ln_1": "blocks.{}.attention_norm",
    "h.{}.attn.c_attn": (  # three in one
        "blocks.{}.attention.query blocks.{}.attention.key blocks.{}.attention.value"
    ),
    "h.{}.attn.c_proj": "blocks.{}.attention.out",
    "h.{}.ln_2": "blocks.{}.ffn_norm",
    "h.{}.mlp.c_fc": "blocks.{}.ffn.up",
    "h.{}.mlp.c_proj": "blocks.{}.ffn.down",
    "ln_f": "norm",
    "lm_head": "output",
}
