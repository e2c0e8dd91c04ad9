"""What single operations cost: arithmetic, and bytes to and from memory.

Their ratio, the arithmetic intensity, says which of the two an operation waits for: see `roofline`.
Every operation reads its inputs from memory once and writes its result once, as a kernel of its own
does; fused into its neighbour, an elementwise one would move nothing.
"""

from dataclasses import dataclass

from lib.tensors.flops import matmul_flops
from lib.tensors.formats import named

RELU_FLOPS = 1  # per element
GELU_FLOPS = 20  # the tanh form, a usual estimate


@dataclass(frozen=True)
class Cost:
    """Operations, and bytes moved between memory and processor. Costs add up."""

    flops: int | float
    bytes: int | float

    @property
    def intensity(self) -> float:
        """Operations per byte moved."""
        return self.flops / self.bytes

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.flops + other.flops, self.bytes + other.bytes)


def relu(n: int, dtype: object = "bf16") -> Cost:
    """max(x, 0) of n numbers."""
    return elementwise(n, RELU_FLOPS, dtype)


def gelu(n: int, dtype: object = "bf16") -> Cost:
    """GELU of n numbers: twenty times the arithmetic of `relu`, for the same bytes."""
    return elementwise(n, GELU_FLOPS, dtype)


def elementwise(n: int, flops_each: int | float, dtype: object = "bf16") -> Cost:
    """n numbers in, n numbers out."""
    return Cost(flops_each * n, 2 * n * named(dtype).bytes)


def dot(n: int, dtype: object = "bf16") -> Cost:
    """Two vectors in, one number out."""
    return matmul(1, n, 1, dtype)


def matvec(n_in: int, n_out: int, dtype: object = "bf16") -> Cost:
    """A vector times a matrix, as for each token that a model generates alone."""
    return matmul(1, n_in, n_out, dtype)


def matmul(B: int, D: int, K: int, dtype: object = "bf16") -> Cost:
    """(B x D) times (D x K): n / 3 operations per byte if all three are n, in two-byte numbers."""
    return Cost(matmul_flops(B, D, K), (B * D + D * K + B * K) * named(dtype).bytes)
