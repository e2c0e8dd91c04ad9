"""The step-through in a browser: an exported page, with no kernel and no network.

Skipped where there is no Chromium, Chrome or Edge; the environment variable CHROMIUM names one.
"""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, expect, sync_playwright
from test_tracing import factorial, nested, summed, watch

from lib.notebook.step_view import page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge")
BROWSER = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not BROWSER, reason="no Chromium, Chrome or Edge; CHROMIUM=path names one"),
]
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A page with three step-throughs."""
    recordings = {
        "summed": watch(summed, [5, 7]),
        "factorial": watch(factorial, 3),
        "nested": watch(nested),
    }
    bodies = "\n".join(page(recording, name) for name, recording in recordings.items())
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(
        f"<!doctype html><meta charset=utf-8><title>t</title>{bodies}", encoding="utf-8"
    )
    return path.as_uri()


@pytest.fixture
def steps(browser, file) -> Iterator[list[Locator]]:
    """The three, in a page that must not throw."""
    tab = browser.new_page()
    errors = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.goto(file)
    yield tab.locator(".steps").all()
    tab.close()
    assert errors == []


def says(one: Locator) -> str:
    return one.locator("[aria-live=polite]").inner_text()


def variables(one: Locator) -> list[list[str]]:
    rows = one.locator(".steps-frame").first.locator("tbody > tr")
    return [row.locator("th, td > code").all_inner_texts() for row in rows.all()]


def test_buttons_keys_and_slider_move_the_step(steps):
    one = steps[0]
    slider = one.get_by_role("slider")
    assert says(
        one
    ) == "Step 1 of 8, in summed, line {}: summed is called; numbers = [5, 7]".format(
        one.locator("[aria-current=step] i").inner_text().strip()
    )
    one.get_by_role("button", name="Next step").click()
    assert "total = 0" in says(one) and says(one).startswith("Step 2 of 8")
    slider.press("ArrowRight")
    slider.press("ArrowRight")
    assert says(one).startswith("Step 4 of 8") and says(one).endswith("(iteration 1 of 2)")
    assert variables(one) == [["numbers", "[5, 7]"], ["total\nchanged", "5"], ["n", "5"]]
    assert one.locator("[aria-current=step]").inner_text().strip().endswith("total += n")
    slider.press("End")
    assert says(one).startswith("Step 8 of 8") and says(one).endswith("returns 12")
    one.get_by_role("button", name="Previous step").press("Enter")
    assert says(one).endswith(
        "the loop at line {} ends after 2 iterations".format(
            one.locator("[aria-current=step] i").inner_text().strip()
        )
    )
    one.get_by_role("button", name="Previous step").press("ArrowLeft")
    assert says(one).startswith("Step 6 of 8")
    one.get_by_role("button", name="Previous step").press("Home")
    assert says(one).startswith("Step 1 of 8")
    assert slider.get_attribute("aria-valuetext") == "step 1 of 8"
    assert says(steps[1]).startswith("Step 1 of 9")  # the others have not moved


def test_everything_is_reached_with_the_tab_key(steps):
    one, tab = steps[0], steps[0].page
    one.get_by_role("button", name="First step").focus()
    seen = []
    for _ in range(7):
        seen.append(
            tab.evaluate("document.activeElement.ariaLabel || document.activeElement.tagName")
        )
        tab.keyboard.press("Tab")
    assert seen[:5] == ["First step", "Previous step", "Step of summed", "Next step", "Last step"]
    assert seen[5] == "INPUT" and seen[6].startswith("Fold the loop at line")


def test_keys_do_not_reach_the_page_around_unless_they_are_its_own(steps):
    """JupyterLab listens at the document, before any element: there "x" would cut the cell."""
    one, tab = steps[0], steps[0].page
    tab.evaluate(
        "document.addEventListener('keydown', e => (window.heard ||= []).push(e.key), true)"
    )
    one.get_by_role("slider").focus()
    for key in ("x", "ArrowDown", "Enter", "Control+s"):
        tab.keyboard.press(key)
    one.get_by_role("slider").blur()
    tab.keyboard.press("y")
    assert tab.evaluate("window.heard") == ["Control", "s", "y"]


def test_a_folded_loop_has_one_stop_for_each_iteration(steps):
    one = steps[0]
    one.get_by_role("checkbox", name="fold loops").check()
    counts = []
    for _ in range(7):
        counts.append(one.locator("output").inner_text())
        one.get_by_role("slider").press("ArrowRight")
    assert counts == ["1 / 8", "2 / 8", "4 / 8", "6 / 8", "7 / 8", "8 / 8", "8 / 8"]
    one.get_by_role("slider").press("Home")
    for _ in range(3):
        one.get_by_role("slider").press("ArrowRight")
    assert variables(one) == [["numbers", "[5, 7]"], ["total\nchanged", "12"], ["n\nchanged", "7"]]


def test_loops_are_folded_one_by_one(steps):
    one = steps[2]
    outer, inner = one.get_by_role("button", name="Fold the loop").all()[:2]
    stops = [int(one.get_by_role("slider").get_attribute("max"))]
    for button in (inner, outer):
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        stops.append(int(one.get_by_role("slider").get_attribute("max")))
    assert stops[0] > stops[1] > stops[2]
    assert one.get_by_role("checkbox", name="fold loops").evaluate("box => box.indeterminate")


def test_recursion_shows_its_callers(steps):
    one = steps[1]
    for _ in range(6):
        one.get_by_role("slider").press("ArrowRight")
    assert says(one).endswith("returns 1")
    assert variables(one) == [["n", "1"]]
    callers = one.locator(".steps-callers")
    assert callers.count() == 2
    callers.first.locator("summary").click()
    assert "2" in callers.first.inner_text()
    one.get_by_role("slider").press("ArrowRight")
    assert variables(one) == [["n", "2"]]


def test_without_scripts_all_steps_are_a_table(browser, file):
    tab = browser.new_page(java_script_enabled=False)
    tab.goto(file)
    one = tab.locator(".steps").first
    rows = one.locator("details > table > tbody > tr")
    assert rows.count() == 8
    assert rows.nth(3).is_visible() and "total int 5" in rows.nth(3).inner_text()
    assert one.get_by_role("slider").count() == 0
    tab.close()


@pytest.mark.parametrize("width", [1100, 380])
def test_nothing_is_wider_than_the_page(browser, file, width):
    tab = browser.new_page(viewport={"width": width, "height": 800})
    tab.goto(file)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    boxes = [
        tab.locator(place).first.bounding_box() for place in (".steps-sources", ".steps-frame")
    ]
    assert (boxes[0]["y"] + boxes[0]["height"] <= boxes[1]["y"]) == (width == 380)  # stacked
    tab.close()
