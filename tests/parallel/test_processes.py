"""Where launch is called from: a cell, a script, torchrun; and that nobody stays behind."""

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from lib.parallel.launch import launch
from lib.parallel.pool import end_ranks, the_pool

LIMIT = 240  # seconds, for a machine that is very busy

SCRIPT = """
import sys
import torch
from lib.parallel.launch import launch

class Answer:
    def __init__(self, rank, total):
        self.rank, self.total = rank, total

def program(comm, x, power):
    sys.stdout.write(f"in rank {comm.rank}\\n")  # at once: under torchrun ranks share a pipe
    return Answer(comm.rank, comm.all_reduce(x + comm.rank) ** power)

answers = launch(program, 2, torch.ones(3), power=2)
assert [type(a) is Answer for a in answers] == [True, True]
sys.stdout.write(f"{[(a.rank, a.total.tolist()) for a in answers]}\\n")
"""
SAID = "[(0, [9.0, 9.0, 9.0]), (1, [9.0, 9.0, 9.0])]"

CELLS = [
    """
    import torch
    from torch import nn
    from lib.parallel.launch import launch

    WIDTH = 3

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(WIDTH, WIDTH)

        def forward(self, x):
            return self.linear(x)
    """,
    """
    def halve(x):
        return x / 2

    def step(comm, layer):
        print("rows of", comm.rank)
        x = torch.ones(2, WIDTH) * (comm.rank + 1)
        halve(layer(x).sum()).backward()
        return comm.all_reduce(layer.linear.weight.grad)[0].tolist()

    launch(step, 2, Layer())
    """,
    """
    def halve(x):
        return x / 4

    launch(step, 2, Layer())
    """,
    """
    def wrong(comm):
        return [1, 2][comm.rank + 1]

    try:
        launch(wrong, 2)
    except RuntimeError as error:
        print(error)
    """,
]


def test_cells_of_a_notebook(tmp_path):
    import nbformat  # here, as ranks import this module
    from nbclient import NotebookClient

    cells = [nbformat.v4.new_code_cell(textwrap.dedent(cell).strip()) for cell in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=LIMIT, resources={"metadata": {"path": tmp_path}}).execute()
    said = [
        "".join(o.get("text", "") or o["data"]["text/plain"] for o in cell.outputs)
        for cell in notebook.cells
    ]
    assert said[1] == "rank 0: rows of 0\nrank 1: rows of 1\n[[3.0, 3.0, 3.0], [3.0, 3.0, 3.0]]"
    assert said[2].endswith("[[1.5, 1.5, 1.5], [1.5, 1.5, 1.5]]")  # the new definition counts
    assert said[3].startswith("Rank 1 of 2 failed: IndexError")
    assert "return [1, 2][comm.rank + 1]" in said[3]  # the line of the cell


@pytest.fixture
def script(tmp_path) -> Path:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT, encoding="utf-8")
    return path


def output(*command) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_torchrun_runs_the_same_script(script):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    lines = output(*torchrun, script)
    assert sorted(lines) == [SAID, SAID, "in rank 0", "in rank 1"]


ENDLESS = """
import os, pathlib
from lib.parallel.pool import the_pool

def endless(comm, folder):
    pathlib.Path(folder, f"rank {comm.rank}").write_text(str(os.getpid()))
    while comm.rank == 0:
        pass
    comm.barrier()

print(the_pool().starter.process.pid, the_pool().folder, flush=True)
launch(endless, 2, FOLDER)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_script_needs_no_guard_and_nobody_outlives_it(script, tmp_path):
    endless = ENDLESS.replace("FOLDER", repr(str(tmp_path)))
    script.write_text(SCRIPT + endless, encoding="utf-8")
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        lines = [parent.stdout.readline().strip() for _ in range(4)]
        assert lines[:3] == ["rank 0: in rank 0", "rank 1: in rank 1", SAID]
        files = [tmp_path / "rank 0", tmp_path / "rank 1"]
        wait_until(lambda: all(file.exists() and file.read_text() for file in files))
        server, folder = lines[3].split(maxsplit=1)
        processes = [int(server), *(int(file.read_text()) for file in files)]
        assert all(map(runs, processes)) and Path(folder).is_dir()
        parent.kill()
    wait_until(lambda: not any(map(runs, processes)))
    assert not Path(folder).exists()


def wait_until(condition):
    ends = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.05)


def runs(pid: int) -> bool:
    """Neither gone nor a zombie, which only waits for somebody to ask how it ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_ranks_end_when_their_server_is_killed_and_new_ones_start():
    first = launch(process_of, 2)
    the_pool().starter.process.kill()
    the_pool().starter.process.wait()
    assert set(first).isdisjoint(launch(process_of, 2))
    wait_until(lambda: not any(map(runs, first)))


def process_of(comm):
    return os.getpid()


def test_ranks_can_be_spawned_where_there_is_no_fork(monkeypatch):
    end_ranks()
    monkeypatch.setattr("lib.parallel.pool.FORKS", False)
    first = launch(process_of, 1)
    assert launch(process_of, 1) == first and os.getpid() not in first
    end_ranks()
    wait_until(lambda: not any(map(runs, first)))
