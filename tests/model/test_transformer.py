import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close
from variants import (
    ALIBI,
    BARE,
    CONFIGS,
    CONTEXT,
    GPT2,
    HALVES,
    HYBRID,
    MODERN,
    PARALLEL,
    D,
    L,
    V,
    build,
    text,
)

from lib.model.attention import causal_mask
from lib.model.config import ModelConfig
from lib.model.rope import rotate_adjacent, rotation
from lib.model.self_attention import ATTENTION
from lib.model.transformer import Transformer
from lib.notebook.record import record

EACH = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
# The ways of attention see the heads, the mask, the scale and the bias: no more choices than these
IN_MANY_WAYS = ("modern", "halves", "hybrid", "alibi")
FAST = [(CONFIGS[name], way) for name in IN_MANY_WAYS for way in ("sdpa", "blocked")]
FAST_IDS = [f"{name}-{way}" for name in IN_MANY_WAYS for way in ("sdpa", "blocked")]
EACH_WAY = pytest.mark.parametrize(
    ("config", "way"),
    [*((config, "plain") for config in CONFIGS.values()), *FAST],
    ids=[*CONFIGS, *FAST_IDS],
)


@EACH
@pytest.mark.parametrize("shape", [(3, 7), (1, 1), (2, CONTEXT)])
def test_shapes(config, shape):
    model = build(config)
    assert model(text(*shape)).shape == (*shape, V)
    assert model.hidden(text(*shape)).shape == (*shape, D)


@EACH
def test_logits_are_hidden_times_output(config):
    model = build(config)
    expected = model.hidden(text()) @ model.output_weight.T
    if config.output_softcap is not None:
        expected = config.output_softcap * torch.tanh(expected / config.output_softcap)
    assert_close(model(text()), expected)


def test_a_tied_model_reads_off_with_its_embedding():
    model = build(GPT2)
    assert model.output_weight is model.embedding.weight
    assert not any(name.startswith("output") for name in model.state_dict())
    assert build(MODERN).output_weight is not build(MODERN).embedding.weight


# What attention promises


@EACH_WAY
def test_the_future_has_no_influence(config, way):
    model = build(replace(config, attention=way))
    ids = text()
    changed = ids.clone()
    changed[:, 4] = (ids[:, 4] + 1) % V
    before, after = model(ids), model(changed)
    assert torch.equal(before[:, :4], after[:, :4])
    assert (before[:, 4:] != after[:, 4:]).all(dim=-1).all()  # but all of what follows


@pytest.mark.parametrize(("config", "way"), FAST, ids=FAST_IDS)
def test_the_ways_of_attention_agree(config, way):
    ids = text()
    plain, fast = build(config), build(replace(config, attention=way))
    assert_close(fast(ids), plain(ids))
    for mask in (
        causal_mask(7) & (torch.rand(3, 7, 7) < 0.5) | torch.eye(7).bool(),
        causal_mask(7),
    ):
        assert_close(fast(ids, mask=mask), plain(ids, mask=mask))


@pytest.mark.parametrize("way", ["plain", "sdpa", "blocked"])
def test_the_config_chooses_the_way_of_attention(way, monkeypatch):
    """As they agree, only a zero in place of one shows which was taken."""
    monkeypatch.setitem(ATTENTION, way, lambda q, k, v, mask, **scoring: torch.zeros_like(q))
    layer = build(replace(MODERN, attention=way)).blocks[0].attention
    x = torch.ones(1, 3, D, dtype=torch.float64)
    assert layer(x).eq(0).all()
    monkeypatch.undo()
    assert layer(x).ne(0).any()


@EACH
def test_positions_are_0_1_2_unless_given(config):
    model, ids = build(config), text()
    assert torch.equal(model(ids, torch.arange(7)), model(ids))
    assert torch.equal(model(ids, torch.arange(7).expand(3, 7)), model(ids))
    same = torch.allclose(model(ids, torch.arange(7).flip(0)), model(ids))
    assert same == (config.positions == "none")


@EACH
def test_only_positions_in_the_stream_notice_a_shift(config):
    model, ids = build(config), text()
    same = torch.allclose(model(ids, torch.arange(4, 11)), model(ids), atol=1e-5)
    assert same == (config.positions not in ("learned", "sinusoidal"))


def test_without_positions_order_is_seen_through_causality_alone():
    """If all see all, permuted tokens give permuted outputs. If only the past is seen, the order
    of it has no influence on one layer, but on two it has: in between, each has seen another past.
    """
    ids, order = text(), torch.tensor([3, 0, 4, 1, 5, 2, 6])
    model = build(BARE)
    everything = torch.ones(7, 7, dtype=torch.bool)
    shuffled = model(ids[:, order], mask=everything)
    assert_close(shuffled, model(ids, mask=everything)[:, order])
    assert not torch.allclose(model(ids[:, order])[:, -1], model(ids)[:, -1])
    shallow = build(replace(BARE, n_layers=1))
    assert_close(shallow(ids[:, order])[:, -1], shallow(ids)[:, -1])
    assert not torch.allclose(build(MODERN)(ids[:, order], mask=everything), shuffled)


@EACH
def test_documents_in_one_row_stay_apart(config):
    """With a mask that keeps documents apart and positions that start anew, as if alone."""
    model, one, other = build(config), text(1, 4), text(1, 3, seed=1)
    document = torch.tensor([[0, 0, 0, 0, 1, 1, 1]])
    mask = causal_mask(7) & (document[:, :, None] == document[:, None, :])
    positions = torch.tensor([[0, 1, 2, 3, 0, 1, 2]])
    packed = model(torch.cat([one, other], dim=1), positions, mask)
    assert_close(packed, torch.cat([model(one), model(other)], dim=1))


