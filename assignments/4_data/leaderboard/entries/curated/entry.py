"""Text, language, rules, masks, near-duplicates: one of each, as lib/curation has them."""

from lib.curation import pii
from lib.curation.extract import extract
from lib.curation.langid import identify_language
from lib.curation.near_duplicates import NearDuplicates
from lib.curation.published_rules import GOPHER_QUALITY
from lib.curation.rules import broken
from lib.grading.raw_crawl import Examples, Record


def select(records: list[Record], examples: Examples) -> list[str]:
    texts = [extract(record.body) for record in records]
    texts = [text for text in texts if identify_language(text)[0] == "en"]
    texts = [text for text in texts if not broken(GOPHER_QUALITY, text)]
    for mask in (pii.mask_emails, pii.mask_phone_numbers, pii.mask_ips):
        texts = [mask(text)[0] for text in texts]
    with NearDuplicates(similarity=0.8) as finder:
        finder.add(texts)
        dropped = finder.duplicates()
    return [text for number, text in enumerate(texts) if number not in dropped]
