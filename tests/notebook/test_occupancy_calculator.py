"""The calculator's words and first picture."""

import re

import pytest

from lib.notebook.occupancy_calculator import Needs, occupancy_calculator, sentence
from lib.tensors.gpu_spec import gpu_spec


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        (Needs(256, 64, 0), "4 blocks, 32 of 64 warps (50%): the limit is registers"),
        (Needs(1024, 32, 0), "2 blocks, 64 of 64 warps (100%): the limit is threads"),
        (Needs(32, 32, 0), "32 blocks, 32 of 64 warps (50%): the limit is blocks"),
        (Needs(128, 64, 200_000), "1 block, 4 of 64 warps (6%): the limit is shared memory"),
        (Needs(1024, 255, 0), "Not even one block fits: too much registers"),
    ],
)
def test_what_fits(needs, said):
    assert sentence(needs, gpu_spec("H100")) == said


def test_the_picture_stays_where_scripts_do_not_run():
    shown = occupancy_calculator(threads=256, registers=64)
    open_part = shown.html.partition("<script>")[0]
    assert "4 blocks, 32 of 64 warps (50%)" in open_part and "<input" not in open_part
    assert re.findall(r'class="number">(\d+)<', open_part) == ["8", "32", "4", "6"]
    filled = re.findall(r'fill="(#\w+)"[^>]*class="warp"', open_part)
    assert len(filled) == 64 and len(set(filled[:32]) & set(filled[32:])) == 0
    assert len(shown.html) < 20_000
