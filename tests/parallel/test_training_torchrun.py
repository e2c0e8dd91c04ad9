"""torchrun: a process is killed and all go on, and two machines train one model.

The machines are network namespaces: each has interfaces and addresses of its own, and a cable
(a pair of virtual ones) between them. In float64; tolerances as in test_training_mesh.py.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_run import tiny_config

from lib.training.checkpoint import load_latest
from lib.training.config import MeshConfig
from lib.training.log import read_log
from lib.training.loop import drain
from lib.training.run import start
from lib.training.settings import to_toml

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

CLOSE = {"rtol": 0, "atol": 1e-9}
LIMIT = 240  # seconds, for a machine that is very busy
TORCHRUN = [sys.executable, "-m", "torch.distributed.run"]


def config(folder, steps, mesh=None):
    base = tiny_config(folder, steps=steps, save_every=4, eval_every=steps)
    model = replace(base.model, dtype="float64", compute_dtype="float64")
    return replace(base, model=model, mesh=MeshConfig(**mesh or {}))


def written(folder: Path, config) -> Path:
    path = folder / "config.toml"
    path.write_text(to_toml(config), encoding="utf-8", newline="\n")
    return path


@contextmanager
def started(command, **environment):
    """A process with all that it starts; nobody outlives the block, whatever happens in it."""
    process = subprocess.Popen(
        command,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        for pid in [process.pid, *descendants(process.pid)]:
            try_to_kill(pid)
        process.communicate()


def try_to_kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    """The processes below one, read from /proc."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it may just have ended
            state = (entry / "stat").read_text().rpartition(")")[2].split()
            parents[int(entry.name)] = int(state[1])
    found = [pid]
    for parent in found:
        found += [child for child, its_parent in parents.items() if its_parent == parent]
    return found[1:]


def kill_after_checkpoint(rank: int, folder: Path, *torchruns) -> int:
    """Two steps after the second checkpoint, in the middle of a step; returns the last one."""
    wait_until(lambda: last_step(folder) >= 10 or any(run.poll() is not None for run in torchruns))
    os.kill(of_rank(rank, *torchruns), signal.SIGKILL)
    return last_step(folder)


def of_rank(rank: int, *torchruns) -> int:
    """The process that one of them has started as that rank."""
    for pid in (pid for torchrun in torchruns for pid in descendants(torchrun.pid)):
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        if f"RANK={rank}".encode() in environment:
            return pid
    raise AssertionError(f"no process has rank {rank}")


def last_step(folder: Path) -> int:
    lines = read_log(folder / "log.jsonl")
    return lines[-1]["step"] if lines else 0


def assert_same(folder: Path, whole: Path) -> None:
    logs = [read_log(each / "log.jsonl") for each in (folder, whole)]
    for name in ("step", "loss", "norm", "tokens"):
        found, wanted = ([record[name] for record in log] for log in logs)
        assert found == pytest.approx(wanted, abs=1e-9)
    a, b = (load_latest(each / "checkpoints") for each in (folder, whole))
    assert a.step == b.step
    torch.testing.assert_close(a.weights, b.weights, **CLOSE)


def alone(folder: Path, steps: int) -> Path:
    drain(start(config(folder, steps)).steps(), steps, progress=False)
    return folder


def test_a_killed_process_costs_only_the_steps_since_the_checkpoint(tmp_path):
    steps, folder = 60, tmp_path / "run"
    file = written(tmp_path, config(folder, steps, {"shard": -1}))
    torchrun = [*TORCHRUN, "--standalone", "--nproc-per-node=2", "--max-restarts=1"]
    with started([*torchrun, "-m", "lib.training", "train", file]) as process:
        killed_at = kill_after_checkpoint(1, folder, process)
        said, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, said
    assert killed_at < steps
    assert f"parameters, step 0 of {steps}" in said
    again = [f"parameters, step {step} of {steps}" for step in range(8, killed_at + 2, 4)]
    assert any(line in said for line in again), said
    assert_same(folder, alone(tmp_path / "whole", steps))


def wait_until(condition):
    ends = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


@contextmanager
def two_machines():
    """Two network namespaces with a cable between them; names and addresses of the ends."""
    tag = f"{os.getpid():x}"
    ends = [(f"lab{tag}a", f"va{tag}", "10.213.77.1"), (f"lab{tag}b", f"vb{tag}", "10.213.77.2")]
    with ExitStack() as cleaning:
        for name, _, _ in ends:
            try:
                ip("netns", "add", name)
            except (OSError, subprocess.CalledProcessError):
                pytest.skip("network namespaces need root and iproute2 on Linux (ip netns add)")
            cleaning.callback(ip, "netns", "delete", name)
        (one, cable, _), (other, its_cable, _) = ends
        ip("link", "add", cable, "netns", one, "type", "veth", "peer", its_cable, "netns", other)
        for name, cable, address in ends:
            ip("-n", name, "address", "add", f"{address}/24", "dev", cable)
            ip("-n", name, "link", "set", cable, "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield ends


def test_two_machines_train_one_model_and_survive_a_kill(tmp_path):
    """One process on each. Both begin again, although only one torchrun counts a restart."""
    steps, folder = 40, tmp_path / "run"
    file = written(tmp_path, config(folder, steps, {"data": -1}))
    with two_machines() as ends, ExitStack() as running:
        processes = []
        for number, (name, cable, address) in enumerate(ends):
            torchrun = ["ip", "netns", "exec", name, *TORCHRUN, "--nnodes=2", "--nproc-per-node=1"]
            torchrun += ["--max-restarts=1"]
            torchrun += ["--rdzv-backend=c10d", f"--rdzv-endpoint={ends[0][2]}:29400"]
            # By the name of this machine, torchrun would not find out that the address is its own.
            torchrun += [f"--rdzv-conf=is_host={number == 0}", f"--local-addr={address}"]
            guard = {"PYTHONPATH": ""}  # the tests' own, which knows this machine's addresses alone
            command = [*torchrun, "-m", "lib.training", "train", file]
            # Without the name, gloo would take the address of the machine's name, too.
            process = started(command, GLOO_SOCKET_IFNAME=cable, **guard)
            processes.append(running.enter_context(process))
        assert kill_after_checkpoint(1, folder, *processes) < steps
        for process in processes:
            said, _ = process.communicate(timeout=LIMIT)
            assert process.returncode == 0, said
    assert_same(folder, alone(tmp_path / "whole", steps))
