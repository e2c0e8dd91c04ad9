"""Ranks that train one model: our wrappers against PyTorch's, on two processes with gloo.

python run.py bench parallel            4 million parameters, six pairs of steps: about a minute
python run.py bench parallel --full     35 million, twelve pairs

Both sides live in the same two processes and take steps in turns, so that a disturbance meets both:
ABBA ABBA ... The wall clock runs from a barrier to the end of the slower rank, since waiting is
what is measured; CPU seconds, gloo's threads among them, are steadier on a busy machine. Afterwards
both sides must have the same weights.

Then what a rank sends in a step and what it holds after it, beside the formulas: traffic to the
byte, memory within 5%. What PyTorch's wrappers hold is what their parameters, gradients and states
take; DistributedDataParallel's buckets, as large as the gradients again, cannot be seen from here.
MB in the first table is that, too, but for the last row, which has that of all processes.

With a GPU, one rank takes the same steps on it, over NCCL, without a wrapper and with each.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner import MB, Benchmark, Row, Sample, _table

if TYPE_CHECKING:  # torch takes a second to import, and only the samples need it
    from torch import Tensor, nn

    from lib.parallel.comm import Comm

N_RANKS = 2
NAMES = {"data": "DDP", "zero": "ZeRO-1", "fsdp": "FSDP"}
PEERS = {"data": "DDP", "zero": "ZeroRedundancy", "fsdp": "fully_shard"}
TARGETS = {"data": 1.05, "zero": 1.05, "fsdp": 1.15}
CELL_SECONDS, MEMORY_WITHIN = 0.3, 0.05


@dataclass(frozen=True)
class Shape:
    """A model, and what each rank has of a batch."""

    vocab_size: int
    width: int
    n_layers: int
    n_heads: int
    ff_width: int
    batch: int
    length: int
    pairs: int


SMALL = Shape(2048, 256, 4, 4, 704, batch=4, length=64, pairs=6)
LARGE = Shape(8192, 512, 8, 8, 1408, batch=4, length=128, pairs=12)


# --------------------------------------------------------------------------------- on the ranks


class Side:
    """A model with its wrapper and its optimizer."""

    def __init__(self, model: "nn.Module", optimizer: Any, finish: Callable[[], None]) -> None:
        self.model, self.optimizer, self.finish = model, optimizer, finish

    def step(self, ids: "Tensor") -> None:
        from torch.nn.functional import cross_entropy

        self.optimizer.zero_grad()
        logits = self.model(ids[:, :-1])
        cross_entropy(logits.flatten(0, 1).float(), ids[:, 1:].flatten()).backward()
        self.finish()
        self.optimizer.step()


def transformer(shape: Shape, device: str) -> "nn.Module":
    import torch

    from lib.model.config import ModelConfig
    from lib.model.transformer import Transformer

    config = ModelConfig(
        vocab_size=shape.vocab_size,
        context=shape.length,
        n_layers=shape.n_layers,
        width=shape.width,
        n_heads=shape.n_heads,
        ff_width=shape.ff_width,
    )
    return Transformer(config, torch.Generator().manual_seed(0)).to(device)


def bare(kind: str, comm: "Comm", model: "nn.Module") -> Side:
    import torch

    return Side(model, torch.optim.AdamW(model.parameters(), lr=1e-3), lambda: None)


def ours(kind: str, comm: "Comm", model: "nn.Module") -> Side:
    import torch

    from lib.model.transformer import Block
    from lib.parallel.data import DataParallel, broadcast_module
    from lib.parallel.fsdp import FullySharded
    from lib.parallel.zero import ZeroOptimizer

    adamw = torch.optim.AdamW
    if kind == "zero":
        broadcast_module(comm, model)
        optimizer = ZeroOptimizer(model.parameters(), adamw, comm, 1, "ranges", lr=1e-3)
        return Side(model, optimizer, lambda: None)
    wrapper = {"data": DataParallel, "fsdp": FullySharded}[kind]
    wrapped = wrapper(model, comm, **({"unit": Block} if kind == "fsdp" else {}))
    return Side(wrapped, adamw(wrapped.parameters(), lr=1e-3), wrapped.finish)


def theirs(kind: str, comm: "Comm", model: "nn.Module") -> Side:
    import torch
    from torch.distributed.fsdp import fully_shard
    from torch.distributed.optim import ZeroRedundancyOptimizer
    from torch.nn.parallel import DistributedDataParallel

    adamw = torch.optim.AdamW
    if kind == "fsdp":
        for block in model.blocks:
            fully_shard(block)
        fully_shard(model)
        return Side(model, adamw(model.parameters(), lr=1e-3), lambda: None)
    wrapped = DistributedDataParallel(model)
    if kind == "zero":
        optimizer = ZeroRedundancyOptimizer(wrapped.parameters(), adamw, lr=1e-3)
        return Side(wrapped, optimizer, lambda: None)
    return Side(wrapped, adamw(wrapped.parameters(), lr=1e-3), lambda: None)


SIDES = {"bare": bare, "ours": ours, "theirs": theirs}


def in_turns(comm: "Comm", kind: str, names: list[str], shape: Shape, device: str) -> dict:
    """Steps of all sides, one after the other and back again; what they hold and send."""
    import torch

    ids = torch.randint(shape.vocab_size, (comm.n_ranks, shape.batch, shape.length + 1))
    mine = ids[comm.rank].to(device)  # drawn with the same seed everywhere
    sides = {name: SIDES[name](kind, comm, transformer(shape, device)) for name in names}
    seconds: dict[str, list[list[float]]] = {name: [] for name in names}
    for i in range(shape.pairs + 1):
        for name in names if i % 2 else names[::-1]:
            wall, cpu, sent = _timed(comm, lambda side=sides[name]: side.step(mine), device)
            if i:  # the first one allocates
                seconds[name].append([wall, cpu])
            if name == "ours":
                our_traffic = sent
    weights = {name: _weights(side.model) for name, side in sides.items()}
    first = weights[names[0]]
    for name in names[1:]:
        for key, weight in weights[name].items():
            torch.testing.assert_close(weight, first[key], atol=1e-4, rtol=1e-3)
    model = transformer(shape, "cpu")
    size, blocks = (4 * sum(p.numel() for p in m.parameters()) for m in (model, model.blocks))
    held = {name: _held(side) for name, side in sides.items()}
    facts = {"sent": our_traffic, "held": held, "bytes": size, "root": size - blocks}
    return {"seconds": seconds, **facts}


def _timed(comm: "Comm", step: Callable[[], None], device: str) -> tuple[float, float, int]:
    """Wall seconds of the slowest rank, CPU seconds of all, bytes that this one has sent."""
    import torch

    comm.barrier()
    comm.traffic.clear()
    wall, cpu = time.perf_counter(), time.process_time()
    step()
    if device == "cuda":
        torch.cuda.synchronize()
    spent = [time.perf_counter() - wall, time.process_time() - cpu]
    sent, both = comm.traffic.sent, torch.tensor(spent, dtype=torch.float64, device=device)
    slowest = comm.all_reduce(both[:1], "max").item()
    return slowest, comm.all_reduce(both[1:]).item(), sent


def _weights(model: "nn.Module") -> dict[str, "Tensor"]:
    from lib.parallel.fsdp import FullySharded

    state = model.full_state() if isinstance(model, FullySharded) else model.state_dict()
    whole = {name: getattr(x, "full_tensor", lambda x=x: x)() for name, x in state.items()}
    return {name.removeprefix("module."): x for name, x in whole.items()}


def _held(side: Side) -> int:
    """Bytes of parameters, gradients and optimizer state; with ours, of buckets too."""
    from lib.parallel.bytes_held import bytes_held, memory

    if type(side.model).__module__.startswith("lib.") and not _is_sharded(side.model):
        found = bytes_held(side.model, side.optimizer)
        return found.parameters + found.gradients + found.optimizer
    inner = getattr(side.optimizer, "optim", side.optimizer)
    tensors = [*side.model.parameters(), *(p.grad for p in side.model.parameters())]
    tensors += [x for entry in inner.state.values() for x in entry.values()]
    return memory(x.to_local() if hasattr(x, "to_local") else x for x in tensors if x is not None)


def _is_sharded(model: "nn.Module") -> bool:
    return any(hasattr(p, "to_local") for p in model.parameters())


def rings_in_turns(comm: "Comm", size: int, pairs: int) -> dict:
    """Our ring all-reduce and gloo's, of the same tensor."""
    import torch

    from lib.parallel.ring import ring_all_reduce

    x = torch.randn(size // 4)
    calls = {"ours": lambda: ring_all_reduce(comm, x), "theirs": lambda: comm.all_reduce(x)}
    torch.testing.assert_close(calls["ours"](), calls["theirs"]())
    seconds: dict[str, list[list[float]]] = {name: [] for name in calls}
    again = max(3, (16 << 20) // size)  # calls in a sample
    for i in range(pairs):
        for name in list(calls) if i % 2 else list(calls)[::-1]:
            call = calls[name]
            wall, cpu, _ = _timed(comm, lambda call=call: [call() for _ in range(again)], "cpu")
            seconds[name].append([wall, cpu])
    return {"seconds": seconds, "held": dict.fromkeys(calls, 2 * size)}


# ---------------------------------------------------------------------------------- contestants


def versus(kind: str, full: bool, pairs: int | None, gpu: bool = False) -> Callable[[], dict]:
    from lib.parallel.launch import launch

    names = ["bare", "ours", "theirs"] if gpu else ["ours", "theirs"]
    where = {"backend": "nccl"} if gpu else {}
    shape, device = LARGE if full or gpu else SMALL, "cuda" if gpu else "cpu"
    shape = replace(shape, pairs=pairs or shape.pairs)
    n_ranks = 1 if gpu else N_RANKS
    return lambda: launch(in_turns, n_ranks, kind, names, shape, device, timeout=900, **where)[0]


def rings(size: int, pairs: int) -> Callable[[], dict]:
    from lib.parallel.launch import launch

    return lambda: launch(rings_in_turns, N_RANKS, size, pairs)[0]


def total(comm: "Comm") -> float:
    import torch

    return comm.all_reduce(torch.ones(1000)).sum().item()


def cell() -> Callable[[], float]:
    """As a second cell of a notebook, when the ranks are there."""
    from lib.parallel.launch import launch

    launch(total, N_RANKS)
    return lambda: launch(total, N_RANKS)[0]


def spawn() -> Callable[[], float]:
    import torch.multiprocessing as mp

    def work() -> float:
        with tempfile.TemporaryDirectory() as folder:
            mp.spawn(_spawned, (folder,), nprocs=N_RANKS)
            return float(Path(folder, "total").read_text(encoding="utf-8"))

    return work


def _spawned(rank: int, folder: str) -> None:
    import torch
    import torch.distributed as dist

    store = dist.FileStore(str(Path(folder, "meeting")), N_RANKS)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=N_RANKS)
    x = torch.ones(1000)
    dist.all_reduce(x)
    if rank == 0:
        Path(folder, "total").write_text(str(x.sum().item()), encoding="utf-8")
    dist.destroy_process_group()


# --------------------------------------------------------------------------------- comparisons


class ParallelBenchmark(Benchmark):
    facts: list[list[str]]

    def in_turns(
        self, work: str, contestant: str, arguments: dict, sides: tuple[str, str], target: float
    ) -> dict | None:
        """One process that has both sides inside: a row by each clock."""
        if self.options.only not in work:
            return None
        sample = self._sample(contestant, arguments)
        for clock in ("wall", "cpu"):
            row = Row(f"{work} ({clock})", *sides, target, clock)
            found = [
                [_as_sample(name, taken, sample.answer["held"][side], sample) for taken in seconds]
                for name, (side, seconds) in zip(sides, sample.answer["seconds"].items())
            ]
            row.pairs = list(zip(*found))
            self.rows.append(row)
            print("  ".join(row.cells()), flush=True)
        return sample.answer

    def wrapper(self, kind: str, full: bool) -> list[str]:
        """Time; then what is sent and held, as a row of the second table."""
        arguments = {"kind": kind, "full": full, "pairs": self.options.pairs}
        sides = (f"our {NAMES[kind]}", PEERS[kind])
        found = self.in_turns(NAMES[kind], "versus", arguments, sides, TARGETS[kind])
        return accounted(kind, found) if found else []


def _as_sample(name: str, taken: list[float], held: int, sample: Sample) -> Sample:
    """A step as a sample; its memory is what a rank holds, and its answer was compared there."""
    state = {"load": sample.load, "copy_speed": sample.copy_speed}
    return Sample(name, *taken, held, None, **state, regex_speed=sample.regex_speed)


def accounted(kind: str, found: dict) -> list[str]:
    """Bytes sent in a step and held after it, beside the formulas."""
    size, root, n = found["bytes"], found["root"], N_RANKS
    sent = (3 * size - root if kind == "fsdp" else 2 * size) * (n - 1) / n
    held = {"data": 4 * size, "zero": 2 * size + 2 * size / n, "fsdp": 4 * size / n}[kind]
    ours, theirs = (found["held"][side] for side in ("ours", "theirs"))
    within = abs(ours / held - 1) <= MEMORY_WITHIN and abs(found["sent"] - sent) <= 100
    numbers = [f"{x / MB:.2f}" for x in (found["sent"], sent, ours, held, theirs)]
    return [NAMES[kind], *numbers, "as it should be" if within else "DIFFERS"]


def main() -> int:
    benchmark = ParallelBenchmark("Ranks", [versus, rings, cell, spawn])
    full, pairs = benchmark.options.full, benchmark.options.pairs or 5
    account = [row for kind in NAMES if (row := benchmark.wrapper(kind, full))]
    for megabytes in (1, 16, 64) if full else (1, 16):
        arguments = {"size": megabytes << 20, "pairs": pairs}
        sides = ("our ring", "gloo")
        benchmark.in_turns(f"all-reduce of {megabytes} MB", "rings", arguments, sides, 1 / 0.9)
    sides = (("cell", {}), ("spawn", {}))
    benchmark.compare("two ranks add up", *sides, target=0.25, clock="wall", pairs=pairs)
    status = benchmark.report()
    if account:
        header = ["", "MB sent", "formula", "MB held", "formula", "PyTorch's", ""]
        print(f"\nA rank of {N_RANKS}\n\n{_table(header, account)}")
    for row in benchmark.rows:
        if row.ours == "cell":
            seconds = statistics.median(ours.wall for ours, _ in row.pairs)
            print(f"\nThe cell took {seconds:.3f} s of the {CELL_SECONDS} that it may take.")
    on_gpu()
    return status or int(any(row[-1] == "DIFFERS" for row in account))


def on_gpu() -> None:
    """What wrappers cost on one GPU, over NCCL, where there is nobody to talk to."""
    import torch

    if not torch.cuda.is_available():
        return
    for kind in NAMES:
        seconds = versus(kind, True, None, gpu=True)()["seconds"]
        walls = {name: statistics.median(wall for wall, _ in s) for name, s in seconds.items()}
        ratios = [f"{walls[side] / walls['bare']:.3f}" for side in ("ours", "theirs")]
        print(f"GPU, {NAMES[kind]}: {ratios[0]} of the bare step; PyTorch's {ratios[1]}.")


if __name__ == "__main__":
    sys.exit(main())
