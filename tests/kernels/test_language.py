"""Where Triton is missing, everything can be imported, and only launching a kernel is refused."""

import subprocess
import sys
from pathlib import Path

import lib.kernels

PROGRAM = """
import sys
sys.modules["triton"] = None  # what importing it finds on macOS and Windows: nothing
import importlib, pkgutil, torch
import lib.kernels
for module in pkgutil.iter_modules(lib.kernels.__path__):
    if module.name not in NEED_TRITON:
        importlib.import_module("lib.kernels." + module.name)
from lib.kernels.backend import backend
from lib.kernels.gelu import gelu, gelu_kernel
from lib.kernels.language import NoTriton
x = torch.ones(3)
print(gelu(x).shape)
for refused in (lambda: gelu_kernel[(1,)](x, x, 3, BLOCK=4), lambda: inside(gelu, x)):
    try:
        refused()
    except NoTriton as error:
        print(error)
"""
INSIDE = """
def inside(op, x):
    with backend("kernel"):
        op(x)
"""
NEED_TRITON = {"recorder", "child_main"}  # imported where Triton was found; a program of its own


def test_without_triton():
    assert {path.stem for path in Path(lib.kernels.__path__[0]).glob("*.py")} > NEED_TRITON
    done = subprocess.run(
        [sys.executable, "-c", INSIDE + PROGRAM.replace("NEED_TRITON", repr(NEED_TRITON))],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("torch.Size([3])")
    assert done.stdout.count("wheels for Linux only") == 2
