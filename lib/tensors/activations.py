"""What a forward pass leaves in memory for the backward pass, part by part.

The gradient of a product needs its factors, that of a sum nothing. So a matrix product keeps its
input, softmax its output, an elementwise function one of the two. Counted here is the decoder of
lib/model, and `held.saved_bytes` measures it. What grows with neither layers nor vocabulary, like
the angles of RoPE, is left out.

Letters: L layers, D width, N heads, K key/value heads, H head width, F feed-forward width,
V vocabulary, B sequences, T positions.
"""

from math import ceil
from typing import Any, Protocol, runtime_checkable

from lib.tensors.formats import named
from lib.tensors.shape import DecoderShape, keys_seen, matrix_sizes

Parts = dict[str, int]  # bytes of each

# Vectors of width F that a feed-forward layer keeps: before and after bending, the gated product,
# the other factor. ReLU needs only what comes out of it, and that is also what is multiplied next.
WIDE = {"swiglu": 4, "geglu": 4, "geglu_tanh": 4, "reglu": 3, "relu": 1}
WIDE |= {"relu2": 2, "silu": 2, "gelu": 2, "gelu_tanh": 2}

# What a config means that does not have the field.
USUAL = {
    "norm": "rms",
    "norm_placement": "pre",
    "norm_offset": False,
    "qk_norm": None,
    "positions": "rope",
    "parallel": False,
    "attention_softcap": None,
    "output_softcap": None,
    "attention_gate": False,
}


@runtime_checkable
class DecoderConfig(DecoderShape, Protocol):
    """A config that also says how attention is computed, and in what: torch's names of dtypes.

    It may have the fields of lib.model's config that are in USUAL.
    """

    @property
    def attention(self) -> str: ...

    @property
    def dtype(self) -> str: ...

    @property
    def compute_dtype(self) -> str | None: ...


def layer_activations(config: DecoderConfig, batch: int, length: int, layer: int = 0) -> Parts:
    """What one layer keeps; with windows it may matter which."""
    N, K, H, F = config.n_heads, config.n_kv_heads, config.head_width, config.ff_width
    tokens, size = batch * length, _size(config)
    # The first of two blocks copies half of the positions.
    n_kv = 3 if _way(config, length, layer) == "blocked" else 2
    n_out = 3 if _choice(config, "attention_gate") else 1  # and the gate, and the product with it
    return {
        "norms": _block_norms(config, tokens) + _qk_norms(config, tokens),
        "queries, keys, values": tokens * (N + n_kv * K) * H * size,
        "attention weights": _attention_weights(config, batch, length, layer),
        "attention output": tokens * n_out * N * H * size,
        "feed-forward": tokens * WIDE[config.ffn] * F * size,
        "weights, cast": _cast_weights(config),
    }


def output_activations(config: DecoderConfig, batch: int, length: int) -> Parts:
    """What the last norm, the output projection and the loss keep. The loss is taken in fp32."""
    tokens, D, V = batch * length, config.width, config.vocab_size
    n_log = 4 + (_size(config) if _choice(config, "output_softcap") else 0)
    has_norm = _choice(config, "norm_placement") != "post"
    return {
        "norms": _norm(config, tokens, D) if has_norm else tokens * D * _size(config),
        "log-probabilities": tokens * V * n_log,
        "weights, cast": D * V * _size(config) if _is_mixed(config) else 0,
    }


def activations(
    config: DecoderConfig, batch: int, length: int, recompute_every: int | None = None
) -> Parts:
    """The most that is held at a time, by part, in a step on `batch` sequences of `length` tokens.

    With `recompute_every=k` only the input of every k-th layer is kept, and the k layers are run
    again when the backward pass gets there (checkpointing, arXiv 1604.06174): one forward pass
    more, for less memory. When that begins, the output's share has been released.
    """
    L, k = config.n_layers, recompute_every
    layers = _all_layers(config, batch, length)
    output = output_activations(config, batch, length)
    if k is None:
        return _sum(*layers, output)
    inputs = {"inputs of layers": ceil(L / k) * batch * length * config.width * _size(config)}
    segments = [_sum(*layers[start : start + k]) for start in range(0, L, k)]
    return _sum(inputs, max([*segments, output], key=lambda parts: sum(parts.values())))


