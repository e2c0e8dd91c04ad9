"""What autograd keeps: small graphs by hand, then blocks of a model without numbers."""

import torch
from torch import Tensor, nn

from adapters import measuring
from lib.grading.answers import judge, words
from lib.grading.feedback import holds, same
from lib.grading.problems import problem
from systems.model import SIZES, on_paper

MIB, GIB = 2**20, 2**30


def rows(run, parameters=()) -> list[tuple]:
    found = measuring.saved_tensors(run, parameters)
    return [(row.n_bytes, tuple(row.shape), row.dtype) for row in found]


def leaf(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.ones(shape, dtype=dtype, requires_grad=True)


@problem("memory_profiling")
def test_what_a_product_keeps():
    x = leaf(10)
    given = "x * x for x of 10 numbers"
    same(rows(lambda: x * x), [(40, (10,), torch.float32)], given=given)
    expected = [(40, (10,), torch.float32)] * 2
    same(rows(lambda: (x * x).exp()), expected, given="(x * x).exp() for x of 10 numbers")
    same(rows(lambda: x + x), [], given="x + x, whose derivative needs nothing")


@problem("memory_profiling")
def test_one_piece_of_memory_counts_once():
    x = leaf(4, 6)
    given = "x * x + x.T.exp().T * x for x of shape (4, 6): x is kept by two operations"
    yours = rows(lambda: x * x + x.T.exp().T * x)
    same([row[0] for row in yours], [96, 96], given=f"{given}; bytes of the pieces")


@problem("memory_profiling")
def test_parameters_are_not_counted():
    layer, x = nn.Linear(3, 5), leaf(2, 3)
    yours = rows(lambda: layer(x), layer.parameters())
    given = (
        "a Linear from 3 to 5, x of shape (2, 3): bytes of the pieces (its weight is kept anyway)"
    )
    same([row[0] for row in yours], [24], given=given)


@problem("memory_profiling")
def test_the_largest_comes_first_and_views_count_with_their_storage():
    x, y = leaf(2, dtype=torch.float64), leaf(7)
    whole = torch.ones(100)
    yours = rows(lambda: (x * x).sum() + (y * whole[:7]).sum() + (y * y).sum())
    given = "x of 2 float64, y of 7 float32, and the first 7 of 100 numbers: bytes of the pieces"
    same([row[0] for row in yours], [400, 28, 16], given=given)


@problem("memory_profiling")
def test_a_block_of_the_model():
    shape = SIZES["small"]
    found = rows(*block("small", 16))
    total = sum(row[0] for row in found)
    same(total, kept("small", 16), given="a block of small, 4 sequences of 16: bytes of all pieces")
    stream = (4, 16, shape.width)
    holds(any(row[1] == stream for row in found), f"Some piece has the shape {stream}.")


def block(size: str, n_positions: int):
    """What runs one block of this size, and its parameters; nothing has numbers."""
    one = on_paper(SIZES[size]).blocks[0]
    x = torch.zeros(4, n_positions, SIZES[size].width, device="meta", requires_grad=True)
    return (lambda: one(x)), list(one.parameters())


def pieces(size: str, n_positions: int) -> list[int]:
    """Bytes of what a block keeps, the largest first, by a second look."""
    run, parameters = block(size, n_positions)
    own, held = {id(p.untyped_storage()) for p in parameters}, {}

    def note(x: Tensor) -> Tensor:
        storage = x.untyped_storage()
        if id(storage) not in own:
            held[id(storage)] = storage
        return x

    with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        run()
    return sorted((storage.nbytes() for storage in held.values()), reverse=True)


def kept(size: str, n_positions: int) -> int:
    return sum(pieces(size, n_positions))


N_XL = sum(p.numel() for p in on_paper(SIZES["xl"]).parameters())


@problem("memory_profiling")
def test_state_of_xl():
    mistakes = {
        "This is in GB, 10^9 bytes; asked for are GiB, 2^30.": 16 * N_XL / 1e9,
        "Four numbers for each parameter: itself, its gradient, two moments.": 12 * N_XL / GIB,
        "The parameters alone.": 4 * N_XL / GIB,
    }
    judge("memory_profiling.state_gib", 16 * N_XL / GIB, 5e-3, mistakes)


@problem("memory_profiling")
def test_the_stream_of_xl():
    right = 4 * 2048 * SIZES["xl"].width * 4 / MIB
    mistakes = {"A float32 has four bytes.": right / 4, "There are four sequences.": right / 4}
    judge("memory_profiling.stream_mib", right, 1e-3, mistakes)


@problem("memory_profiling")
def test_what_a_block_of_xl_keeps():
    for n_positions in (128, 2048):
        found = pieces("xl", n_positions)
        name = f"memory_profiling.block_mib_{n_positions}"
        judge(name, sum(found) / MIB, 0.01, {"This is in bytes.": sum(found)})
        judge(f"memory_profiling.largest_mib_{n_positions}", found[0] / MIB, 1e-3)


@problem("memory_profiling")
def test_what_grows_is_explained():
    words("memory_profiling.what_grows", at_least=15)
