"""How long collectives take here, measured on the ranks themselves.

points = launch(measured, 2, "all_reduce", [1024, 1 << 20])[0]
"""

import statistics
import time

import torch

from lib.parallel.comm import Comm
from lib.parallel.cost import Point


def measured(
    comm: Comm, op: str, sizes: list[int], repeats: int = 7, device: str = "cpu"
) -> list[Point]:
    """One point for each size in bytes: the median over repeats of the slowest rank's seconds.

    `op` is the name of a collective, as in `comm.start`, or "send" (from rank 0 to rank 1).
    """
    return [
        Point(op, size, comm.n_ranks, _seconds(comm, op, size, repeats, device)) for size in sizes
    ]


def _seconds(comm: Comm, op: str, size: int, repeats: int, device: str) -> float:
    given = size // comm.n_ranks if op in ("all_gather", "gather") else size
    x = torch.zeros(max(given // 4 // comm.n_ranks, 1) * comm.n_ranks, device=device)
    found = []
    for _ in range(repeats + 1):  # the first one opens connections
        comm.barrier()
        begin = time.perf_counter()
        _once(comm, op, x)
        if device == "cuda":
            torch.cuda.synchronize()
        mine = torch.tensor([time.perf_counter() - begin], dtype=torch.float64, device=device)
        found.append(comm.all_reduce(mine, "max").item())
    return statistics.median(found[1:])


def _once(comm: Comm, op: str, x: torch.Tensor) -> None:
    if op == "send":
        if comm.rank == 0:
            comm.send(x, 1)
        elif comm.rank == 1:
            comm.receive(x, 0)
    else:
        options = {"root": 0} if op in ("broadcast", "scatter", "gather", "reduce") else {}
        if op == "reduce":
            options["reduction"] = "sum"
        comm.start(op, None if op == "scatter" and comm.rank else x, **options).wait()
