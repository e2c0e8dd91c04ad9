"""Has a value changed since it was last looked at? Told by what it holds, without keeping it alive.

A list that was appended to in place has changed; a name bound anew to an equal list has not.
Containers are compared three deep and in their first thousand items, arrays by a checksum of their
numbers.
"""

import types
import zlib
from collections import deque
from collections.abc import Iterable
from itertools import chain, islice
from typing import Any

from lib.notebook.arrays import array_mark, is_array, is_model
from lib.notebook.tiles import is_tile, tile_of
from lib.notebook.values import attributes

DEPTH = 3  # containers inside containers
ITEMS = 1000  # of each container; of a list or tuple as many from its end too


def mark(value: object) -> object:
    """Equal at two moments if the value did not change between them; never raises."""
    try:
        return _mark(value, DEPTH)
    except Exception:  # a value that cannot be read: at least notice another one in its place
        return id(value)


def _mark(value: Any, depth: int) -> object:
    cls = type(value)
    if value is None or cls in (int, bool, str, bytes):
        return hash((cls, value))
    if cls in (float, complex, range):
        return repr(value)  # as text, nan is equal to nan
    if cls is bytearray:
        return zlib.crc32(value)
    if is_array(value):
        return hash(array_mark(value))
    if is_tile(value):
        tile = tile_of(value)
        return hash((tile.dtype, tile.base, array_mark(tile.numbers)))
    if is_model(value):
        return hash(tuple(p._version for p in islice(value.parameters(), ITEMS)))
    if issubclass(cls, _SIZED):
        return hash((cls, len(value), _marks(_inside(value), depth)))
    if issubclass(cls, set | frozenset):
        return hash((cls, len(value), frozenset(_marks(islice(value, ITEMS), 1))))
    if isinstance(value, _OPAQUE):
        return id(value)
    return hash((id(value), _marks(attributes(value).values(), depth)))


_SIZED = (dict, list, tuple, deque)
_OPAQUE = (type, types.ModuleType, types.FunctionType, types.GeneratorType)


def _marks(values: Iterable[object], depth: int) -> tuple:
    return tuple(_mark(value, depth - 1) for value in values) if depth else ()


def _inside(value: Any) -> Iterable[object]:
    if isinstance(value, dict):
        return chain.from_iterable(islice(dict.items(value), ITEMS))
    if isinstance(value, list | tuple) and len(value) > ITEMS:
        return chain(value[:ITEMS], value[-ITEMS:])
    return islice(value, ITEMS)
