"""MurmurHash3, the 32-bit version: bytes to a number that looks random and is the same everywhere.

Python's own `hash` of a string differs from process to process, so nothing that is stored or
compared between processes may use it. Austin Appleby's algorithm (public domain, 2011) is what many
Bloom filters and hashed models use.
"""

MASK = 0xFFFFFFFF


def murmur3(data: str | bytes, seed: int = 0) -> int:
    """A number from 0 to 2^32 - 1; text counts as its UTF-8 bytes."""
    data = data.encode() if isinstance(data, str) else data
    h, n_whole = seed & MASK, len(data) // 4 * 4
    for at in range(0, n_whole, 4):
        h ^= _scrambled(int.from_bytes(data[at : at + 4], "little"))
        h = (_turned(h, 13) * 5 + 0xE6546B64) & MASK
    h ^= _scrambled(int.from_bytes(data[n_whole:], "little"))
    return _finished(h ^ len(data))


def _scrambled(k: int) -> int:
    return _turned(k * 0xCC9E2D51 & MASK, 15) * 0x1B873593 & MASK


def _turned(x: int, n: int) -> int:
    """Rotated to the left by n of 32 bits."""
    return (x << n | x >> (32 - n)) & MASK


def _finished(h: int) -> int:
    """Let every bit depend on every other."""
    h = (h ^ h >> 16) * 0x85EBCA6B & MASK
    h = (h ^ h >> 13) * 0xC2B2AE35 & MASK
    return h ^ h >> 16
