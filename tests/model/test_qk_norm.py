"""Normalised queries and keys: each head by itself, or all heads together."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close
from variants import MODERN, build, stream

from lib.model.attention import attention_scores
from lib.model.rope import rotate_adjacent, rotation

N, K, H = 4, 2, 6  # of MODERN


def layer(**choices):
    return build(replace(MODERN, **choices)).blocks[0].attention


@pytest.mark.parametrize(
    ("kind", "shapes"), [(None, {}), ("head", {"q": H, "k": H}), ("all", {"q": N * H, "k": K * H})]
)
def test_how_many_scales_there_are(kind, shapes):
    found = {name: p.shape for name, p in layer(qk_norm=kind).named_parameters() if "_norm" in name}
    assert found == {
        name: (shapes[name[0]],) for name in ("query_norm.weight", "key_norm.weight") if shapes
    }


def test_each_head_by_itself():
    part, x = layer(qk_norm="head", norm_eps=0.1), stream()
    q, k, v = part.queries_keys_values(x)
    for found, project, norm in ((q, part.query, part.query_norm), (k, part.key, part.key_norm)):
        for head in range(found.shape[2]):
            rows = project.weight[H * head : H * (head + 1)]
            expected = F.rms_norm(x @ rows.T, (H,), norm.weight, 0.1)
            assert_close(found[:, :, head], expected)
    assert_close(v.flatten(2), part.value(x))


def test_all_heads_together():
    part, x = layer(qk_norm="all", norm_eps=0.1), stream()
    q, k, _ = part.queries_keys_values(x)
    expected = F.rms_norm(part.query(x), (N * H,), part.query_norm.weight, 0.1)
    assert_close(q.flatten(2), expected)
    expected = F.rms_norm(part.key(x), (K * H,), part.key_norm.weight, 0.1)
    assert_close(k.flatten(2), expected)


@pytest.mark.parametrize("kind", ["head", "all"])
def test_norms_come_before_rotation(kind):
    """Afterwards the scales would stretch other coordinates."""
    part, x, turn = layer(qk_norm=kind), stream(), rotation(torch.arange(5), H, 10_000.0)
    straight, turned = part.queries_keys_values(x), part.queries_keys_values(x, turn)
    for one, other in zip(straight[:2], turned[:2]):
        assert_close(other, rotate_adjacent(one, turn))


@pytest.mark.parametrize("kind", ["head", "all"])
@pytest.mark.parametrize("times", [1e-3, 1.0, 1e6])
def test_scores_are_bounded_whatever_the_weights(kind, times):
    """|q| is at most sqrt(H) times the largest scale; with all together, sqrt(N H) times."""
    part, x = layer(qk_norm=kind), stream()
    with torch.no_grad():
        part.query.weight.mul_(times)
        part.key.weight[3].mul_(1e9)  # one coordinate far above the others: the worst case
    q, k, _ = part.queries_keys_values(x, rotation(torch.arange(5), H, 10_000.0))
    largest = [norm.weight.abs().max().item() for norm in (part.query_norm, part.key_norm)]
    width = H if kind == "head" else math.sqrt(N * H * K * H)
    bound = largest[0] * largest[1] * width / math.sqrt(H)
    assert attention_scores(q, k).abs().max() <= bound
    free = layer().queries_keys_values(1e3 * x)
    assert attention_scores(*free[:2]).abs().max() > bound  # the test itself can tell


@pytest.mark.parametrize("kind", ["head", "all"])
def test_the_size_of_the_stream_and_of_the_weights_has_no_influence(kind):
    part, x = layer(qk_norm=kind, norm_eps=1e-12), stream()
    before = part.queries_keys_values(x)
    part.query.weight.data *= 7
    after = part.queries_keys_values(100 * x)
    assert_close(after[:2], before[:2])


def test_with_an_offset_the_scale_is_one_plus_the_weight():
    plain, offset = layer(qk_norm="head"), layer(qk_norm="head", norm_offset=True)
    offset.load_state_dict(plain.state_dict())
    for norm in (offset.query_norm, offset.key_norm):
        norm.weight.data -= 1
    assert_close(offset(stream()), plain(stream()))
