"""Your whole filter on a crawl that nobody has seen, by its answer key."""

from functools import cache

from adapters import pipeline
from lib.corpora.web_truth import jaccard
from lib.grading.feedback import holds
from lib.grading.problems import problem
from lib.grading.raw_crawl import crawl, examples, truth

SEED = 6
GOOD = {"article", "story", "thread", "maths", "personal"}
GIVEN = "a new crawl"
_kept: dict[object, dict[str, str]] = {}


def kept() -> dict[str, str]:
    """What the filter leaves; it runs once."""
    if pipeline.filter_crawl not in _kept:
        _kept[pipeline.filter_crawl] = pipeline.filter_crawl(crawl(SEED), examples(SEED))
    return _kept[pipeline.filter_crawl]


@cache
def wanted() -> dict[str, str]:
    """The true texts of good pages with 50 words or more, without their copies."""
    pages = truth(SEED).items()
    return {
        url: one.main_text
        for url, one in pages
        if one.kind in GOOD and one.language == "en" and len(one.main_text.split()) >= 50
    }


def share_of(kinds: set[str]) -> tuple[int, int]:
    """How many pages of these kinds are kept, of how many."""
    known = truth(SEED)
    of = {url for url, one in known.items() if one.kind in kinds}
    return len(of & set(kept())), len(of)


def few(kinds: set[str], share: float) -> None:
    found, n = share_of(kinds)
    rule = f"Of pages of the kind {' or '.join(sorted(kinds))}, at most {share:.0%} are kept."
    holds(found <= share * n, rule, given=GIVEN, yours=f"{found} of {n}")


@problem("filter_data")
def test_addresses_are_those_of_records():
    unknown = set(kept()) - set(truth(SEED))
    holds(not unknown, "Texts are kept by the address of their record.", yours=unknown)


@problem("filter_data")
def test_good_pages_are_kept():
    """A page counts as kept if a near-duplicate of it is."""
    texts = list(kept().values())
    lost = [
        url
        for url, text in wanted().items()
        if url not in kept() and not any(jaccard(text, other) > 0.5 for other in texts)
    ]
    rule = "At least 85% of the good pages are kept, themselves or a near-duplicate."
    yours = f"{len(lost)} of {len(wanted())} lost, such as {lost[:3]}"
    holds(len(lost) <= 0.15 * len(wanted()), rule, given=GIVEN, yours=yours)


@problem("filter_data")
def test_other_languages_are_dropped():
    few({"foreign"}, 0.02)


@problem("filter_data")
def test_bait_and_lists_of_links_are_dropped():
    few({"spam"}, 0.1)
    few({"listing"}, 0.1)


@problem("filter_data")
def test_harmful_pages_are_dropped():
    few({"toxic", "adult"}, 0.2)


@problem("filter_data")
def test_personal_data_are_masked():
    left, n = [], 0
    for url, page in truth(SEED).items():
        for one in page.personal if url in kept() else ():
            if one.kind in ("email", "phone", "ipv4") and one.plain:
                n += 1
                left += [one.text] if one.text in kept()[url] else []
    holds(n > 10, "Pages with personal data are kept, once it is masked.", given=GIVEN, yours=n)
    rule = "At least 95% of addresses and numbers in what is kept are masked."
    holds(len(left) <= 0.05 * n, rule, given=f"{n} planted", yours=left)


@problem("filter_data")
def test_one_of_near_duplicates_is_kept():
    """Texts that share 90% of their runs; what lies closer to 0.8 is not judged here."""
    known, urls = truth(SEED), sorted(kept())
    families: dict[str, list[str]] = {}
    for url in urls:
        page = known[url]
        if page.copy_of is None or (page.jaccard or 0) >= 0.9:
            families.setdefault(page.copy_of or url, []).append(url)
    double = [urls for urls in families.values() if len(urls) > 1]
    rule = "Of an article and its copies that share 90% of their runs of words, one is kept."
    holds(not double, rule, given=GIVEN, yours=double[:2])


@problem("filter_data")
def test_texts_are_texts_and_not_pages():
    with_tags = [url for url, text in kept().items() if "<p>" in text or "<div" in text]
    holds(not with_tags, "What is kept has no HTML in it.", given=GIVEN, yours=with_tags[:3])
