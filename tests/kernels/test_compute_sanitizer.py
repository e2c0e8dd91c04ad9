"""Nvidia's own checkers over every kernel, on a GPU where they are installed.

compute-sanitizer comes with the CUDA toolkit. memcheck sees accesses outside of allocations,
racecheck threads of one program that meet in shared memory, which no interpreter has.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lib.kernels.language import has_triton, interprets

CHECKER = shutil.which("compute-sanitizer")
FOUND = 86  # the status that the checker ends with when it has something to say
ON_GPU = torch.cuda.is_available() and has_triton() and not interprets()

pytestmark = [
    *([pytest.mark.gpu] if ON_GPU else []),
    pytest.mark.skipif(not ON_GPU, reason="there is no GPU"),
    pytest.mark.skipif(CHECKER is None, reason="compute-sanitizer is not installed"),
]

SCRIPT = """
import importlib, sys, torch
sys.path.insert(0, {folder!r})
torch.set_default_device("cuda")
from test_no_races import RUNS
for name, run in RUNS.items():
    print(name, flush=True)
    run(importlib.import_module(f"lib.kernels.{{name}}"))
    torch.cuda.synchronize()
"""


@pytest.mark.parametrize("tool", ["memcheck", "racecheck"])
def test_it_has_nothing_to_say(tool):
    script = SCRIPT.format(folder=str(Path(__file__).parent))
    options = ["--tool", tool, "--error-exitcode", str(FOUND)]
    command = [CHECKER, *options, sys.executable, "-c", script]
    made = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    assert made.returncode == 0, (made.stdout + made.stderr)[-3000:]
