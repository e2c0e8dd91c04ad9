"""A decoder block as a list of the parts that data passes through, read off a model's config.

The drawing is in block_diagram.py; here are the words. Letters: D width, N query heads,
K key/value heads, H width of one head, F feed-forward width, L layers.
"""

from dataclasses import dataclass

from lib.model.choices import GATES
from lib.model.config import ModelConfig

NORMS = {"rms": "RMSNorm", "layer": "LayerNorm", "none": "no norm"}
FUNCTIONS = {
    "silu": "SiLU",
    "relu": "ReLU",
    "relu2": "ReLU²",
    "gelu": "GELU",
    "gelu_tanh": "GELU",
}
FFNS = {
    **FUNCTIONS,
    "swiglu": "SwiGLU",
    "geglu": "GeGLU",
    "geglu_tanh": "GeGLU",
    "reglu": "ReGLU",
}


@dataclass(frozen=True)
class Part:
    """One box: what it is, a detail in small print, and the concept that gives its colour.

    `heads` is (query heads, key/value heads, width) where these are drawn.
    """

    name: str
    concept: str
    detail: str = ""
    heads: tuple[int, int, int] | None = None


def norm_part(config: ModelConfig) -> Part:
    """A norm of the stream's width."""
    detail = "scale 1 + weight" if config.norm_offset else ""
    return Part(NORMS[config.norm], "norm", detail)


def norms_before(config: ModelConfig) -> bool:
    """Whether a sublayer reads a normalised copy of the stream."""
    return config.norm != "none" and config.norm_placement in ("pre", "sandwich")


def norms_after(config: ModelConfig) -> bool:
    """Whether what a sublayer adds is normalised first."""
    return config.norm != "none" and config.norm_placement in ("sandwich", "reordered")


def norms_stream(config: ModelConfig) -> bool:
    """Whether the sum is normalised, so that the stream itself passes through norms."""
    return config.norm != "none" and config.norm_placement == "post"


def attention_parts(config: ModelConfig) -> list[Part]:
    """From the stream to what attention adds to it, without the norms of the stream."""
    N, K, H = config.n_heads, config.n_kv_heads, config.head_width
    bias = " + bias" if config.has_qkv_bias else ""
    parts = [Part(heads_name(config), "attention", f"D → Q, K, V{bias}", (N, K, H))]
    if config.qk_norm is not None:
        over = {"head": "each head of Q and K", "all": "Q and K, heads together"}
        parts.append(Part(f"QK-norm: {NORMS[config.norm]}", "norm", over[config.qk_norm]))
    parts += _turn(config)
    parts.append(Part("softmax(Q Kᵀ) V", "attention", "\n".join(score_details(config))))
    if config.attention_gate:
        parts.append(Part("gate: × sigmoid(W x)", "attention", "on every head's output"))
    parts.append(Part("output projection", "attention", f"{N} × {H} → D{_bias(config)}"))
    return parts


def heads_name(config: ModelConfig) -> str:
    """MHA, GQA or MQA, by how many query heads share a key/value head."""
    N, K = config.n_heads, config.n_kv_heads
    return "MHA" if N == K else "MQA" if K == 1 else "GQA"


def _turn(config: ModelConfig) -> list[Part]:
    """RoPE, which acts on queries and keys; other positions act elsewhere."""
    if not config.positions.startswith("rope"):
        return []
    of = f"of {config.turned_width} of {config.head_width} coordinates"
    what = "turn Q and K" if config.rope_fraction == 1 else f"turn Q and K, {of}"
    where = "" if config.rope_on_full else "\nnot in layers with full attention"
    stretched = ", stretched" if config.rope_scaling is not None else ""
    return [Part(f"RoPE, θ = {config.rope_theta:,.0f}{stretched}", "positions", what + where)]