@pytest.mark.parametrize("config", [MODERN, HYBRID, ALIBI, PARALLEL, BARE])
def test_what_has_no_table_of_positions_reads_on_beyond_its_context(config):
    assert build(config)(text(1, 3 * CONTEXT)).shape == (1, 3 * CONTEXT, V)


def test_too_long_a_text_is_explained():
    with pytest.raises(IndexError, match=r"rows 0 to 10, .* 0 to 11.*longer than the model's cont"):
        build(GPT2)(text(1, CONTEXT + 1))


# Training


@EACH_WAY
def test_every_parameter_gets_a_gradient(config, way):
    model, ids = build(replace(config, attention=way)), text()
    F.cross_entropy(model(ids).flatten(0, 1), text(seed=1).flatten()).backward()
    for name, p in model.named_parameters():
        if name.endswith("key.bias"):  # adds the same to all scores of a query: softmax ignores it
            continue
        assert p.grad is not None and p.grad.abs().max() > 1e-9, name


def test_the_key_bias_matters_only_through_rotation():
    """Without rotation it cannot have a gradient; turned differently at each key, it has one."""
    for config, matters in ((GPT2, False), (ALIBI, False), (HALVES, True)):
        model = build(config)
        F.cross_entropy(model(text()).flatten(0, 1), text(seed=1).flatten()).backward()
        assert (model.blocks[0].attention.key.bias.grad.abs().max() > 1e-9) == matters


def test_a_fresh_model_knows_nothing():
    """Its loss is that of a uniform guess, plus half a nat since its logits have variance 1."""
    config = ModelConfig(500, 32, 2, 64, 4)
    model = Transformer(config, torch.Generator().manual_seed(0))
    ids = torch.randint(500, (8, 33), generator=torch.Generator().manual_seed(0))
    loss = F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
    assert loss.item() == pytest.approx(torch.tensor(500.0).log().item() + 0.5, abs=0.15)


def test_it_learns_a_line_by_heart():
    model = build(replace(MODERN, dtype="float32", compute_dtype="float32"))
    ids = text(2, 9)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(40):
        loss = F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
    assert torch.equal(model(ids[:, :-1]).argmax(dim=-1)[:, 2:], ids[:, 3:])


# Precision, copies, looking inside


@EACH
def test_half_precision_computes_and_float32_remembers(config):
    narrow = build(replace(config, dtype="float32", compute_dtype="bfloat16"))
    logits = narrow(text())
    assert logits.dtype == torch.bfloat16
    assert {p.dtype for p in narrow.parameters()} == {torch.float32}
    exact = build(config)(text())
    assert (logits.double() - exact).std() < 0.03 * exact.std()
    logits.float().square().mean().backward()
    assert all(p.grad.dtype == torch.float32 for p in narrow.parameters())


@pytest.mark.parametrize("way", ["plain", "sdpa", "blocked"])
def test_autocast_works_too(way):
    config = replace(MODERN, dtype="float32", compute_dtype="float32", attention=way)
    with torch.autocast("cpu", torch.bfloat16):
        logits = build(config)(text())
    assert logits.dtype == torch.bfloat16
    exact = build(MODERN)(text())
    assert (logits.double() - exact).std() < 0.03 * exact.std()


@EACH
def test_a_model_survives_copying_and_saving(config):
    model, other = build(config), build(config, seed=5)
    expected = model(text())
    assert not torch.allclose(other(text()), expected)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(text()), expected)
    twin = copy.deepcopy(model)
    torch.nn.init.zeros_(model.embedding.weight)
    assert torch.equal(twin(text()), expected)


def test_every_part_can_be_recorded():
    model = build(MODERN)
    with record(model) as seen:
        logits = model(text())
    assert torch.equal(seen["output"], logits)
    assert seen["blocks.1.attention.key"].shape == (3, 7, 2 * 6)
    assert seen["blocks.0.ffn.gate"].shape == (3, 7, 40)
    stream = seen["embedding"]
    for block in range(L):
        stream = stream + seen[f"blocks.{block}.attention"] + seen[f"blocks.{block}.ffn"]
        assert_close(stream, seen[f"blocks.{block}"])
    assert_close(model.norm(stream), seen["norm"])


def test_queries_keys_and_values_can_be_had():
    model = build(MODERN)
    x, turn = model.embed(text(), torch.arange(7))
    layer = model.blocks[0].attention
    q, k, v = layer.queries_keys_values(x, turn)
    assert q.shape == (3, 7, 4, 6) and k.shape == v.shape == (3, 7, 2, 6)
    unturned = layer.queries_keys_values(x)
    assert torch.equal(q, rotate_adjacent(unturned[0], turn))
    assert torch.equal(v, unturned[2]) and not torch.allclose(k, unturned[1])


@pytest.mark.parametrize(
    ("config", "turned", "scaling"), [(MODERN, 6, None), (HYBRID, 4, (8.0, 1.0, 4.0, 64))]
)
def test_the_config_says_how_far_heads_turn(config, turned, scaling):
    _, turn = build(replace(config, rope_theta=500.0)).embed(text(), torch.arange(7))
    assert_close(turn, rotation(torch.arange(7), turned, 500.0, scaling))
    assert not torch.allclose(turn[1], rotation(torch.arange(7), turned, 400.0, scaling)[1])
