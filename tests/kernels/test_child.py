"""The worker processes: what goes there and comes back, and that nothing of them stays behind."""

import linecache
import os
import subprocess
import sys
import textwrap
import time

import psutil
import pytest
import torch

from lib.kernels.accesses import OutOfBounds, races
from lib.kernels.child import ChildError, _workers, call_in_child
from lib.kernels.interpret import run_interpreted, trace_interpreted
from lib.kernels.language import has_triton, interprets
from lib.kernels.pickling import dumps, loads
from lib.kernels.vector_add import vector_add

pytestmark = pytest.mark.skipif(not has_triton(), reason="Triton has no wheels for this system")

CELLS = {
    "/tmp/cell_1.py": """
        import triton
        import triton.language as tl

        FACTOR = tl.constexpr(3)

        @triton.jit
        def scaled(x):
            return x * FACTOR
        """,
    "/tmp/cell_2.py": """
        @triton.jit
        def scale_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
            i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
            tl.store(out_ptr + i, scaled(tl.load(x_ptr + i, mask=i < n)), mask=i < n)

        def scale(x, out):
            print("scaling", tuple(x.shape))
            scale_kernel[(triton.cdiv(x.numel(), 8),)](x, out, x.numel(), BLOCK=8)
            return out.sum()
        """,
}


@pytest.fixture(scope="module")
def cells():
    """The names of a notebook that has run these cells."""
    names = {"__name__": "__main__", "unrelated": lambda: sys}
    for file, text in CELLS.items():
        text = textwrap.dedent(text)
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        exec(compile(text, file, "exec"), names)
    return names


def process_id():
    return os.getpid()


def forever():
    while True:
        pass


def crash():
    os.kill(os.getpid(), 9)


def refuse(x):
    raise KeyError("not this one")


class Odd(Exception):
    def __init__(self, a, b):
        super().__init__(a)


def raise_odd():
    raise Odd("something", "odd")


def test_an_op_runs_its_kernel_in_a_process_that_stays():
    x, y = torch.randn(33), torch.randn(33).bfloat16()
    assert torch.equal(run_interpreted(vector_add, x, x), x + x)
    assert torch.equal(run_interpreted(vector_add, y, y=y), y + y)
    first = run_interpreted(process_id)
    assert first == run_interpreted(process_id) != os.getpid()


def test_functions_of_cells_travel_with_what_they_use(cells, capsys):
    x, out = torch.arange(12.0), torch.zeros(12)
    assert run_interpreted(cells["scale"], x, out) == 198
    assert torch.equal(out, 3 * x), "what is changed in place is changed here"
    assert capsys.readouterr().out == "scaling (12,)\n"


def test_a_trace_from_there_is_one_of_here(cells):
    total, trace = trace_interpreted(cells["scale"], torch.arange(12.0), torch.zeros(12))
    assert total == 198 and races(trace) == []
    assert [(a.tensor, a.kind, a.line) for a in trace.accesses[:2]] == [
        ("x", "load", 5),
        ("out", "store", 5),
    ]
    _, trace = trace_interpreted(
        cells["scale"], torch.arange(12.0), torch.zeros(12), names=["mine", "yours"]
    )
    assert trace.bytes_read == {"mine": 48} and trace.bytes_written == {"yours": 48}


def test_errors_come_back_as_what_they_are(cells):
    with pytest.raises(KeyError, match="not this one") as caught:
        run_interpreted(refuse, torch.zeros(1))
    assert "in refuse" in caught.value.__notes__[0]
    with pytest.raises(OutOfBounds, match="of out"):
        trace_interpreted(cells["scale"], torch.zeros(12), torch.zeros(8))
    with pytest.raises(ChildError, match="Odd: something"):
        run_interpreted(raise_odd)


def test_what_cannot_travel_is_said_before():
    with pytest.raises(TypeError, match="give it a name with def"):
        run_interpreted(lambda x: x, torch.zeros(1))
    with pytest.raises(TypeError, match="Only functions and kernels"):
        run_interpreted(torch.nn.Linear(2, 2), torch.zeros(2))


def test_tensors_arrive_as_they_were():
    tensors = [
        torch.randn(3, 4).t(),
        torch.randn(2, 0, 3),
        torch.tensor(1.5, requires_grad=True),
        torch.arange(5).bfloat16(),
        torch.randn(4).to(torch.float8_e4m3fn),
        torch.tensor([True, False]),
    ]
    for before, after in zip(tensors, loads(dumps(tensors))):
        assert (after.dtype, after.requires_grad) == (before.dtype, before.requires_grad)
        assert after.stride() == before.stride() and torch.equal(after.float(), before.float())


def test_tensors_that_share_memory_share_it_there():
    whole = torch.arange(12.0).view(3, 4)
    x, left, right = loads(dumps((whole, *whole.chunk(2, dim=1))))
    right.zero_()
    assert x.tolist() == [[0, 1, 0, 0], [4, 5, 0, 0], [8, 9, 0, 0]] and left.sum() == 27
    assert whole[0, 3] == 3, "but not with the ones here"


def test_each_kind_is_what_it_says():
    assert call_in_child("compile", interprets, (), {}, limit=60.0, name="") is False
    assert run_interpreted(interprets) is True


def test_one_that_does_not_end_is_ended_and_the_next_call_works():
    with pytest.raises(TimeoutError, match=r"forever took longer than 0[.]2 s"):
        run_interpreted(forever, limit=0.2)
    assert not _workers["interpret"].process
    run_interpreted(process_id, limit=20.0)  # counted from when the next process has started
    with pytest.raises(ChildError, match=r"crash ended without an answer \(status -9"):
        run_interpreted(crash)


def test_they_end_with_a_parent_that_is_killed():
    script = """
        from lib.kernels.child import Worker
        import os
        worker = Worker("interpret")
        worker.start()
        print(worker.process.pid, flush=True)
        os.kill(os.getpid(), 9)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    made = subprocess.run(command, capture_output=True, text=True, timeout=60)
    worker = int(made.stdout)
    for _ in range(100):
        if not psutil.pid_exists(worker) or psutil.Process(worker).status() == "zombie":
            return
        time.sleep(0.1)
    psutil.Process(worker).kill()
    pytest.fail("the worker was still there after 10 s")
