"""Drawings of GPUs and kernels: what their scripts show is what Python computes."""

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from real_lab import browser_page, find_browser

from lib.kernels.compile_to import Compiled
from lib.notebook import coalescing_painter, wave_explorer
from lib.notebook.occupancy_calculator import Needs, occupancy_calculator, sentence
from lib.notebook.program_map import Touches, page_of
from lib.notebook.ptx_view import ptx_view
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


def test_occupancy(page):
    page.set_content(occupancy_calculator("A100 80GB", threads=96, registers=33).html)
    says = page.locator("[aria-live]")
    expect(says).to_have_text(sentence(Needs(96, 33, 32 * 1024), gpu_spec("A100 80GB")))
    page.get_by_role("slider", name="registers per thread").press("End")
    page.get_by_role("combobox", name="GPU").select_option("H100")
    page.get_by_role("slider", name="shared memory per block").press("Home")
    expect(says).to_have_text(sentence(Needs(96, 255, 0), gpu_spec("H100")))
    page.get_by_role("slider", name="threads per block").press("End")
    expect(says).to_have_text("Not even one block fits: too much registers")
    expect(page.locator(".number")).to_have_text(["2", "32", "0", "228"])


def test_program_map(page):
    programs = {"0": np.array([0, 1, 3, 4]), "1": np.array([2, 5])}
    page.set_content(page_of(Touches("out", "store", (2, 3), programs)))
    says = page.locator("[aria-live]")
    page.get_by_role("slider", name="program").press("End")
    expect(says).to_have_text("Program 1: 2 elements of out stored, rows 0 to 1, column 2.")
    box = page.locator("canvas").bounding_box()
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 0.9 * box["height"])
    expect(says).to_have_text("Element (1, 2) of out, number 5 in memory: stored by program 1.")


def test_stages_of_a_kernel(page):
    page.set_content(ptx_view(_small_kernel()).html)
    says = page.locator("[aria-live]")
    page.get_by_text("st.global").hover()
    expect(says).to_have_text("Line 9: 2 of TTIR, 2 of PTX.")
    page.get_by_text("tl.load").click()
    page.get_by_text("st.global").hover()  # the line that was clicked is held
    expect(says).to_have_text("Line 8: 1 of TTIR, 1 of PTX.")
    page.keyboard.press("ArrowDown")
    expect(says).to_have_text("Line 9: 2 of TTIR, 2 of PTX.")
    page.keyboard.press("Escape")
    expect(says).to_contain_text("Point at a line")


def _small_kernel() -> Compiled:
    """Two lines, an IR of two, an assembly of three."""
    ttir = (
        "  tt.func public @k() {\n    %x = tt.load %p loc(#loc1)\n    tt.store %p, %x loc(#loc2)\n"
        '    tt.return loc(#loc2)\n  }\n#loc1 = loc("k.py":8:4)\n#loc2 = loc("k.py":9:4)\n'
    )
    ptx = (
        ".entry k(\n)\n{\n\t.loc\t1 8 4 // k.py:8:4\n\tld.global.b32 \t%r1, [ %rd1 ];\n"
        "\t.loc\t1 9 4 // k.py:9:4\n\tst.global.b32 \t[ %rd1 ], %r1;\n\tret;\n}\n"
    )
    source = "@jit\ndef k(p):\n    x = tl.load(p)\n    tl.store(p, x)\n"
    texts = {"ttir": ttir, "ttgir": ttir, "llir": "", "ptx": ptx, "cubin": b"", "source": source}
    numbers = {"registers": 8, "spills": 0, "shared_bytes": 0, "num_warps": 1, "first_line": 6}
    return Compiled("k", 90, **texts, **numbers, file="k.py")


def _middle(page: Page, column: int) -> tuple[float, float]:
    """Where a word of the first line lies on the screen."""
    cell = page.locator(".painter rect").nth(column).bounding_box()
    return cell["x"] + cell["width"] / 2, cell["y"] + cell["height"] / 2
