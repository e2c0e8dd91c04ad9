"""Lectures in the real JupyterLab: cells run, sliders move, a step-through follows the keyboard."""

import shutil
from collections.abc import Iterator

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from playwright.sync_api import Locator, Page, expect
from real_lab import browser_page, find_browser, jupyterlab, open_notebook, run_all_cells

from lib.notebook.files import LECTURES
from lib.notebook.hygiene import SETUP_CELL
from lib.notebook.normal_form import normal_form, text_of

BROWSER = find_browser()
LECTURE_1 = sorted(LECTURES.glob("01_*.ipynb"))
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not BROWSER, reason="no Chromium, Chrome or Edge; CHROMIUM=path names one"),
]

TOOLKIT = {
    "set-up": SETUP_CELL,
    "live": "from lib.notebook.widgets import live\n\n"
    "live(lambda n: f'<p>{n} squared is {n * n}</p>', n=(0, 10))",
    "step": "%%step\ntotal = 0\nfor i in range(3):\n    total += i\ntotal",
    "frames": "from lib.notebook.frames import frames\n\n"
    "frames(range(4), lambda i: f'<p>{i} dots: {i * \".\"}</p>', label='picture', alt='Dots.')",
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[str]:
    """A server over copies, so that nothing a test does reaches the checkout."""
    folder = tmp_path_factory.mktemp("lab")
    cells = []
    for name, source in TOOLKIT.items():
        cells += [
            new_markdown_cell("A sentence.", id=f"{name}-text"),
            new_code_cell(source, id=name),
        ]
    notebook = text_of(normal_form(new_notebook(cells=cells)))
    (folder / "toolkit.ipynb").write_text(notebook, encoding="utf-8")
    for path in LECTURE_1:
        shutil.copy(path, folder)
    with jupyterlab(folder) as address:
        yield address


@pytest.fixture
def page(request) -> Iterator[Page]:
    """A page that must not throw errors or ask other machines for anything."""
    with browser_page(BROWSER) as (page, seen):
        yield page
        assert seen.outside == []
        assert seen.errors == []


def test_the_toolkit(lab, page):
    open_notebook(page, lab, "toolkit.ipynb")
    run_all_cells(page)
    assert_no_errors(page)
    picture = page.locator(".widget-html-content")
    expect(picture).to_have_text("5 squared is 25")
    page.get_by_role("slider").first.press("ArrowRight")
    expect(picture).to_have_text("6 squared is 36")

    step_with_the_keyboard(page.locator(".steps"))

    dots = page.get_by_role("group", name="Dots.")
    expect(dots).to_contain_text("3 dots: ...")
    dots.get_by_role("slider").press("ArrowLeft")
    expect(dots).to_contain_text("2 dots: ..")
    dots.get_by_role("button", name="first").press("Enter")
    expect(dots).to_contain_text("0 dots:")


def test_stored_outputs_are_readable_before_anything_runs(lab, page):
    """A notebook from elsewhere is not trusted: no scripts, no widgets, but text and pictures."""
    if not LECTURE_1:
        pytest.skip("lecture 1 is not here yet")
    open_notebook(page, lab, LECTURE_1[0].name)
    assert_no_errors(page)
    images = page.locator(".jp-OutputArea img")
    expect(images.first).to_be_attached()
    assert all(image.get_attribute("alt") for image in images.all())
    assert page.get_by_text("VBox(children=").count() == 0
    tables = page.locator(".steps table")
    expect(tables.first).to_be_attached()


def test_lecture_1(lab, page):
    if not LECTURE_1:
        pytest.skip("lecture 1 is not here yet")
    open_notebook(page, lab, LECTURE_1[0].name)
    run_all_cells(page)
    assert_no_errors(page)
    counts = page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.content.widgets"
        ".filter(cell => cell.model.type === 'code').map(cell => cell.model.executionCount)"
    )
    cells = [cell for cell in nbformat.read(LECTURE_1[0], 4).cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(cells) + 1))

    step_with_the_keyboard(page.locator(".steps").first)
    move_frames(page.locator("[role=group]:has(> div > input[aria-label='choose what to show'])"))
    move_a_widget(page.locator(".widget-vbox:has(.widget-html-content)"))


def assert_no_errors(page: Page) -> None:
    """No cell shows a traceback."""
    errors = page.locator("[data-mime-type='application/vnd.jupyter.error']")
    assert errors.all_inner_texts() == []


def step_with_the_keyboard(steps: Locator) -> None:
    """Arrow keys, Home and End move a step-through, and what it shows follows."""
    steps.scroll_into_view_if_needed()
    slider, says = steps.get_by_role("slider"), steps.locator("[aria-live]")
    current = steps.locator("[aria-current=step]")
    expect(says).to_contain_text("Step 1 of")
    code, variables = current.text_content(), steps.locator(".steps-panes").inner_text()
    slider.press("ArrowRight")
    expect(says).to_contain_text("Step 2 of")
    assert steps.locator(".steps-panes").inner_text() != variables
    assert current.count() == 1 and current.text_content() != code
    slider.press("ArrowLeft")
    expect(says).to_contain_text("Step 1 of")
    assert current.text_content() == code
    slider.press("End")
    last = steps.locator("output").inner_text().split(" / ")
    assert last[0] == last[1] != "1"
    steps.get_by_role("button", name="First step").press("Enter")
    expect(says).to_contain_text("Step 1 of")


def move_frames(sliders: Locator) -> None:
    """The first slider over pictures drawn beforehand: one back, and picture and caption change."""
    frames = sliders.first
    frames.scroll_into_view_if_needed()
    caption = frames.locator("[aria-live]")
    before, picture = caption.inner_text(), frames.inner_html()
    frames.get_by_role("slider").press("ArrowLeft")
    expect(caption).not_to_have_text(before)
    assert frames.inner_html() != picture


def move_a_widget(widgets: Locator) -> None:
    """The first live widget: the kernel draws another picture when its control is moved."""
    widget = widgets.first
    widget.scroll_into_view_if_needed()
    picture = widget.locator(".widget-html-content").last
    before = picture.inner_html()
    if widget.get_by_role("slider").count():
        widget.get_by_role("slider").first.press("ArrowRight")
    else:
        widget.get_by_role("textbox").first.fill("something else entirely")
        widget.get_by_role("textbox").first.press("Enter")
    expect(picture).not_to_have_js_property("innerHTML", before)