def score_details(config: ModelConfig) -> list[str]:
    """What happens to scores besides softmax, and which keys a query sees."""
    details = []
    if config.attention_softcap is not None:
        details.append(f"scores capped at ±{config.attention_softcap:g}")
    if config.positions == "alibi":
        details.append("ALiBi: scores fall with distance")
    return [*details, span(config)]


def span(config: ModelConfig) -> str:
    """Which keys a query sees, over the layers."""
    if config.window is None or "W" not in config.window_pattern:
        return "causal, all keys before"
    keys = f"the last {config.window:,} keys"
    if "F" not in config.window_pattern:
        return f"causal, {keys}"
    n_windowed, n = config.window_pattern.count("W"), len(config.window_pattern)
    return f"{keys} in {n_windowed} of {n} layers"


def ffn_parts(config: ModelConfig) -> list[Part]:
    """From the stream to what the feed-forward layer adds to it, without norms."""
    outer = FUNCTIONS[GATES.get(config.ffn, config.ffn)]
    form = ", tanh form" if config.ffn.endswith("tanh") else ""
    if config.is_gated:
        name, n = f"{FFNS[config.ffn]}: {outer}(gate x) · up x", "2 matrices"
    else:
        name, n = f"{outer}(up x)", "1 matrix"
    F, bias = f"{config.ff_width:,}", _bias(config)
    first = Part(name, "feedforward", f"{n}, D → {F}{bias}{form}")
    return [first, Part("down", "feedforward", f"{F} → D{bias}")]


def input_part(config: ModelConfig) -> Part:
    """What the stream starts with."""
    added = {"learned": "learned positions added", "sinusoidal": "sinusoids added"}
    details = [added[config.positions]] if config.positions in added else []
    if config.embedding_scale != 1:
        details.append(f"times {config.embedding_scale:.3g}")
    table = f"{config.vocab_size:,} × {config.width:,}"
    return Part("embedding", "input", "\n".join([table, *details]))


def output_part(config: ModelConfig) -> Part:
    """What the stream ends in."""
    details = ["same table as the embedding"] if config.tied else []
    if config.output_softcap is not None:
        details.append(f"logits capped at ±{config.output_softcap:g}")
    return Part("output", "input", "\n".join([f"D → {config.vocab_size:,}", *details]))


def _bias(config: ModelConfig) -> str:
    return " + bias" if config.bias else ""


def in_words(config: ModelConfig) -> str:
    """The block in one paragraph, for readers who cannot see the drawing."""
    N, K = config.n_heads, config.n_kv_heads
    shared = {
        "MHA": f"{N} heads with keys and values of their own",
        "GQA": f"{N} query heads in {K} groups that share keys and values",
        "MQA": f"{N} query heads that all share one key/value head",
    }[heads_name(config)]
    positions = {
        "learned": "learned positions added to the embedding",
        "sinusoidal": "sinusoids added to the embedding",
        "alibi": "scores that fall with distance (ALiBi)",
        "none": "no positions",
    }.get(config.positions, "RoPE")
    norm = "No norms" if config.norm == "none" else f"{NORMS[config.norm]}, {_placed(config)}"
    extras = [positions, span(config)]
    extras += [f"{NORMS[config.norm]} of queries and keys"] if config.qk_norm else []
    extras += [f"scores capped at {config.attention_softcap:g}"] if config.attention_softcap else []
    extras += ["a gate on what attention found"] if config.attention_gate else []
    return (
        f"{config.n_layers} decoder blocks of width {config.width:,}. {norm}. Attention: {shared}; "
        f"{'; '.join(extras)}. Feed-forward: {FFNS[config.ffn]} of width {config.ff_width:,}."
    )


def _placed(config: ModelConfig) -> str:
    if config.parallel:
        return "one before attention and feed-forward, which work in parallel"
    return {
        "pre": "before each sublayer",
        "post": "on the stream after each addition",
        "sandwich": "before and after each sublayer, off the stream",
        "reordered": "after each sublayer, off the stream",
    }[config.norm_placement]
