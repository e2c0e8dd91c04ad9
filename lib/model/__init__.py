"""A decoder-only Transformer in readable parts, its variants, and its fast twins.

Read config (and choices, its words), linear, embedding, norm, rope, attention, fast_attention,
self_attention, ffn, residual, then transformer, which puts them together, and init, which draws the
first weights. Variants for comparison: sinusoids and alibi for positions, softcap for scores.
"""
