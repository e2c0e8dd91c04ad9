"""The set-up cell where the course is not installed: a reader sees the command that helps."""

import os
import subprocess
import sys
import sysconfig

from lib.notebook.hygiene import SETUP_CELL

SHELL = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance(colors="nocolor")
result = shell.run_cell(sys.argv[1])
sys.exit(0 if result.success else 1)
"""


def test_without_lib_the_error_shows_the_way_out(tmp_path):
    """-S leaves out what makes `lib` importable, PYTHONPATH brings IPython back."""
    packages = sysconfig.get_paths()["purelib"]
    shown = subprocess.run(
        [sys.executable, "-S", "-c", SHELL, SETUP_CELL],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": packages, "IPYTHONDIR": str(tmp_path)},
    )
    assert shown.returncode == 1
    assert "No module named 'lib'" in shown.stdout.splitlines()[-1]
    assert "run  python run.py lab  in the course folder" in shown.stdout


def test_with_lib_the_cell_loads_the_extension(tmp_path):
    shown = subprocess.run(
        [sys.executable, "-c", SHELL, SETUP_CELL],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=tmp_path,
        env={**os.environ, "IPYTHONDIR": str(tmp_path)},
    )
    assert (shown.returncode, shown.stdout) == (0, ""), shown.stderr
