"""The table of kernels: real ones on a CPU, and what a GPU's profiler would say."""

from types import SimpleNamespace

import pytest
import torch

from lib.tensors.profiling import profile_table, rows

CPU, CUDA = torch.autograd.DeviceType.CPU, torch.autograd.DeviceType.CUDA


def test_the_longest_comes_first():
    x, calls = torch.randn(300, 300), []

    def work():
        calls.append(len(calls))
        for _ in range(3):
            x @ x
        return x.exp()

    table = profile_table(work)
    assert len(calls) == 2, "once for nothing"
    by_name = {row["name"]: row for row in table}
    assert by_name["aten::mm"]["calls"] == 3 and by_name["aten::exp"]["calls"] == 1
    shares = [row["share"] for row in table]
    assert shares == sorted(shares, reverse=True) and sum(shares) == pytest.approx(1, abs=0.1)
    assert table[0]["seconds"] > 0
    assert len(profile_table(work, k=1)) == 1


def test_on_a_gpu_only_its_own_kernels_count():
    def event(key, device, count, cpu, gpu):
        return SimpleNamespace(
            key=key,
            device_type=device,
            count=count,
            self_cpu_time_total=cpu,
            self_device_time_total=gpu,
        )

    events = [event("aten::mm", CPU, 3, 900.0, 0.0), event("gelu_kernel", CUDA, 1, 0.0, 10.0)]
    events += [event("gemm", CUDA, 3, 0.0, 30.0), event("Context Sync", CUDA, 1, 5.0, 0.0)]
    assert rows(events, 10) == [
        {"name": "gemm", "calls": 3, "seconds": pytest.approx(30e-6), "share": 0.75},
        {"name": "gelu_kernel", "calls": 1, "seconds": pytest.approx(10e-6), "share": 0.25},
    ]
