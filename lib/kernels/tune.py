"""Measure which tiles are best for matrices and attention on the GPU of this machine.

    python -m lib.kernels.tune            what is not yet in the table
    python -m lib.kernels.tune --again    everything
    python -m lib.kernels.tune matmul     only ops whose name contains this

Every candidate must give the answer of the rule's own choice before its time counts, and one that
does not fit on the GPU is left out. The table is lib/assets/tuned/<GPU>.csv, see tuned.
"""

import argparse
import datetime
import importlib
import itertools
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property, partial
from unittest.mock import patch

import torch
from torch import Tensor

from lib.kernels import tuned
from lib.kernels.tuned import Tuned, add_to_table, label, read_table, table_path

NO_GPU = (
    "This measures tiles for the GPU of the machine and writes them into lib/assets/tuned, and "
    "there is no GPU here: every kernel uses the rule in its own file, as it does anyway."
)
CLOSE = 2e-2  # of the largest number: the order of sums in bfloat16 may change that much
BETTER = 0.97  # of the time of the rule's choice; less is noise

Tiles = dict[str, int]


@dataclass(frozen=True)
class Work:
    """One op at one size, and where its module looks up the tiles."""

    op: str
    key: Tiles
    module: str
    rule: str  # the function of that module that is asked for tiles
    candidates: tuple[Tiles, ...]
    prepare: Callable[[], Callable[[], tuple[Tensor, ...]]]

    @cached_property
    def run(self) -> Callable[[], tuple[Tensor, ...]]:
        return self.prepare()

    def with_tiles(self, tiles: Tiles) -> tuple[Tensor, ...]:
        """The op's answer with these tiles, whatever its rule and the table say."""
        module = importlib.import_module(self.module)
        with patch.object(module, self.rule, lambda *_, **__: tiles), _no_table():
            return self.run()

    def default(self) -> Tiles:
        """What the rule says at this size."""
        asked = []
        module = importlib.import_module(self.module)
        rule = getattr(module, self.rule)

        def listen(*args: object, **options: object) -> Tiles:
            asked.append(rule(*args, **options))
            return asked[-1]

        with patch.object(module, self.rule, listen), _no_table():
            self.run()
        return asked[0]


def _no_table() -> AbstractContextManager:
    return patch.object(tuned, "read_table", lambda _: {})


def best(work: Work, seconds_of: Callable[[Callable[[], object]], float]) -> Tuned:
    """The fastest tiles that give the right answer; the rule's own unless others are clearly so."""
    default = work.default()
    expected = [x.float().clone() for x in work.with_tiles(default)]
    own = seconds_of(partial(work.with_tiles, default))
    chosen, fastest = default, own * BETTER
    for tiles in work.candidates:
        try:
            right = all(map(_close, work.with_tiles(tiles), expected))
            seconds = seconds_of(partial(work.with_tiles, tiles)) if right else float("inf")
        except Exception:  # too much shared memory, too few registers: not for this GPU
            continue
        if seconds < fastest:
            chosen, fastest = tiles, seconds
    seconds = own if chosen == default else fastest
    return Tuned(work.op, label(work.key), chosen, seconds, default, own)


def _close(actual: Tensor, expected: Tensor) -> bool:
    off = (actual.float() - expected).abs().max()
    return bool(off <= CLOSE * expected.abs().max() + 1e-3)


def _grid(**choices: tuple[int, ...]) -> tuple[Tiles, ...]:
    return tuple(dict(zip(choices, values)) for values in itertools.product(*choices.values()))


def all_work(device: str = "cuda") -> Iterator[Work]:
    """Matrix products from single tokens to 8192, and attention at the usual widths of heads."""
    products = _grid(
        BLOCK_M=(64, 128), BLOCK_N=(64, 128, 256), BLOCK_K=(32, 64, 128),
        num_warps=(4, 8), num_stages=(3, 4),
    )  # fmt: skip
    few_rows = _grid(
        BLOCK_M=(16,), BLOCK_N=(32, 64, 128), BLOCK_K=(64, 128, 256),
        num_warps=(2, 4, 8), num_stages=(3, 4, 5),
    )  # fmt: skip
    for M, N, K in [(n, n, n) for n in (512, 1024, 2048, 4096, 8192)] + [(16, 4096, 4096)]:
        key, prepare = {"M": M, "N": N, "K": K, "bits": 16}, partial(_product, M, N, K, device)
        tiles = few_rows if M == 16 else products
        yield Work("matmul", key, "lib.kernels.matmul", "tile_shape", tiles, prepare)
    tiles = _grid(BLOCK_Q=(64, 128), BLOCK_K=(32, 64, 128), num_warps=(4, 8), num_stages=(1, 2, 3))
    for op, rule, module in ATTENTION:
        for width in (64, 128, 256):
            prepare = partial(_attention, width, op != "flash_forward", device)
            yield Work(op, {"width": width, "bits": 16}, module, rule, tiles, prepare)


ATTENTION = (
    ("flash_forward", "forward_settings", "lib.kernels.flash_attention"),
    ("flash_backward_q", "q_settings", "lib.kernels.flash_attention_backward"),
    ("flash_backward_kv", "kv_settings", "lib.kernels.flash_attention_backward"),
)


def _product(M: int, N: int, K: int, device: str) -> Callable[[], tuple[Tensor, ...]]:
    from lib.kernels.matmul import matmul

    a = torch.randn(M, K, device=device, dtype=torch.bfloat16)
    b = torch.randn(K, N, device=device, dtype=torch.bfloat16)
    return lambda: (matmul(a, b),)


def _attention(H: int, back: bool, device: str) -> Callable[[], tuple[Tensor, ...]]:
    """Causal, 4096 positions: long enough that the whole tiles decide."""
    from lib.kernels.flash_attention import flash_attention_op
    from lib.kernels.flash_attention_backward import flash_attention_backward_op

    shape = (2, 4096, 2048 // H, H)
    q, k, v, grad = (torch.randn(shape, device=device, dtype=torch.bfloat16) for _ in range(4))
    rule = True, None, H**-0.5
    if not back:
        return lambda: flash_attention_op(q, k, v, *rule)[:1]
    out, lse = flash_attention_op(q, k, v, *rule)
    return lambda: flash_attention_backward_op(grad, q, k, v, out, lse, *rule)


def _seconds(fn: Callable[[], object]) -> float:
    from triton.testing import do_bench

    return do_bench(fn, warmup=10, rep=50, return_mode="median") / 1e3


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ops", nargs="*", help="only ops whose name contains one of these")
    parser.add_argument("--again", action="store_true", help="also what was measured before")
    options = parser.parse_args(arguments)
    if not torch.cuda.is_available():
        print(NO_GPU)
        return 0
    path = table_path(torch.cuda.get_device_name())
    date = datetime.date.today().isoformat()
    versions = f"torch {torch.__version__}"
    for work in all_work():
        known = (work.op, label(work.key)) in read_table(path)
        wanted = not options.ops or any(word in work.op for word in options.ops)
        if wanted and (options.again or not known):
            row = best(work, _seconds)
            add_to_table(path, Tuned(**{**vars(row), "date": date, "versions": versions}))
            gain = row.default_seconds / row.seconds
            print(f"{work.op} {label(work.key)}: {row.settings}, {gain:.2f}x the rule's speed")
    print(f"The table is {path}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
