"""What this machine really reaches: FLOP/s of a large matrix product, bytes/s of a large copy.

These are peaks in practice, below those on the data sheet: no other code here runs faster. So the
fastest run counts; other programs can only slow a run down.
"""

from collections.abc import Callable
from functools import partial
from itertools import cycle

import torch

from lib.tensors.flops import matmul_flops
from lib.tensors.formats import TORCH_NAMES, named
from lib.tensors.timing import benchmark

Run = Callable[[], object]
BUDGET = 0.12  # seconds of timed runs


def measured_flops(dtype: object = "fp32", device: str = "cpu") -> float:
    """FLOP/s of a square product in one of torch's dtypes."""
    flops, run = matrix_product(dtype, device)
    if device == "cpu":
        run = with_one_thread_too(run)
    return flops / min(benchmark(run, repeats=100, device=device, budget=BUDGET).seconds)


def measured_bandwidth(device: str = "cpu") -> float:
    """Bytes/s of a copy too large for the caches; bytes read and bytes written both count."""
    n_bytes, run = memory_copy(device)
    return n_bytes / min(benchmark(run, repeats=100, device=device, budget=BUDGET).seconds)


def with_one_thread_too(run: Run) -> Run:
    """The same run with all of torch's threads and with one, in turn.

    On a busy machine several threads wait for each other, and one can be a hundred times faster.
    """
    threads = cycle((torch.get_num_threads(), 1))

    def in_turn() -> None:
        before = torch.get_num_threads()
        torch.set_num_threads(next(threads))
        try:
            run()
        finally:
            torch.set_num_threads(before)

    return in_turn


def matrix_product(dtype: object = "fp32", device: str = "cpu") -> tuple[int, Run]:
    """The product that is timed, and its FLOPs: as large as takes the machine some milliseconds."""
    n, largest = 256, 2048 if device == "cpu" else 16384
    run = _square_product(n, dtype, device)
    while n < largest and benchmark(run, repeats=1, device=device).median < 0.004:
        n *= 2
        run = _square_product(n, dtype, device)
    return matmul_flops(n, n, n), run


def memory_copy(device: str = "cpu") -> tuple[int, Run]:
    """The copy that is timed, and how many bytes it moves."""
    n_bytes = 2**26 if device == "cpu" else 2**30
    source = torch.ones(n_bytes, dtype=torch.uint8, device=device)
    return 2 * n_bytes, partial(torch.zeros_like(source).copy_, source)


def _square_product(n: int, dtype: object, device: str) -> Run:
    torch_names = {ours: theirs for theirs, ours in TORCH_NAMES.items()}
    dtype = getattr(torch, torch_names[named(dtype).name])
    own = torch.Generator(device).manual_seed(0)  # measuring leaves the reader's seed alone
    a = torch.randn(n, n, generator=own, device=device).to(dtype)  # zeros would draw less power
    return partial(torch.matmul, a, a)
