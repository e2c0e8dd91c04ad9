"""Ranks as processes: what comes back, in which order, and that nothing ever hangs or stays.

The time limits here are long: on a busy machine ranks are slow, but they must not fail.
"""

import importlib
import os
import signal
import time
import traceback
from dataclasses import asdict, dataclass, field, replace

import pytest
import torch

from lib.parallel.by_value import pack
from lib.parallel.errors import RankError, RankTimeout, shown
from lib.parallel.launch import launch
from lib.parallel.pool import the_pool

FACTOR = 7


@dataclass
class Found:
    rank: int
    total: torch.Tensor


class Own(Exception):
    pass


def scaled(x):
    return FACTOR * x


def total(comm, x, power=1):
    print("begin", comm.rank)
    print("end of", comm.n_ranks, end="")
    return Found(comm.rank, comm.all_reduce(scaled(x) + comm.rank**power))


def process_of(comm):
    return os.getpid()


def fail_at(comm, failing):
    print("before")
    if comm.rank == failing:
        raise Own(f"no luck at {comm.rank}")
    comm.barrier()


def leave_at(comm, leaving):
    if comm.rank == leaving:
        os._exit(3)
    comm.all_reduce(torch.ones(5))


def hang_at(comm, hanging):
    if comm.rank == hanging:
        while True:
            pass
    return comm.rank


@pytest.mark.parametrize("n_ranks", [1, 2, 4])
def test_results_come_by_rank_and_lines_in_order(n_ranks, capsys):
    results = launch(total, n_ranks, torch.ones(3, dtype=torch.float64), power=2)
    assert [found.rank for found in results] == list(range(n_ranks))
    assert all(isinstance(found, Found) for found in results)
    expected = 7.0 * n_ranks + sum(rank**2 for rank in range(n_ranks))
    assert all(torch.equal(f.total, torch.full((3,), expected).double()) for f in results)
    lines = [
        f"rank {r}: {text}" for r in range(n_ranks) for text in (f"begin {r}", f"end of {n_ranks}")
    ]
    assert capsys.readouterr().out.splitlines() == lines


def test_the_second_call_takes_the_same_processes_and_little_time():
    first = launch(process_of, 2)
    assert os.getpid() not in first and len(set(first)) == 2
    seconds = []
    for _ in range(5):
        begin = time.perf_counter()
        assert launch(process_of, 2) == first
        seconds.append(time.perf_counter() - begin)
    assert min(seconds) < 0.3


def test_every_call_begins_with_the_same_seed():
    def draw(comm):
        return torch.rand(2), torch.get_num_threads()

    (first, threads), (other, _) = launch(draw, 2)
    assert torch.equal(first, other) and threads == 1
    assert torch.equal(launch(draw, 2)[0][0], first)


@pytest.mark.parametrize(("n_ranks", "failing"), [(2, 0), (4, 2)])
def test_an_exception_names_its_rank_and_line(n_ranks, failing, capsys):
    with pytest.raises(RankError, match=f"Rank {failing} of {n_ranks} failed: .*no luck") as caught:
        launch(fail_at, n_ranks, failing)
    assert 'raise Own(f"no luck at {comm.rank}")' in str(caught.value)
    assert "in fail_at" in str(caught.value) and "rank_process" not in str(caught.value)
    assert "Stopped with it: rank" in str(caught.value)
    assert caught.value.rank == failing and type(caught.value.error) is Own
    assert f"rank {failing}: before" in capsys.readouterr().out
    assert launch(scaled_rank, 2) == [0, 7]  # and all is well again


def scaled_rank(comm):
    return scaled(comm.rank)


def test_a_rank_that_exits_is_named_though_others_see_errors_too():
    with pytest.raises(RankError, match=r"Rank 1 of 2 failed.*exit status 3"):
        launch(leave_at, 2, 1)


def test_a_notebook_cell_is_not_called_by_the_name_of_its_file():
    frame = traceback.FrameSummary("/tmp/ipykernel_77/123.py", 3, "f", line="x = 1")
    assert shown([frame]) == "  In a cell, line 3, in f\n    x = 1"


