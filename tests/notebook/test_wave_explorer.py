"""Waves to explore: the sentence, by hand, and what stays without scripts."""

import json
import re

import matplotlib.pyplot as plt
import pytest

from lib.notebook.wave_explorer import ROWS, sentence, wave_explorer, wave_picture
from lib.tensors.gpu_spec import GPUSpec

SMALL = GPUSpec("small", multiprocessors=3, shared_bytes=1, l2_bytes=1, bandwidth=1.0)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_the_sentence_by_hand():
    # 5 = 3 + 2 tiles along a side of 10 with tiles of 4 x 2: 3 x 5 = 15 tiles, 5 waves of 3
    full = "N = 10: 15 tiles in 5 waves, the last with 3 of 3: 83.3% of the arithmetic is used"
    assert sentence(SMALL, 10, (4, 2)) == full  # 100 of 120
    one = "N = 4: 1 tile in 1 wave, the last with 1 of 3: 33.3% of the arithmetic is used"
    assert sentence(SMALL, 4, (4, 4)) == one


def test_the_picture_stays_where_scripts_do_not_run():
    shown = wave_explorer(SMALL, 100, (64, 64), most=256)
    open_part = shown.html.partition("<script>")[0]
    assert 'alt="Left: the blocks' in open_part and "<input" not in open_part
    assert sentence(SMALL, 100, (64, 64)) in shown.text
    data = json.loads(re.search(r"inks } = (\{.*\});", shown.html)[1])
    assert data["processors"] == 3 and data["start"] == [100, 0]
    assert len(shown.html) < 60_000


def test_of_many_waves_the_middle_is_left_out():
    ax = wave_picture(SMALL, 700, (64, 64), most=1000)  # 121 tiles, 41 waves
    names = [t.get_text() for t in ax.figure.axes[0].get_yticklabels()]
    assert len(names) == ROWS and names[-2:] == ["…", "wave 41"]
