"""All ops under torch.compile: in one graph, with gradients, and with the same results."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from compiled_by_torch import CASES

from lib.kernels.language import has_triton

SCRIPT = Path(__file__).with_name("compiled_by_torch.py")


@pytest.fixture(scope="module")
def differences() -> dict[str, str]:
    if not has_triton():
        pytest.skip("Triton has no wheels for this system")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, SCRIPT], capture_output=True, text=True, env=environment, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", CASES)
def test_compiled_like_eager(differences, name):
    assert not differences[name], differences[name]
