"""Shared code of the lectures: one package per topic, one concept per file.

Reading order for what exists today: `tokenization`, `corpora`, `tensors`, `model`, `training`, then
`pretrained`, `kernels` and `parallel`.
`notebook` holds what only the lectures use, `grading` what only the assignments use; `assets` holds
tables of facts with their sources and measured results.

This file does one piece of work at import: where there is no GPU it chooses Triton's interpreter,
because that choice only counts if it is made before anything imports triton.
"""

import os
import shutil
from pathlib import Path


def has_gpu() -> bool:
    """Whether a GPU driver is present, found out without importing torch (which takes a second)."""
    nodes = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")  # Linux, Windows' Linux, AMD
    return any(Path(node).exists() for node in nodes) or shutil.which("nvidia-smi") is not None


if not has_gpu():
    os.environ.setdefault("TRITON_INTERPRET", "1")
