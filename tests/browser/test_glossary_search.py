"""The search field of the glossary, in a browser."""

import pytest
from playwright.sync_api import expect
from real_lab import browser_page, find_browser

from lib.notebook.glossary import glossary

BROWSER = find_browser()
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not BROWSER, reason="no Chromium, Chrome or Edge; CHROMIUM=path names one"),
]


def test_typing_filters_the_terms_and_says_how_many_are_left():
    with browser_page(BROWSER) as (page, seen):
        page.set_content(glossary().html)
        terms, says = page.locator("dt:visible"), page.locator("[aria-live]")
        everything = says.inner_text()
        assert everything == f"{terms.count()} terms"

        field = page.get_by_role("searchbox", name="Find a term")
        field.fill("Key-Value  CACHE")
        expect(terms.first).to_contain_text("key/value cache")
        expect(says).to_have_text(f"{terms.count()} of {everything}")

        field.fill("attention")  # terms of that name first, then those that mention it
        expect(terms.first).to_have_text("attention self-attention")
        expect(terms.last).not_to_contain_text("attention")

        field.fill("no such thing")
        expect(says).to_have_text("No term found")
        field.press("Escape")
        expect(says).to_have_text(everything)
        assert (seen.errors, seen.outside) == ([], [])
