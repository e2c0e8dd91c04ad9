"""Bytes that attention moves, by the list of the text.

B sequences, T = S positions, H width: B = 8, T = 16,384, H = 64 in bfloat16, without a mask.
"""

from lib.grading.answers import judge, words
from lib.grading.problems import problem

GIB = 2**30
B, T, H, TWO = 8, 16_384, 64, 2
VECTORS, MATRIX = TWO * B * T * H, TWO * B * T * T
FLOPS, BANDWIDTH = 1e15, 3.35e12

# scores = q k^T; scaled; softmax; product with v: what is read, and what is written
PLAIN = (2 * VECTORS + MATRIX) + 2 * MATRIX + 2 * MATRIX + (MATRIX + VECTORS + VECTORS)
FLASH = 4 * VECTORS + 4 * B * T


@problem("flash_traffic")
def test_bytes_of_the_plain_version():
    mistakes = {
        "Each line reads what the one before it wrote.": (3 * MATRIX + VECTORS) / GIB,
        "bfloat16 has two bytes.": 2 * PLAIN / GIB,
        "Dividing by sqrt(H) reads and writes a matrix too.": (PLAIN - 2 * MATRIX) / GIB,
        "This is in GB; asked for are GiB, 2^30 bytes.": PLAIN / 1e9,
    }
    judge("flash_traffic.plain_gib", PLAIN / GIB, 2e-3, mistakes)


@problem("flash_traffic")
def test_bytes_of_one_kernel():
    mistakes = {"bfloat16 has two bytes, and L four.": 2 * FLASH / GIB}
    mistakes |= {"The result is written, too.": (FLASH - VECTORS) / GIB}
    judge("flash_traffic.flash_gib", FLASH / GIB, 0.02, mistakes)


@problem("flash_traffic")
def test_what_the_plain_version_waits_for():
    products = 2 * 2 * B * T * T * H
    right = (PLAIN / BANDWIDTH) / (products / FLOPS)
    mistakes = {
        "There are two products.": 2 * right,
        "A multiplication and its addition are two operations.": 2 * right,
        "Seconds of traffic over seconds of products, not the other way round.": 1 / right,
    }
    judge("flash_traffic.gpu_ratio", right, 0.01, mistakes)


@problem("flash_traffic")
def test_what_is_saved_is_explained():
    words("flash_traffic.why", at_least=15)
