"""The drawing of the three cuts: everything is kept by somebody, once or by all."""

import pytest

from lib.notebook.cuts_view import three_cuts
from lib.notebook.rank_cells import TINT, rank_colour
from lib.notebook.time_lanes import tinted


@pytest.mark.parametrize(("n", "layers"), [(2, 4), (3, 6)])
def test_every_rank_has_its_share(n, layers):
    shown = three_cuts(n, layers)
    for rank in range(n):
        parts = shown.html.count(tinted(rank_colour(rank), TINT))
        assert (
            parts == layers + 1 + layers + layers // n + 1
        )  # a copy, rows; parts; own layers; key
    assert shown.html.count(">all rows") == 2 and shown.html.count(">its rows") == n
    assert shown.html.count(f">layer {layers}</text>") == n + 2
    assert f"{layers} layers and a batch cut over {n} ranks" in shown.text
