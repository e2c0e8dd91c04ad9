"""The walk through tiles counts what the counting arrays count."""

import numpy as np
import pytest

from lib.notebook.tile_walk import tile_walk, walk
from lib.tensors.counting import CountingArray, naive_matmul, tiled_matmul


@pytest.mark.parametrize(("N", "T"), [(6, 2), (7, 3), (5, 1), (4, 4)])
def test_as_many_numbers_as_the_arrays_count(N, T):
    last = list(walk(N, T))[-1]
    arrays = [CountingArray(np.ones((N, N))) for _ in range(4)]
    tiled_matmul(*arrays[:2], T)
    naive_matmul(*arrays[2:])
    assert last.loaded == arrays[0].reads + arrays[1].reads
    assert 2 * last.multiplied == arrays[2].reads + arrays[3].reads
    assert last.done == last.n_tiles**2


def test_the_last_step_stays_where_scripts_do_not_run():
    shown = tile_walk(4, 2, shared_bytes=1000)
    open_part = shown.html.partition("<script>")[0]
    assert "A(1, 1) and B(1, 1) come in" in open_part
    assert "32 bytes of 1,000 (3.2%)" in open_part and ">64</text>" in open_part
    assert 'aria-label="Three matrices' in open_part and len(shown.html) < 30_000


def test_too_many_steps_are_refused():
    with pytest.raises(ValueError, match=r"7 x 7 x 7 = 343 steps"):
        tile_walk(14, 2)
