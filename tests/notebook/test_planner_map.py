"""The map of a plan: a cell for every pair, the best of it, and what does not fit."""

import re
from dataclasses import replace

import pytest

from lib.model.config import ModelConfig
from lib.notebook.planner_map import planner_map
from lib.parallel.cluster import cluster
from lib.parallel.planner import plan

CONFIG = ModelConfig(1000, 64, 6, 96, 6)
SMALL = replace(cluster("H100", 16), memory_bytes=2_500_000)


@pytest.fixture(scope="module")
def found():
    return plan(CONFIG, SMALL, 16, 64)


def test_cells_show_the_best_and_the_shortage(found):
    drawing = planner_map(found, title="A map")
    best = found.best
    assert f">{best.mfu:.1%}<" in drawing.html
    assert f"tp {best.layout.tp} and pp {best.layout.pp}, with {best.mfu:.1%}" in str(drawing)
    rows = {e.layout.tp for e in [*found.fitting, *found.rejected]}
    columns = {e.layout.pp for e in [*found.fitting, *found.rejected]}
    cells = re.findall(r'<rect [^>]*width="9[24]"', drawing.html)
    assert len(cells) == len(rows) * len(columns) == 6
    assert ">needed<" in drawing.html  # one rank alone holds too much


def test_a_published_layout_is_framed(found):
    plain = planner_map(found, title="A map").html
    framed = planner_map(found, title="A map", mark=found.best.layout).html
    assert "published" not in plain and "Framed: the published layout" in framed
    assert framed.count('stroke-width="3.5"') == 1


def test_other_axes(found):
    page = planner_map(found, title="A map", rows="zero", columns="dp").html
    assert "ZeRO stage" in page and "data ranks" in page


def test_an_empty_plan_is_refused(found):
    with pytest.raises(ValueError, match="no layouts"):
        planner_map(replace(found, fitting=[], rejected=[]), title="A map")
