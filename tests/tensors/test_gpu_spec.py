"""What is known of GPUs, against the table of the facts."""

import pytest

from lib.tensors.gpu_spec import GPUSpec, gpu_spec, gpu_specs
from lib.tensors.hardware import hardware


def test_an_a100():
    spec = gpu_spec("A100 80GB")
    assert (spec.multiprocessors, spec.shared_bytes, spec.registers) == (108, 164 * 1024, 65536)
    assert spec.warps == 64
    assert spec.register_bytes == 256 * 1024


def test_same_numbers_as_the_hardware():
    for name, spec in gpu_specs().items():
        assert spec.bandwidth == hardware(name).bandwidth
        assert spec.memory_bytes == hardware(name).memory_bytes


def test_incomplete_rows_are_missing():
    assert {"A100 80GB", "H100", "B200"} <= gpu_specs().keys()
    with pytest.raises(LookupError, match=r"no complete row for a GPU 'RTX 4090'.*GPUSpec of your"):
        gpu_spec("RTX 4090")
    assert GPUSpec("toy", 4, 1024, 4096, 1e9).warps == 64
