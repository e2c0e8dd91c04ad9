"""What only notebooks use. The first cell of every lecture is `%load_ext lib.notebook`.

Reading order: figures, colours, plots, timeline, seeds (pictures); tables, peek, record, source
(looking inside); expect, tiers, machine, forecast (numbers); step, widgets, frames (things to
move); block_diagram, masks, rope_clock, model_choices, model_explorer (architectures); svg,
wave_explorer, tile_walk, coalescing_painter, bank_grid, softmax_states (GPUs); program_map,
kernel_steps, occupancy_calculator, ptx_view (kernels); time_lanes, gantt, rank_cells,
collective_view, ring_view, tree_view, cuts_view (several processes); memory_bars, mesh_view,
planner_map (clusters); bytes_view, frontier_view, marked_words, funnel, licence_path (data).

Loading sets the figure style and the seeds, shows figures when a cell ends, and brings `%%step`.
"""

import importlib.util
import random
import sys
from pathlib import Path
from typing import Any

NEEDED = ("matplotlib", "numpy", "PIL", "pygments", "ipywidgets", "regex", "torch", "einops")
SEED = 0

_undo: list[Any] = []


def load_ipython_extension(ip: Any) -> None:
    """What `%load_ext lib.notebook` runs. A missing package is a UsageError: one sentence."""
    from IPython.core.error import UsageError

    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"Not installed here: {', '.join(missing)}. Close this notebook and run, in the course "
            "folder:  python run.py lab"
        )
    from lib.notebook.step import register

    _use_house_style(ip)
    _set_seeds(ip)
    register(ip)


def unload_ipython_extension(ip: Any) -> None:
    """What `%unload_ext` and `%reload_ext` run: style and hooks go, seeds stay set."""
    while _undo:
        _undo.pop()()


def _use_house_style(ip: Any) -> None:
    import matplotlib
    import matplotlib.style

    backend = matplotlib.get_backend(auto_select=False)
    before = {name: value for name, value in matplotlib.rcParams.items() if name != "backend"}
    matplotlib.use("module://lib.notebook.backend")
    matplotlib.style.use(Path(__file__).with_name("house.mplstyle"))
    from lib.notebook.backend import attach, detach

    cell_end = attach(ip)

    def restore() -> None:
        detach(ip, cell_end)
        matplotlib.rcParams.update(before)
        if "inline" in (backend or ""):  # what a kernel starts with; it brings its own hook
            ip.run_line_magic("matplotlib", "inline")

    _undo.append(restore)


def _set_seeds(ip: Any) -> None:
    """Python and NumPy now; torch, slow to import, before the first cell that finds it imported."""
    import numpy

    random.seed(SEED)
    numpy.random.seed(SEED)

    def seed_torch(_info: Any) -> None:
        if hasattr(torch := sys.modules.get("torch"), "manual_seed"):
            torch.manual_seed(SEED)
            stop()

    def stop() -> None:
        if seed_torch in ip.events.callbacks["pre_run_cell"]:
            ip.events.unregister("pre_run_cell", seed_torch)

    ip.events.register("pre_run_cell", seed_torch)
    _undo.append(stop)
