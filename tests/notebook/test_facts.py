"""The fact tables: typed, sourced, checked, and consistent with arithmetic done here."""

import re

import pytest

from lib.notebook.facts import fact, facts, read_table, tables


@pytest.mark.parametrize("table", tables())
def test_every_row_says_where_it_comes_from(table):
    for row in facts(table):
        assert row["source"], row
        assert isinstance(row["checked"], int) and row["checked"] >= 1, row
        text = " ".join(str(value) for value in row.values())
        assert "memory)" not in text and "from memory" not in text, row


@pytest.mark.parametrize("table", tables())
def test_no_cell_hides_a_number_in_a_number_column(table):
    """A unit or a remark in one cell would turn a whole column of numbers into text."""
    for column in facts(table)[0]:
        texts = [row[column] for row in facts(table) if isinstance(row[column], str)]
        numeric = [text for text in texts if re.fullmatch(r"[-+\d.]+(e[-+]?\d+)?", text)]
        if column not in ("value", "generation", "ids", "symbol"):  # free text by design
            assert not numeric, f"{table}.{column}: {numeric} among {set(texts) - set(numeric)}"


def test_cells_become_numbers_text_or_none(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text(
        "whole,real,mixed,empty\n1,2.5e3,7\n,,x\n".replace("7\n", "7,\n").replace("x\n", "x,\n"),
        encoding="utf-8",
    )
    assert read_table(file) == [
        {"whole": 1, "real": 2500.0, "mixed": "7", "empty": None},
        {"whole": None, "real": None, "mixed": "x", "empty": None},
    ]


def test_where_filters_and_rows_are_copies():
    assert {row["org"] for row in facts("models", org="Meta", year=2023)} == {"Meta"}
    facts("models")[0]["name"] = "spoiled"
    assert facts("models")[0]["name"] == "GPT-2 small"


def test_errors_name_the_way_out():
    with pytest.raises(LookupError, match=r"Did you mean 'models'"):
        facts("model")
    with pytest.raises(LookupError, match=r"has no column 'maker'.*org"):
        facts("models", maker="Meta")
    with pytest.raises(LookupError, match=r"0 rows of table 'models'.*exactly one"):
        fact("models", name="GPT-9")


def test_numbers_that_lectures_state():
    b200 = fact("hardware", device="B200")
    assert (b200["bf16_flops"], b200["memory_bandwidth"]) == (2.25e15, 8e12)
    assert fact("models", name="GPT-3 175B")["parameters"] == 174_600_000_000
    assert fact("models", name="Llama 3.1 405B")["tokens"] == 15_600_000_000_000
    assert fact("numbers", name="imagenet_algorithmic_progress")["number"] == 44


def test_history_is_in_order_and_every_kind_is_known():
    years = [row["year"] for row in facts("history")]
    assert years == sorted(years)
    assert {row["kind"] for row in facts("history")} == {"idea", "model", "system", "data"}
    openness = {row["openness"] for row in facts("history")}
    assert openness == {None, "closed", "open weights", "fully open"}


def rung(licence):
    """The rule behind `openness`, as lib/assets/facts/README.md states it."""
    if licence is None:
        return None
    if licence.startswith("closed"):
        return "closed"
    return "fully open" if licence.startswith("fully open") else "open weights"


def test_openness_follows_from_the_licence():
    for row in facts("models"):
        assert row["openness"] == rung(row["licence"]), row["name"]


def dense_parameters(m):
    """Weights of a plain decoder without norms and biases."""
    queries, shared = m["heads"] * m["head_width"], m["kv_heads"] * m["head_width"]
    attention = m["width"] * (2 * queries + 2 * shared)
    matrices = 3 if "GLU" in m["activation"] else 2
    feed_forward = matrices * m["width"] * m["ff_width"]
    embeddings = m["vocabulary"] * m["width"] * (1 if m["tied_embeddings"] == "yes" else 2)
    return m["layers"] * (attention + feed_forward) + embeddings


def test_dimensions_multiply_out_to_the_published_totals():
    """A slip of one digit in any dimension would show here."""
    needed = ("layers", "kv_heads", "ff_width", "tied_embeddings", "activation")
    plain = [
        m
        for m in facts("models")
        if all(m[column] for column in needed)
        and not m["experts"]
        and m["name"] not in ("T5-11B", "GPT-3 XL", "Gemma 3 27B")  # see their notes
        and m["parameters"] > 1e9  # below, the parts left out weigh more than that
    ]
    assert len(plain) > 35
    for m in plain:
        printed = pytest.approx(m["parameters"], rel=0.025)  # rounded to two or three digits
        assert dense_parameters(m) == printed, m["name"]


def test_recorded_gpt2_ids_agree_with_its_byte_order():
    """GPT-2 numbers the printable bytes first, in order, then the other 68."""
    first = [*range(33, 127), *range(161, 173), *range(174, 256)]
    order = first + [b for b in range(256) if b not in first]
    row = fact("recorded_tokens", tokenizer="gpt2", text="Hello, 🌍! 你好!")
    ids = [int(i) for i in row["ids"].split()]
    text = b"".join(bytes([order[i]]) if i < 256 else b"..." for i in ids)
    assert text == b"...,...\x8c\x8d! ...\xa0...\xbd!" and len(ids) == 12


def flop_shares(layers, width, vocabulary, positions=2048):
    """Shares of one token's forward FLOPs in a decoder with ff_width = 4 x width.

    A matrix of a x b costs 2ab. Scores and their sum over values cost 4 x positions x width per
    layer, every query counted against all `positions` keys (no saving from the causal mask).
    """
    projections = layers * 2 * 4 * width**2  # queries, keys, values, output
    feed_forward = layers * 2 * 8 * width**2  # up and down
    scores = layers * 4 * positions * width
    logits = 2 * width * vocabulary
    total = projections + feed_forward + scores + logits
    return [round(100 * part / total, 1) for part in (projections, feed_forward, scores, logits)]


def test_flops_move_from_attention_scores_to_feed_forward_as_models_grow():
    """The shapes of GPT-3, which OPT shares. Feed-forward grows from a half to two thirds."""
    small, large = fact("models", name="GPT-3 Large"), fact("models", name="GPT-3 175B")
    for model in (small, large):
        assert model["ff_width"] == 4 * model["width"]
    shapes = [(m["layers"], m["width"], m["vocabulary"]) for m in (small, large)]
    assert flop_shares(*shapes[0]) == [25.0, 49.9, 16.6, 8.5]  # 760 million parameters
    assert flop_shares(*shapes[1]) == [32.3, 64.6, 2.7, 0.3]  # 175 billion


def test_number_formats_follow_from_their_bits():
    """Formats with infinities give them the largest exponent."""
    plain = [f for f in facts("formats") if f["infinities"] == "yes" and f["block"] is None]
    assert len(plain) == 6
    for f in plain:
        top = 2 ** f["exponent_bits"] - 2 - f["exponent_bias"]
        assert f["largest"] == (2 - 2.0 ** -f["mantissa_bits"]) * 2.0**top, f["format"]
        assert f["epsilon"] == 2.0 ** -f["mantissa_bits"]
        assert f["smallest_normal"] == 2.0 ** (1 - f["exponent_bias"])
        assert f["bits"] == 1 + f["exponent_bits"] + f["mantissa_bits"]
    for f in facts("formats"):
        if f["block"]:
            element = 1 + f["exponent_bits"] + f["mantissa_bits"]
            assert f["bits"] == element + 8 / f["block"] == 8 * f["bytes_per_value"]


def test_links_carry_the_same_both_ways():
    for link in facts("interconnects"):
        assert link["bandwidth_both_ways"] == 2 * link["bandwidth_each_way"], link["link"]


def test_the_parts_of_the_pile_add_up():
    pile = facts("pile")
    assert len(pile) == 22
    assert sum(part["weight_percent"] for part in pile) == pytest.approx(100, abs=0.1)
    assert sum(part["gibibytes"] for part in pile) == pytest.approx(825, abs=1)
    for part in pile:  # weight is size times epochs, of 1254 GiB
        share = 100 * part["gibibytes"] * part["epochs"] / 1254
        assert share == pytest.approx(part["weight_percent"], abs=0.1), part["part"]
