"""A decoder-only Transformer in readable parts, and its fast twins.

Read config, linear, embedding, norm, rope, attention, fast_attention, self_attention, ffn, then
transformer, which puts them together, and init, which draws the first weights.
"""
