"""Drawings of GPUs and kernels: what their scripts show is what Python computes."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from real_lab import browser_page, find_browser

from lib.notebook import coalescing_painter, wave_explorer
from lib.tensors.gpu_spec import gpu_spec

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


def test_waves(page):
    spec = gpu_spec("A100 80GB")
    page.set_content(wave_explorer.wave_explorer(spec).html)
    says = page.locator("[aria-live]")
    expect(says).to_have_text(wave_explorer.sentence(spec, 1793, (256, 128)))
    page.get_by_role("slider", name="move N").press("ArrowLeft")
    expect(says).to_have_text(wave_explorer.sentence(spec, 1792, (256, 128)))
    page.get_by_role("combobox", name="tile of one block").select_option("64 × 64")
    page.get_by_role("spinbutton", name="N =").fill("3000")
    expect(says).to_have_text(wave_explorer.sentence(spec, 3000, (64, 64)))


def test_painted_words(page):
    page.set_content(coalescing_painter.coalescing_painter().html)
    says, sentence = page.locator("[aria-live]"), coalescing_painter.sentence
    for name, words in coalescing_painter.PATTERNS.items():
        page.get_by_role("button", name=name, exact=True).click()
        expect(says).to_have_text(sentence(words))
    page.get_by_role("spinbutton", name="first word").fill("3")
    page.get_by_role("spinbutton", name="stride in words").fill("5")
    expect(says).to_have_text(sentence([3 + 5 * t for t in range(32)]))
    page.get_by_role("button", name="clear").click()
    page.mouse.move(*_middle(page, 0))
    page.mouse.down()
    page.mouse.move(*_middle(page, 9))
    page.mouse.up()
    expect(says).to_have_text(sentence([0, 9]))


def _middle(page: Page, column: int) -> tuple[float, float]:
    """Where a word of the first line lies on the screen."""
    cell = page.locator(".painter rect").nth(column).bounding_box()
    return cell["x"] + cell["width"] / 2, cell["y"] + cell["height"] / 2
