"""The record of what kernels touch, on kernels with planted mistakes: it must tell them."""

import inspect

import pytest
import torch

from lib.kernels.accesses import OutOfBounds, races, record_accesses
from lib.kernels.language import has_triton, interprets, jit, tl
from lib.kernels.trace import Access
from lib.kernels.vector_add import vector_add

pytestmark = pytest.mark.skipif(
    not (has_triton() and interprets()), reason="kernels are compiled here, not interpreted"
)


@jit
def copy_kernel(x_ptr, out_ptr, n, step, BLOCK: tl.constexpr):
    i = tl.program_id(0) * step + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + i, mask=i < n)
    tl.store(out_ptr + i, x, mask=i < n)


@jit
def shift_kernel(x_ptr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(x_ptr + i, tl.load(x_ptr + i + 1))


@jit
def plus(x_ptr, value):
    tl.atomic_add(x_ptr, value)


@jit
def total_kernel(x_ptr, out_ptr, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    plus(out_ptr, tl.sum(tl.load(x_ptr + i)))
    tl.atomic_cas(out_ptr + 1, 0.0, 5.0)


@jit
def tile_kernel(x_ptr, out_ptr, R, C, step, SIDE: tl.constexpr):
    row, column = tl.arange(0, SIDE)[:, None], tl.arange(0, SIDE)[None, :]
    x = tl.load(x_ptr + row * step + column, mask=(row < R) & (column < C))
    tl.store(out_ptr + row * C + column, x, mask=(row < R) & (column < C))


@jit
def block_kernel(x_ptr, out_ptr, R: tl.constexpr, C: tl.constexpr):
    x = tl.make_tensor_descriptor(x_ptr, [R, C], [C, 1], [4, 4])
    out = tl.make_tensor_descriptor(out_ptr, [R, C], [C, 1], [4, 4])
    out.store([0, 4], x.load([0, 4]))


def line(kernel: object, text: str) -> int:
    lines, first = inspect.getsourcelines(kernel.fn)
    return first + next(i for i, it in enumerate(lines) if text in it)


def test_one_access_in_all_its_parts():
    x, out = torch.arange(10.0).bfloat16(), torch.zeros(10).bfloat16()
    with record_accesses(mine=x) as trace:
        copy_kernel[(2,)](x, out, 10, 8, BLOCK=8)
    load, store = trace.accesses[2:]
    assert isinstance(load, Access)
    assert (load.program, load.kind, load.tensor, load.order) == ((1, 0, 0), "load", "mine", 2)
    assert (store.program, store.kind, store.tensor, store.order) == ((1, 0, 0), "store", "out", 3)
    assert load.offsets.tolist() == [8, 9, 10, 11, 12, 13, 14, 15]
    assert load.mask.tolist() == [True] * 2 + [False] * 6
    assert load.values[:2].tolist() == store.values[:2].tolist() == [8, 9]
    assert load.line == line(copy_kernel, "tl.load") and load.function == "copy_kernel"
    assert store.line == line(copy_kernel, "tl.store")
    assert trace.programs == [(0, 0, 0), (1, 0, 0)]
    assert trace.launches[0].grid == (2, 1, 1)
    assert trace.bytes_read == {"mine": 20} and trace.bytes_written == {"out": 20}


def test_an_op_in_its_own_words(place):
    x = torch.ones(2500)
    with record_accesses() as trace:
        vector_add(x, x.clone())
    assert trace.bytes_read == {"x": 10_000, "y": 10_000}
    assert trace.bytes_written == {"out": 10_000}
    assert races(trace) == []


def test_nothing_stays_behind():
    with record_accesses() as trace:
        pass
    copy_kernel[(1,)](torch.ones(8), torch.zeros(8), 8, 8, BLOCK=8)
    assert trace.accesses == [] and races(trace) == []


def test_two_programs_that_store_to_one_element():
    with record_accesses() as trace:
        copy_kernel[(2,)](torch.ones(16), torch.zeros(16), 16, 6, BLOCK=8)
    (race,) = races(trace)
    store = line(copy_kernel, "tl.store")
    assert (race.tensor, race.offset, race.count) == ("out", 6, 2)
    assert (race.kinds, race.lines) == (("store", "store"), (store, store))
    assert {*race.programs} == {(0, 0, 0), (1, 0, 0)}
    assert f"(store, line {store})" in str(race) and "element 6 of out" in str(race)


def test_one_program_that_loads_what_another_stores():
    with record_accesses() as trace:
        shift_kernel[(3,)](torch.ones(25), BLOCK=8)
    (race,) = races(trace)
    assert (race.kinds, race.offset, race.count) == (("store", "load"), 8, 2)


def test_launches_follow_each_other():
    x = torch.ones(16)
    with record_accesses() as trace:
        copy_kernel[(1,)](x, x, 16, 16, BLOCK=16)
        copy_kernel[(2,)](x, x, 16, 8, BLOCK=8)
    assert len(trace.launches) == 2 and races(trace) == []


def test_atomic_operations_race_only_with_others():
    x, out = torch.ones(16), torch.zeros(2)
    with record_accesses() as trace:
        total_kernel[(2,)](x, out, BLOCK=8)
    assert out.tolist() == [16, 5] and races(trace) == []
    assert [a.values.item() for a in trace.accesses if a.kind == "atomic"] == [8, 5, 8, 5]
    assert trace.accesses[1].function == "plus"  # whose line it is
    assert trace.bytes_written == {"out": 16}
    with record_accesses() as trace:
        total_kernel[(2,)](x, x, BLOCK=8)
    assert races(trace)[0].kinds == ("atomic", "load")


def test_a_store_behind_the_end_is_stopped():
    memory = torch.zeros(16)
    with pytest.raises(OutOfBounds, match=r"copy_kernel, line \d+, program \(0, 0, 0\): a store"):  # noqa: SIM117
        with record_accesses():
            copy_kernel[(1,)](torch.ones(16), memory[:12], 16, 16, BLOCK=16)
    assert memory.eq(0).all()


def test_a_load_before_the_beginning_is_stopped():
    memory = torch.zeros(16)
    with pytest.raises(OutOfBounds, match=r"load outside of x, .* elements -8, -7, -6, -5, \.{3}"):  # noqa: SIM117
        with record_accesses(neighbour=memory):
            copy_kernel[(2,)](memory[8:].clone(), torch.zeros(16), 16, -8, BLOCK=8)


def test_the_gaps_of_a_view_are_not_its_own():
    gate, up = torch.arange(12.0).view(3, 4).chunk(2, dim=1)
    out = torch.zeros(3, 2)
    with record_accesses() as trace:
        tile_kernel[(1,)](gate, out, 3, 2, 4, SIDE=4)
        tile_kernel[(1,)](up, out, 3, 2, 4, SIDE=4)
    assert out.tolist() == [[2, 3], [6, 7], [10, 11]]
    assert trace.bytes_read == {"x": 48}
    with pytest.raises(OutOfBounds, match=r"of gate, .* elements 2, 6, 10"):  # noqa: SIM117
        with record_accesses(gate=gate, up=up):
            tile_kernel[(1,)](gate, torch.zeros(9), 3, 3, 4, SIDE=4)


def test_part_of_a_named_tensor_counts_from_the_whole():
    whole = torch.arange(12.0)
    with record_accesses(whole=whole) as trace:
        copy_kernel[(1,)](whole[4:], torch.zeros(8), 8, 8, BLOCK=8)
    assert trace.accesses[0].tensor == "whole"
    assert trace.accesses[0].offsets.tolist() == [4, 5, 6, 7, 8, 9, 10, 11]


def test_descriptors_are_followed_too():
    x, out = torch.arange(32.0).view(4, 8), torch.zeros(4, 8)
    with record_accesses() as trace:
        block_kernel[(1,)](x, out, R=4, C=8)
    assert torch.equal(out[:, 4:], x[:, 4:])
    assert [(a.kind, a.tensor, a.offsets[0, 0]) for a in trace.accesses] == [
        ("load", "x", 4),
        ("store", "out", 4),
    ]
    with pytest.raises(OutOfBounds, match=r"outside of x, which has shape \(2, 8\)"):  # noqa: SIM117
        with record_accesses():
            block_kernel[(1,)](x[:2], out, R=4, C=8)


def test_a_process_that_compiles_says_what_to_do(monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "0")
    with pytest.raises(RuntimeError, match="trace_interpreted"), record_accesses():
        pass