def test_a_rank_that_hangs_is_named_with_its_place():
    begin = time.perf_counter()
    with pytest.raises(RankTimeout, match=r"1 s are over and rank 1 of 2 still busy") as caught:
        launch(hang_at, 2, 1, timeout=1)
    assert time.perf_counter() - begin < 60
    assert "Finished: rank 0." in str(caught.value)
    assert "in hang_at" in str(caught.value) and "timeout=seconds" in str(caught.value)
    assert isinstance(caught.value, TimeoutError)
    assert launch(scaled_rank, 2) == [0, 7]


def test_a_rank_that_somebody_killed_meanwhile_is_replaced():
    first = launch(process_of, 2)
    os.kill(first[1], signal.SIGTERM)
    assert the_pool().ranks[1].connection.poll(60)  # its end can be read
    second = launch(process_of, 2)
    assert second[0] == first[0] and second[1] != first[1]


def test_a_module_that_has_changed_on_disk_is_read_again(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    module = tmp_path / "changing_module.py"
    module.write_text("def answer(comm): return 1", encoding="utf-8")
    answer = importlib.import_module("changing_module").answer

    assert [launch(answer, 2), launch(answer, 2)] == [[1, 1], [1, 1]]
    module.write_text("def answer(comm): return 22", encoding="utf-8")
    os.utime(module, (1e9, 1e9))
    assert launch(answer, 2) == [22, 22]


def test_functions_that_only_live_here_travel():
    offset = 5

    class Base:
        def __init__(self, x):
            self.x = x

    class Shifted(Base):
        def __init__(self, x):
            super().__init__(x + offset)

        @property
        def doubled(self):
            return 2 * self.x

    def factorial(n):
        return 1 if n == 0 else n * factorial(n - 1)

    results = launch(lambda comm, n: (Shifted(comm.rank).doubled, factorial(n)), 2, 5)
    assert results == [(10, 120), (12, 120)]


def test_an_operation_with_a_backward_of_its_own_travels():
    class Cubed(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, dy):
            return 3 * ctx.saved_tensors[0] ** 2 * dy

    def gradient(comm):
        x = torch.tensor(2.0 + comm.rank, requires_grad=True)
        Cubed.apply(x).backward()
        return x.grad.item()

    assert launch(gradient, 2) == [12.0, 27.0]


def test_dataclasses_travel_with_their_fields():
    @dataclass(frozen=True)
    class Shape:
        width: int
        names: list = field(default_factory=list)
        depth: int = 2

    def wider(comm, shape):
        return replace(shape, width=shape.width + comm.rank), asdict(Shape(9))

    found, defaults = launch(wider, 2, Shape(3))[1]
    assert asdict(found) == asdict(Shape(4)) and defaults == {"width": 9, "names": [], "depth": 2}


def test_models_keep_parameters_and_what_they_share():
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3))
    model[1].weight = model[0].weight

    def with_one_more(comm, model):
        with torch.no_grad():
            model[0].weight += 1
        return model, sum(p.numel() for p in model.parameters())

    found, n_params = launch(with_one_more, 2, model)[1]
    assert n_params == 15 and found[0].weight is found[1].weight
    assert torch.equal(found[1].weight, model[1].weight + 1)
    assert isinstance(found[0].weight, torch.nn.Parameter)


def test_a_part_of_a_large_tensor_travels_alone():
    assert len(pack(torch.zeros(10**6)[:10])) < 5000


def test_what_cannot_travel_is_named():
    cells = {"__name__": "__main__", "letters": (x for x in "abc")}
    exec("def first(comm): return next(letters)", cells)
    with pytest.raises(RankError, match=r"'letters' is not defined.*could not travel.*generator"):
        launch(cells["first"], 1)


@pytest.mark.parametrize(
    ("n_ranks", "options", "words"),
    [(0, {}, "at least 1"), (2, {"timeout": 0}, "seconds"), (2, {"backend": "mpi"}, "gloo")],
)
def test_wrong_arguments_are_explained(n_ranks, options, words):
    with pytest.raises(ValueError, match=words):
        launch(process_of, n_ranks, **options)
