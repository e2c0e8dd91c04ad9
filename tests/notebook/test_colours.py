"""Colours: seen by everyone, readable as text, and the same for the same concept."""

from itertools import combinations
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex

import lib.notebook
from lib.notebook.colours import (
    BLUE,
    CARD,
    CONCEPTS,
    CYCLE,
    ORANGE,
    colour,
    colours_for,
    concept_of,
    contrast,
    ink,
)

# Machado, Oliveira, Fernandes 2009, severity 1: linear RGB as seen without one kind of cone
SIGHTS = {
    "all cones": np.eye(3),
    "no red cones": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "no green cones": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "no blue cones": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def cielab(colour: str, sight: np.ndarray) -> np.ndarray:
    """CIE 1976 L*a*b* of a colour as it is seen."""
    srgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = to_xyz @ np.clip(sight @ linear, 0, 1) / [0.9505, 1, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_contrast_has_the_values_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#336699", "#336699") == 1
    assert contrast("#777777", "#ffffff") == pytest.approx(
        4.478, abs=0.001
    )  # WCAG's known near miss


@pytest.mark.parametrize("line", CYCLE)
def test_every_colour_is_seen_as_a_line_and_read_as_text(line):
    assert contrast(line, CARD) >= 3
    assert 4.5 <= contrast(ink(line), CARD) <= max(5, contrast(line, CARD))  # no darker than needed


@pytest.mark.parametrize("sight", SIGHTS)
def test_colours_stay_apart_for_every_kind_of_sight(sight):
    seen = {line: cielab(line, SIGHTS[sight]) for line in CYCLE}
    distances = {
        pair: np.linalg.norm(seen[pair[0]] - seen[pair[1]]) for pair in combinations(CYCLE, 2)
    }
    assert min(distances.values()) > 11, min(distances, key=distances.get)  # 2.3 is just noticeable


@pytest.mark.parametrize(
    "together",
    [
        ["character", "byte", "word", "bpe", "gpt2", "cl100k", "o200k"],
        ["prediction", "measurement"],
        ["train", "valid"],
        ["open", "weights", "closed"],
        ["basics", "systems", "scaling", "data", "alignment"],
        ["attention", "feed-forward", "norm", "positions"],
        ["pre-norm", "post-norm", "sandwich", "reordered"],
        ["RMSNorm", "LayerNorm", "unknown"],
        ["RoPE", "learned", "sinusoidal", "ALiBi", "relative bias", "RoPE in part", "NoPE"],
        ["SwiGLU", "ReLU", "GELU", "GeGLU", "unknown"],
        ["MHA", "GQA", "MQA", "MLA", "unknown"],
        ["forward", "backward", "weight gradients", "communication", "optimizer step"],
        ["data parallel", "TP", "PP", "sequence parallel", "CP", "EP"],
    ],
)
def test_concepts_of_one_figure_have_different_colours(together):
    assert len({colour(concept) for concept in together}) == len(together)


def test_the_way_a_concept_is_written_does_not_matter():
    assert colour("GPT-2") == colour("gpt2") == ORANGE
    assert concept_of("Bytes") == "byte"
    assert concept_of("cl100k_base") == "cl100k"
    assert concept_of("bytes per token") is None


def test_an_unknown_concept_is_told_the_known_ones():
    with pytest.raises(
        ValueError, match=r"'llama'.*character, byte.*CONCEPTS in lib/notebook/colours"
    ):
        colour("llama")


def test_other_labels_never_take_the_colour_of_a_concept_in_the_figure():
    chosen = colours_for(["mine", "BPE", "yours"], taken=[ORANGE])
    assert chosen["BPE"] == CONCEPTS["bpe"] == BLUE
    assert len({*chosen.values(), ORANGE}) == 4
    assert list(colours_for("abc").values()) == list(CYCLE[:3])


def test_the_style_file_has_the_same_colours():
    style = matplotlib.rc_params_from_file(
        Path(lib.notebook.__file__).with_name("house.mplstyle"), use_default_template=False
    )
    assert tuple(style["axes.prop_cycle"].by_key()["color"]) == CYCLE
    assert {to_hex(style[key]) for key in ("figure.facecolor", "axes.facecolor")} == {CARD}
    for key in ("text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"):
        assert contrast(to_hex(style[key]), CARD) >= 4.5
