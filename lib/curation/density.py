"""Finds the main text of a page by density: long blocks with few links are text, the rest is not.

The idea is that of boilerplate detection by shallow features (Kohlschütter et al. 2010): nobody has
to understand a page to see where its text is. The limits here were set by looking at the little web
with another seed than the one that lectures and tests use.
"""

from lib.curation.html_blocks import Block, blocks

MIN_WORDS = 12  # fewer are hardly a paragraph, unless it stands between paragraphs
MAX_LINKED = 0.34  # a third of the words
GAP = 2  # short blocks in a row that may stand between two long ones
HEADINGS = ("h1", "h2", "h3")
FURNITURE = ("cookie", "rights reserved", "advertisement", "subscribe", "sign in", "terms of use")


def density_text(page: str) -> str:
    """The main text: blocks apart by an empty line."""
    found = blocks(page)
    return "\n\n".join(block.text for block, kept in zip(found, chosen(found)) if kept)


def chosen(found: list[Block]) -> list[bool]:
    """Which blocks are content: the dense ones, what is short between them, the heading above."""
    dense = [is_dense(block) for block in found]
    if not any(dense) and found:  # a page of one short sentence, perhaps
        own = [0 if is_furniture(b) else b.n_words - 2 * b.n_linked for b in found]
        dense[own.index(max(own))] = max(own) > 0
    kept = dense.copy()
    last = None
    for i in range(len(found)):
        if not dense[i]:
            continue
        if last is not None and i - last <= GAP + 1:
            for j in range(last + 1, i):
                kept[j] = not found[j].around and found[j].link_share < MAX_LINKED
        elif i and found[i - 1].tag in HEADINGS and not found[i - 1].around:
            kept[i - 1] = True
        last = i
    return kept


def is_dense(block: Block) -> bool:
    """Whether a block alone looks like text."""
    long = block.n_words >= MIN_WORDS or (block.tag == "pre" and block.n_words > 0)
    return long and block.link_share < MAX_LINKED and not is_furniture(block)


def is_furniture(block: Block) -> bool:
    """Whether a block says of itself that it is not content: by its tags, or in so many words."""
    lower = block.text[:300].lower()
    return block.around or any(words in lower for words in FURNITURE)
