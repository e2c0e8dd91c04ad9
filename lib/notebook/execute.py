"""Run a notebook from top to bottom in a kernel of its own, without a browser.

Measures what a reader would notice: seconds of every cell, and the memory of the kernel with all of
its child processes. The kernel is this very Python, whatever kernels a user has installed.
"""

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import psutil
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbclient.output_widget import OutputWidget

# seconds; twice what any needs, as others may use the machine, too. A notebook that needs more says
# so in metadata.execution.timeout
CELL_TIMEOUT = 120

# nbclient imitates ipywidgets' Output by asking the kernel while it waits for it, and at times it
# misses the answer until the cell's timeout. Lectures use no Output; a stray one must not stall.
OutputWidget.sync_state = lambda self: None


@dataclass
class Run:
    """What happened when a notebook was run; `error` is a text for the reader, or empty."""

    notebook: nbformat.NotebookNode
    seconds: float = 0.0
    cell_seconds: dict[str, float] = field(default_factory=dict)  # by cell id
    peak_bytes: int = 0
    error: str = ""


def execute(path: Path, on_cell: Callable[[str], object] = lambda cell_id: None) -> Run:
    """Run the notebook at `path` in its own folder; the file stays as it is.

    `on_cell` is called with the id of every code cell that has ended.
    """
    run = Run(nbformat.read(path, as_version=4))
    client = _Client(run, on_cell, resources={"metadata": {"path": str(path.parent)}})
    began = time.perf_counter()
    try:
        asyncio.run(client.run_all())
    except CellExecutionError as error:
        run.error = _failure(client, _traceback(client) or error.traceback)
    except CellTimeoutError:
        run.error = _failure(client, f"This cell ran longer than {client.timeout} s.")
    except (DeadKernelError, asyncio.CancelledError):
        if client.interrupted:
            raise KeyboardInterrupt from None
        run.error = _failure(client, "The kernel died: perhaps the machine is out of memory.")
    run.seconds = time.perf_counter() - began
    return run


class _ThisPython(KernelSpecManager):
    """Knows a single kernel, whatever it is asked for: the Python that is running now."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        launch = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        launch += ["--log-level=CRITICAL"]  # else each start warns that loopback is not encrypted
        return KernelSpec(argv=launch, display_name="Python 3 (ipykernel)", language="python")


class _Client(NotebookClient):
    """nbclient's client, with our kernel, measurements, and an honest answer to Ctrl-C."""

    def __init__(self, run: Run, on_cell: Callable[[str], object], **options: Any) -> None:
        timeout = run.notebook.metadata.get("execution", {}).get("timeout", CELL_TIMEOUT)
        super().__init__(run.notebook, timeout=timeout, coalesce_streams=True, **options)
        self.run, self.report, self.cell_id, self.began = run, on_cell, "", 0.0
        self.interrupted = False
        self.on_cell_execute, self.on_cell_executed = self._cell_starts, self._cell_ends

    async def run_all(self) -> None:
        environment = {**os.environ, "PYTHONHASHSEED": "0", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
        await self.async_execute(env=environment)

    def create_kernel_manager(self) -> AsyncKernelManager:
        self.km = AsyncKernelManager(kernel_spec_manager=_ThisPython())
        return self.km

    async def async_start_new_kernel(self, **options: Any) -> None:
        """nbclient would answer Ctrl-C by stopping the kernel and blaming the cell for it."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def interrupt() -> None:
            self.interrupted = True
            task.cancel()

        with contextlib.suppress(NotImplementedError):  # Windows: asyncio itself cancels the task
            loop.add_signal_handler(signal.SIGINT, interrupt)
            loop.add_signal_handler(signal.SIGTERM, interrupt)
        await super().async_start_new_kernel(**options)

    async def async_start_new_kernel_client(self) -> AsyncKernelClient:
        self.memory = _PeakMemory(self.km.provisioner.process.pid)
        return await super().async_start_new_kernel_client()

    async def _async_cleanup_kernel(self) -> None:
        try:
            await super()._async_cleanup_kernel()
        finally:
            if hasattr(self, "memory"):
                self.run.peak_bytes = self.memory.stop()

    async def _cell_starts(self, cell: nbformat.NotebookNode, cell_index: int) -> None:
        self.cell_id, self.began = cell.get("id", str(cell_index)), time.perf_counter()

    async def _cell_ends(self, cell: nbformat.NotebookNode, **_: object) -> None:
        self.run.cell_seconds[self.cell_id] = time.perf_counter() - self.began
        self.report(self.cell_id)


class _PeakMemory:
    """Watches a process and its descendants from a thread: the highest sum of their memory.

    Counts resident memory, so pages that forked children share are counted once for each.
    """

    def __init__(self, pid: int, interval: float = 0.1) -> None:
        self.root, self.interval, self.peak = psutil.Process(pid), interval, 0
        self.family: set[psutil.Process] = {self.root}
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def stop(self) -> int:
        """Ends the watch and whatever the kernel has left running; returns the peak in bytes."""
        self.stopped.set()
        self.thread.join()
        for process in psutil.wait_procs(self.family, timeout=2)[1]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        return self.peak

    def _watch(self) -> None:
        while not self.stopped.wait(self.interval):
            with contextlib.suppress(psutil.NoSuchProcess):
                self.family.update(self.root.children(recursive=True))
            self.peak = max(self.peak, sum(_resident(process) for process in self.family))


def _resident(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return process.memory_info().rss
    return 0


def _failure(client: _Client, reason: str) -> str:
    """The failing cell as the reader would see it: where it is, its code, what went wrong."""
    ids = [cell.get("id", str(i)) for i, cell in enumerate(client.nb.cells)]
    if client.cell_id not in ids:
        return reason
    position = ids.index(client.cell_id)
    code = "\n".join(f"    {line}" for line in client.nb.cells[position].source.splitlines())
    where = f"Cell '{client.cell_id}', number {position + 1} of {len(ids)}:"
    return f"{where}\n\n{code}\n\n{reason}"


def _traceback(client: _Client) -> str:
    """IPython's own traceback of the cell that failed, without the wrapping that nbclient adds."""
    outputs = [o for cell in client.nb.cells for o in cell.get("outputs", [])]
    errors = ["\n".join(o.traceback) for o in outputs if o.output_type == "error"]
    return errors[-1] if errors else ""


def slowest(run: Run) -> tuple[str, float]:
    """Id and seconds of the cell that took longest."""
    return max(run.cell_seconds.items(), key=lambda item: item[1], default=("", 0.0))