def _all_layers(config: DecoderConfig, batch: int, length: int) -> list[Parts]:
    """Of each layer; those with the same window are worked out once."""
    window_of = getattr(config, "window_of", lambda layer: None)
    windows = [window_of(layer) for layer in range(config.n_layers)]
    kinds = {
        window: layer_activations(config, batch, length, windows.index(window))
        for window in set(windows)
    }
    return [kinds[window] for window in windows]


def _block_norms(config: DecoderConfig, tokens: int) -> int:
    """Those around attention and feed-forward. What comes after a layer goes into a sum, unkept."""
    n_before = 1 if _choice(config, "parallel") else 2
    n_after = 2 if _choice(config, "norm_placement") == "sandwich" else 0
    after = _norm(config, tokens, config.width, result_is_kept=False)
    return n_before * _norm(config, tokens, config.width) + n_after * after


def _norm(config: DecoderConfig, n: int, width: int, result_is_kept: bool = True) -> int:
    """The vector and its normalised form in at least fp32, one number for its size, the result.

    Of n vectors; and, if it is not the weight itself, their common scale.
    """
    wide, result = max(4, _size(config)), n * width * _size(config) if result_is_kept else 0
    if _choice(config, "norm") == "none":
        return result
    scale = width * wide if _choice(config, "norm_offset") else 0
    return n * (2 * width + 1) * wide + result + scale


def _qk_norms(config: DecoderConfig, tokens: int) -> int:
    """Those of queries and keys, which are turned afterwards, so that the result is not kept."""
    N, K, H = config.n_heads, config.n_kv_heads, config.head_width
    vectors = {
        None: [],
        "head": [(tokens * N, H), (tokens * K, H)],
        "all": [(tokens, N * H), (tokens, K * H)],
    }[_choice(config, "qk_norm")]
    return sum(_norm(config, n, width, result_is_kept=False) for n, width in vectors)


def _attention_weights(config: DecoderConfig, batch: int, length: int, layer: int) -> int:
    """Of every query in every head T numbers, or what is kept instead to work them out again."""
    rows, size = batch * length * config.n_heads, _size(config)
    way = _way(config, length, layer)
    if way == "sdpa":
        mask = length * length * size if keys_seen(config, layer, length) < length else 0
        return rows * 4 + mask  # the logarithm of a row's sum, in fp32
    if way == "blocked":  # the first half of the queries never sees the later keys
        return rows * (3 * length // 4) * size
    copies = 1 if config.n_kv_heads == config.n_heads else 2  # the product with the values regroups
    copies += 1 if _choice(config, "attention_softcap") else 0  # before and after the cap
    mask = length * length  # of one byte, shared by sequences and heads
    return copies * rows * length * size + mask


def _way(config: DecoderConfig, length: int, layer: int) -> str:
    """How attention is really computed: in blocks only if nothing is in the way."""
    alibi = _choice(config, "positions") == "alibi"
    if alibi and config.attention == "sdpa":
        raise ValueError(
            "What PyTorch's attention keeps with ALiBi depends on the kernel that it chooses. "
            "Measure it with held.saved_bytes, or choose attention='plain'."
        )
    windowed = keys_seen(config, layer, length) < length
    if config.attention == "blocked" and (
        windowed or alibi or _choice(config, "attention_softcap") is not None
    ):
        return "plain"
    return config.attention


def _choice(config: DecoderConfig, name: str) -> Any:
    return getattr(config, name, USUAL[name])


def _cast_weights(config: DecoderConfig) -> int:
    """With parameters in fp32 and products in bf16: one layer's matrices once more, in bf16."""
    matrices = matrix_sizes(config)
    matrices.pop("logits")
    return sum(matrices.values()) * _size(config) if _is_mixed(config) else 0


def _size(config: DecoderConfig) -> int:
    """Bytes of one activation."""
    return int(named(config.compute_dtype or config.dtype).bytes)


def _is_mixed(config: DecoderConfig) -> bool:
    return (config.compute_dtype or config.dtype) != config.dtype


def _sum(*all_parts: Parts) -> Parts:
    total: Parts = {}
    for parts in all_parts:
        for part, n_bytes in parts.items():
            total[part] = total.get(part, 0) + n_bytes
    return total
