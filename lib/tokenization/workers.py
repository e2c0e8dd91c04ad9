"""A function applied to many tasks by several processes, the results in the order of the tasks.

Processes are started afresh (by a fork server, or by spawn where there is none) and never by
copying this one: a copy of a process that runs threads, as torch's does, may hang. So the function
has to live in a module, and a script that uses several processes needs the usual
`if __name__ == "__main__":` around its top level. A notebook needs nothing.
"""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import chain, islice
from multiprocessing.context import BaseContext
from typing import Any, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


def ordered_map(
    function: Callable[[Task], Result], tasks: Iterable[Task], n_processes: int | None = None
) -> Iterator[Result]:
    """`map(function, tasks)`. The function is sent to every process once, so it may hold a lot.

    With one process, or one task, everything happens here: to start others takes some tenths of a
    second. Tasks are taken only as far ahead as it needs to keep all busy: memory stays bounded.
    """
    n_processes = number_of_processes(n_processes)
    tasks = iter(tasks)
    first = list(islice(tasks, 2))
    if n_processes == 1 or len(first) < 2:
        yield from map(function, chain(first, tasks))
        return
    with ProcessPoolExecutor(n_processes, _context(), _receive, (function,)) as pool:
        waiting = deque(pool.submit(_apply, task) for task in first)
        try:
            for task in tasks:
                waiting.append(pool.submit(_apply, task))
                if len(waiting) > 2 * n_processes:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:  # a task failed, or nobody wants the rest
            for future in waiting:
                future.cancel()


def number_of_processes(n_processes: int | None) -> int:
    """How many to use: one for each processor of this machine if None."""
    if n_processes is None:
        return os.cpu_count() or 1
    if n_processes < 1:
        raise ValueError(
            f"Somebody has to do the work, and n_processes is {n_processes}. "
            "Use 1 for this process alone, or None for one process per processor."
        )
    return n_processes


def _context() -> BaseContext:
    methods = multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")


# In the worker processes

_function: Callable[[Any], Any]


def _receive(function: Callable[[Any], Any]) -> None:
    global _function
    _function = function
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    """Where the parent was killed, nobody says that there will be no more tasks."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _apply(task: Any) -> Any:
    return _function(task)
