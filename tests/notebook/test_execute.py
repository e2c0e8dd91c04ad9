"""Running notebooks in real kernels: outputs, measurements, failures, and nothing left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from scratch_notebooks import notebook

from lib.notebook.execute import execute, slowest

CHILD = "import time; block = bytearray(120_000_000); time.sleep(100)"


def stored(folder: Path, *sources: str) -> Path:
    path = folder / "scratch.ipynb"
    nbformat.write(notebook(*sources), path)
    return path


def test_a_good_run(tmp_path):
    path = stored(
        tmp_path,
        "import os, sys, time; time.sleep(0.3)",
        "print(sys.executable, os.environ['PYTHONHASHSEED'], os.environ['LECTURES_OFFLINE'])",
        "os.getcwd()",
        f"import subprocess\nworker = subprocess.Popen([sys.executable, '-c', {CHILD!r}])",
        "time.sleep(0.8); worker.pid",
    )
    before = path.read_bytes()
    ended = []
    run = execute(path, on_cell=ended.append)
    cells = [cell for cell in run.notebook.cells if cell.cell_type == "code"]
    assert run.error == ""
    assert ended == [cell.id for cell in cells] == list(run.cell_seconds)
    assert cells[1].outputs[0].text == f"{sys.executable} 0 1\n"  # this Python, guarded
    assert cells[2].outputs[0].data["text/plain"] == repr(str(tmp_path))
    assert slowest(run)[0] == "code-4" and 0.8 <= slowest(run)[1] < run.seconds
    assert run.peak_bytes > 120_000_000  # the worker counts
    assert not psutil.pid_exists(int(cells[4].outputs[0].data["text/plain"]))  # and is gone
    assert path.read_bytes() == before


def test_the_failing_cell_is_shown_with_its_traceback(tmp_path):
    run = execute(stored(tmp_path, "x = 0", "def f():\n    return 1 / x", "f()", "x = 1"))
    assert "Cell 'code-2', number 6 of 8:\n\n    f()\n" in run.error
    assert "ZeroDivisionError" in run.error and "return" in run.error
    assert list(run.cell_seconds) == ["code-0", "code-1", "code-2"]


def test_a_cell_that_never_ends_is_stopped(tmp_path):
    path = stored(tmp_path, "import time", "time.sleep(100)")
    nb = nbformat.read(path, 4)
    nb.metadata.execution = {"timeout": 1}
    nbformat.write(nb, path)
    run = execute(path)
    assert "'code-1'" in run.error and "longer than 1 s" in run.error
    assert run.seconds < 30


def test_a_dead_kernel_is_called_so(tmp_path):
    run = execute(stored(tmp_path, "import os; os._exit(1)"))
    assert "'code-0'" in run.error and "kernel died" in run.error


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals between processes")
def test_an_interruption_ends_the_kernel_and_runs_no_other_lecture(tmp_path):
    started = tmp_path / "started"
    source = (
        f"import os, pathlib, time\npathlib.Path({str(started)!r}).write_text(str(os.getpid()))"
    )
    path = stored(tmp_path, source, "time.sleep(100)")
    command = [sys.executable, "-m", "lib.notebook.lectures", str(path), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 40
        while not (started.exists() and started.read_text()) and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"Traceback" not in err and b"lecture" not in out
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(started.read_text())).wait(timeout=5)
