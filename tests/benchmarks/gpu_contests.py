"""All contests on a GPU, in the order in which they are held."""

from collections.abc import Iterator

from gpu_bandwidth import bandwidth, gelu_five_ways
from gpu_contest import Contest
from gpu_fused import fused
from gpu_inputs import FULL, Sizes
from gpu_matrices import attention, products


def all_contests(device: str, sizes: Sizes = FULL) -> Iterator[Contest]:
    yield from bandwidth(device, sizes)
    yield from fused(device, sizes)
    yield from products(device, sizes)
    yield from gelu_five_ways(device, sizes.gelu)
    yield from attention(device, sizes)
