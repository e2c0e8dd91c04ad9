"""Drawings that move without a kernel: what their scripts show is what Python computes."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from real_lab import browser_page, find_browser

from lib.notebook.facts import facts
from lib.notebook.model_explorer import model_explorer
from lib.notebook.rope_clock import clock, rope_clock

BROWSER = find_browser()
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not BROWSER, reason="no Chromium, Chrome or Edge; CHROMIUM=path names one"),
]


@pytest.fixture
def page() -> Iterator[Page]:
    """A page that must not throw errors or ask other machines for anything."""
    with browser_page(BROWSER) as (page, seen):
        yield page
        assert seen.outside == []
        assert seen.errors == []


def test_rope_clock(page):
    query, key = [1.0, -2.0, 0.5, 3.0], [2.0, 0.5, -1.0, 1.0]
    page.set_content(rope_clock(4, query=query, key=key, query_at=9, key_at=5).html)
    says = page.locator("[aria-live]")
    hands = clock(4, query=query, key=key)
    expect(says).to_have_text(
        f"Positions 9 and 5, distance 4: query · key = {hands.product(4):.3f}."
    )
    page.get_by_label("shift both by").press("ArrowRight")
    expect(says).to_have_text(
        f"Positions 10 and 6, distance 4: query · key = {hands.product(4):.3f}."
    )
    page.get_by_label("key stands at").press("End")
    expect(says).to_have_text(
        f"Positions 10 and 65, distance -55: query · key = {hands.product(-55):.3f}."
    )


def test_model_explorer(page):
    page.set_content(model_explorer().html)
    says, dots = page.locator("[aria-live]"), page.locator("[data-i]")
    expect(dots).to_have_count(len(facts("models")))
    page.get_by_role("slider", name="from").press("End")
    n_2025 = len(facts("models", year=2025))
    expect(says).to_have_text(f"{n_2025} models.")
    expect(dots).to_have_count(n_2025)
    page.get_by_role("combobox", name="up").select_option("layers")
    page.get_by_role("combobox", name="colour").select_option("key/value heads")
    page.get_by_role("combobox", name="one model").select_option("Kimi K2")
    expect(says).to_have_text(f"Kimi K2 (2025): layers 61; key/value heads: MLA. {n_2025} models.")
    page.get_by_role("slider", name="to").press("Home")  # takes the other end along
    expect(page.locator(".sliders")).to_have_text("from2019to2019")
