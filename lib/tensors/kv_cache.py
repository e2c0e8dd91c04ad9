"""What generating text keeps in memory: the keys and values of every token that was read.

A query looks at the keys before it, so while text is generated the keys and values of each layer
are kept. A layer with a window forgets those that have left it. Letters: see `shape`.
"""

from lib.tensors.shape import DecoderShape, keys_seen


def kv_bytes_per_token(shape: DecoderShape, bytes_per_number: int | float = 2) -> int | float:
    """Bytes for one token in all layers: a key and a value, each of K H numbers."""
    return shape.n_layers * _bytes_in_layer(shape, bytes_per_number)


def kv_cache_bytes(
    shape: DecoderShape, length: int, bytes_per_number: int | float = 2
) -> int | float:
    """Bytes after `length` tokens of one text: in a layer with a window, of the tokens in it."""
    n_tokens = sum(keys_seen(shape, layer, length) for layer in range(shape.n_layers))
    return n_tokens * _bytes_in_layer(shape, bytes_per_number)


def _bytes_in_layer(shape: DecoderShape, bytes_per_number: int | float) -> int | float:
    return 2 * shape.n_kv_heads * shape.head_width * bytes_per_number
