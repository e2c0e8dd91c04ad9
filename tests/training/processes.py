"""Runs in processes of their own, for test_processes.py: `python processes.py FOLDER`.

It is a script because processes start at once only from a fork server that has imported torch, and
pytest's own fork server belongs to all tests.
"""

import json
import multiprocessing
import os
import random
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

N_KILLS = 5


def run_command(arguments: list[str], quiet: bool = True) -> None:
    """The command line of lib.training, as a process runs it."""
    from lib.training.__main__ import main

    if quiet:
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115, to the process's end
    sys.exit(main(arguments))


def one_of_two(rank: int, folder: str) -> None:
    """A rank of two, which meets the other through a file."""
    import test_ranks
    import torch
    import torch.distributed as dist

    from lib.training.ranks import Ranks

    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{folder}/meeting", rank=rank, world_size=2)
    ranks = Ranks(rank, 2)
    agreed = [ranks.agree(rank == 0), ranks.agree(True)]
    torch.save((*test_ranks.train(ranks), agreed), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def started(target, *arguments) -> BaseProcess:
    context = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")
    if sys.platform != "win32":
        context.set_forkserver_preload(["lib.training.__main__", "torch._dynamo", "test_ranks"])
    process = context.Process(target=target, args=arguments)
    process.start()
    return process


def last_step(folder: Path) -> int:
    """The last step that the log has, read without torch."""
    path = folder / "log.jsonl"
    lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
    return json.loads(lines[-1])["step"] if lines else 0


def kill_and_resume(folder: Path, seconds: float) -> list[int]:
    """Start killed.toml, kill it again and again while it trains, and let it end at last."""
    run, moments, killed_at = folder / "killed", random.Random(0), []
    process = started(run_command, ["train", str(folder / "killed.toml")])
    while len(killed_at) < N_KILLS:
        began = last_step(run)
        while process.is_alive() and last_step(run) <= began:
            time.sleep(0.002)
        time.sleep(moments.uniform(0, seconds / N_KILLS))
        process.kill()
        process.join()
        if process.exitcode == 0:
            return killed_at  # it was done before the kill
        killed_at.append(last_step(run))
        process = started(run_command, ["resume", str(run)])
    process.join()
    assert process.exitcode == 0
    return killed_at


def all_of_it(folder: Path) -> None:
    begin = time.perf_counter()
    whole = started(run_command, ["train", str(folder / "whole.toml")])
    ranks = [started(one_of_two, rank, str(folder)) for rank in range(2)]
    for process in (whole, *ranks):
        process.join()
        assert process.exitcode == 0, process.exitcode
    lines = (folder / "whole" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    seconds = json.loads(lines[-1])["seconds"]
    killed_at = kill_and_resume(folder, seconds)
    content = {"killed_at": killed_at, "whole": seconds, "all": time.perf_counter() - begin}
    (folder / "report.json").write_text(json.dumps(content), encoding="utf-8")


if __name__ == "__main__":
    all_of_it(Path(sys.argv[1]))
