"""Byte-pair encoding: join the most frequent pair of neighbours into a new token, again and again.

A token is a byte string here, a word is a tuple of tokens, and numbers are given out at the end.

The rules that decide the answer:
- special tokens are cut out of the text first, then the pattern cuts the rest into words; nothing
  is counted or merged across either border;
- the most frequent pair wins; among equally frequent ones the greater pair, compared as a tuple of
  two byte strings: (b"b", b"a") > (b"ab", b"z") > (b"a", b"zz");
- ids: the bytes are 0 to 255, then come the merges in the order they were made, then the special
  tokens in the order given; `vocab_size` counts all three;
- when no pair is left, training ends early.
"""

from collections.abc import Mapping
from os import PathLike

from lib.grading.feedback import todo

Word = tuple[bytes, ...]
Pair = tuple[bytes, bytes]


def count_pairs(words: Mapping[Word, int]) -> dict[Pair, int]:
    """How often each two tokens are neighbours; `words` says how often each word occurs.

    count_pairs({(b"t", b"o"): 3, (b"o", b"t", b"o"): 2})  ->  {(b"t", b"o"): 5, (b"o", b"t"): 2}
    count_pairs({(b"a", b"a", b"a"): 1})                   ->  {(b"a", b"a"): 2}    overlaps count
    """
    return todo("1.6", "for each word add its count to every pair of itertools.pairwise(word).")


def best_pair(counts: Mapping[Pair, int]) -> Pair:
    """The most frequent pair; among equally frequent ones the greater tuple of byte strings.

    best_pair({(b"t", b"o"): 5, (b"o", b"t"): 2})  ->  (b"t", b"o")
    best_pair({(b"a", b"z"): 5, (b"b", b"a"): 5})  ->  (b"b", b"a")
    """
    return todo("1.7", "max() takes a key: give it a tuple whose first entry is the count.")


def merge(word: Word, pair: Pair) -> Word:
    """The word with every occurrence of the pair joined, from left to right.

    merge((b"t", b"o", b"t", b"o"), (b"t", b"o"))  ->  (b"to", b"to")
    merge((b"a", b"a", b"a"), (b"a", b"a"))        ->  (b"aa", b"a")
    """
    return todo("1.8", "walk from the left; after joining two tokens go on behind both.")


def train_bpe(
    path: str | PathLike[str], vocab_size: int, special_tokens: list[str]
) -> tuple[dict[int, bytes], list[Pair]]:
    """Learn a vocabulary from a text file: the bytes of each id, and the merges in their order.

    The file is read as bytes and decoded as UTF-8, with U+FFFD for what is not valid; its line ends
    are left as they are ("\\r\\n" is two characters). ValueError if `vocab_size` has no room for
    the 256 bytes and the special tokens.

    For a file "to otto<x>to", vocab_size 258, special tokens ["<x>"]: the words are "to" (twice)
    and " otto" (once); the pair (t, o) occurs three times and wins. So

    vocab   ->  {0: b"\\x00", ..., 255: b"\\xff", 256: b"to", 257: b"<x>"}
    merges  ->  [(b"t", b"o")]
    """
    return todo("1.9", "count the words, split each into single bytes, then count, choose, merge.")
