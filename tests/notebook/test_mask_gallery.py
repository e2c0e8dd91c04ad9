"""Pictures of masks show the masks they are given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from lib.model.attention import causal_mask
from lib.notebook.figures import alt_text
from lib.notebook.mask_gallery import mask_gallery, receptive_field
from lib.notebook.masks import document_mask, strided_mask


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_every_mask_has_its_panel():
    masks = {"full": causal_mask(5), "documents": document_mask([2, 3])}
    panels = mask_gallery(masks, title="Two", alt="Words.", no_positions={"full"})
    for panel, (name, mask) in zip(panels, masks.items(), strict=True):
        assert np.array_equal(panel.images[0].get_array(), mask.numpy())
        assert (panel.get_title(loc="left") or panel.get_title()) == name
    assert "1 to 5 keys per query,\n15 of 15 pairs" in panels[0].get_xlabel()
    assert "1 to 3 keys per query,\n9 of 15 pairs" in panels[1].get_xlabel()
    assert [len(panel.collections) for panel in panels] == [3, 2]  # hatched where no positions
    assert alt_text(panels[0]) == "Words."


def test_the_receptive_field_names_what_it_counts():
    masks = [strided_mask(9, 2)[:, :] & causal_mask(9), causal_mask(9).triu(-1)]
    ax = receptive_field(masks, alt="Words.")
    # the last two positions of layer 1, and what those see: 8, 7 and their even distances
    assert "sees 9 of 9 inputs" in (ax.get_title(loc="left") or ax.get_title())
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["input", "layer 1, 6 keys", "layer 2, 2 keys"]
    looks = [segment.tolist() for segment in ax.collections[1].get_segments()]
    assert looks == [[[7, 1], [8, 2]], [[8, 1], [8, 2]]]
