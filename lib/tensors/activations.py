"""What a forward pass leaves in memory for the backward pass, part by part.

The gradient of a product needs its factors, that of a sum nothing. So a matrix product keeps its
input, softmax its output, an elementwise function one of the two. Counted here is the decoder of
lib/model, and `held.saved_bytes` measures it. What grows with neither layers nor vocabulary, like
the angles of RoPE, is left out.

Letters: L layers, D width, N heads, K key/value heads, H head width, F feed-forward width,
V vocabulary, B sequences, T positions.
"""

from math import ceil
from typing import Protocol, runtime_checkable

from lib.tensors.formats import named
from lib.tensors.shape import DecoderShape, matrix_sizes

Parts = dict[str, int]  # bytes of each


@runtime_checkable
class DecoderConfig(DecoderShape, Protocol):
    """A config that also says how attention is computed, and in what: torch's names of dtypes."""

    @property
    def attention(self) -> str: ...

    @property
    def dtype(self) -> str: ...

    @property
    def compute_dtype(self) -> str | None: ...


def layer_activations(config: DecoderConfig, batch: int, length: int) -> Parts:
    """What one layer keeps."""
    N, K, H, F = config.n_heads, config.n_kv_heads, config.head_width, config.ff_width
    tokens, size = batch * length, _size(config)
    n_wide = 4 if config.ffn == "swiglu" else 2  # before and after bending, the gate, the product
    n_kv = 3 if config.attention == "blocked" else 2  # the first block copies half of the positions
    return {
        "norms": 2 * _norm(config, tokens),
        "queries, keys, values": tokens * (N + n_kv * K) * H * size,
        "attention weights": _attention_weights(config, batch, length),
        "attention output": tokens * N * H * size,
        "feed-forward": tokens * n_wide * F * size,
        "weights, cast": _cast_weights(config),
    }


def output_activations(config: DecoderConfig, batch: int, length: int) -> Parts:
    """What the last norm, the output projection and the loss keep. The loss is taken in fp32."""
    tokens = batch * length
    cast = config.width * config.vocab_size * _size(config) if _is_mixed(config) else 0
    return {
        "norms": _norm(config, tokens),
        "log-probabilities": tokens * config.vocab_size * 4,
        "weights, cast": cast,
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
    layer = layer_activations(config, batch, length)
    output = output_activations(config, batch, length)
    if k is None:
        return _sum(_times(L, layer), output)
    inputs = {"inputs of layers": ceil(L / k) * batch * length * config.width * _size(config)}
    segment = _times(min(k, L), layer)
    return _sum(inputs, max(segment, output, key=lambda parts: sum(parts.values())))


def _norm(config: DecoderConfig, tokens: int) -> int:
    """The vector and its normalised form in at least fp32, one number for its size, the result."""
    size, wide = _size(config), max(4, _size(config))
    return tokens * ((2 * config.width + 1) * wide + config.width * size)


def _attention_weights(config: DecoderConfig, batch: int, length: int) -> int:
    """Of every query in every head T numbers, or what is kept instead to work them out again."""
    rows = batch * length * config.n_heads
    if config.attention == "sdpa":
        return rows * 4  # the logarithm of a row's sum, in fp32
    if config.attention == "blocked":  # the first half of the queries never sees the later keys
        return rows * (3 * length // 4) * _size(config)
    copies = 1 if config.n_kv_heads == config.n_heads else 2  # the product with the values regroups
    mask = length * length  # of one byte, shared by sequences and heads
    return copies * rows * length * _size(config) + mask


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


def _times(n: int, parts: Parts) -> Parts:
    return {part: n * n_bytes for part, n_bytes in parts.items()}


def _sum(a: Parts, b: Parts) -> Parts:
    return {part: a.get(part, 0) + b.get(part, 0) for part in [*a, *(p for p in b if p not in a)]}
