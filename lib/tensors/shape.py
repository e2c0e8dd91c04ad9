"""What a decoder's cost depends on: the sizes of its parts, under the names of a model's config.

Letters: L layers, D width, N heads, K key/value heads, H head width, F feed-forward width,
V vocabulary, B sequences, T positions.
"""

from typing import Protocol, runtime_checkable


@runtime_checkable
class DecoderShape(Protocol):
    """A config with these fields, whatever else it holds."""

    @property
    def vocab_size(self) -> int: ...

    @property
    def n_layers(self) -> int: ...

    @property
    def width(self) -> int: ...

    @property
    def n_heads(self) -> int: ...

    @property
    def n_kv_heads(self) -> int: ...

    @property
    def head_width(self) -> int: ...

    @property
    def ff_width(self) -> int: ...

    @property
    def ffn(self) -> str:
        """With "swiglu" the feed-forward layers have three matrices, else two."""
        ...


def matrix_sizes(shape: DecoderShape) -> dict[str, int]:
    """Numbers in the matrices that every token is multiplied by: one layer's, and the output's.

    The embedding table is not among them, as its rows are looked up, unless the output reuses it.
    """
    n_ff = 3 if shape.ffn == "swiglu" else 2
    D, N, K, H, F = shape.width, shape.n_heads, shape.n_kv_heads, shape.head_width, shape.ff_width
    return {
        "queries, keys, values": D * (N + 2 * K) * H,
        "attention output": N * H * D,
        "feed-forward": n_ff * D * F,
        "logits": D * shape.vocab_size,
    }
