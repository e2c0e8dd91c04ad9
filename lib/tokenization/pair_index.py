"""Which pair of neighbouring tokens is the most frequent, kept up to date while pairs are merged.

The readable trainer counts all pairs anew for every merge. But a merge changes only the words that
hold its pair, and in them only the counts of the pairs next to it. So this index remembers where
each pair stands, and a heap knows the best one.

Tokens are written as characters here: the token with id 300 is chr(300). A word is then a str, a
pair a str of two, and to find, cut and join are methods of str, which run in C.
"""

import heapq
import operator
from collections import defaultdict
from collections.abc import Mapping
from itertools import pairwise

Places = list[int]  # of one pair: the word of each occurrence, by number


class PairIndex:
    """Distinct words with their frequencies, and what is known about the pairs in them.

    `words` holds each word's bytes as characters (`bytes.decode("latin-1")`). Among equally
    frequent pairs the smallest wins; they are compared by the `keys` of their two tokens, joined.
    """

    def __init__(self, words: Mapping[str, int], keys: dict[str, str]):
        self.words = list(words)
        self.frequencies = list(words.values())
        self.keys = keys
        self.places = find_pairs(self.words)
        self.counts = {pair: self._total(places) for pair, places in self.places.items()}
        self.heap = [self._entry(pair) for pair in self.counts]
        heapq.heapify(self.heap)

    def most_frequent(self) -> str | None:
        """The pair to merge next; None if every word is a single token."""
        while self.heap:
            count, _, pair = self.heap[0]
            if self.counts.get(pair) == -count:
                return pair
            # A count that has changed has become smaller: put the pair where it belongs now.
            if pair in self.counts:
                heapq.heapreplace(self.heap, self._entry(pair))
            else:
                heapq.heappop(self.heap)
        return None

    def merge(self, pair: str, new: str, key: str) -> None:
        """Replace the pair by the token `new` in all words, and count what that changes."""
        left, right = pair
        self.keys[new] = key
        before, after = replace_pair(self.words, self.places.pop(pair), pair, new)
        for neighbour, places in before.items():
            self._add(neighbour + new, places)
            # Where new stands before new, as in abab -> XX, the second ab came after a b.
            self._remove((right if neighbour == new else neighbour) + left, places)
        for neighbour, places in after.items():
            self._add(new + neighbour, places)
            self._remove(right + neighbour, places)
        self.counts.pop(pair, None)
        for neighbour in before:
            self._push(neighbour + new)
        for neighbour in after:
            self._push(new + neighbour)

    def _add(self, pair: str, places: Places) -> None:
        self.places[pair] = places
        self.counts[pair] = self._total(places)

    def _remove(self, pair: str, places: Places) -> None:
        count = self.counts.get(pair, 0) - self._total(places)
        if count > 0:
            self.counts[pair] = count
        else:
            self.counts.pop(pair, None)
            self.places.pop(pair, None)

    def _push(self, pair: str) -> None:
        if pair in self.counts:
            heapq.heappush(self.heap, self._entry(pair))

    def _total(self, places: Places) -> int:
        return sum(map(self.frequencies.__getitem__, places))

    def _entry(self, pair: str) -> tuple[int, str, str]:
        """A pair in the heap, whose smallest entry is the most frequent pair."""
        left, right = pair
        return -self.counts[pair], self.keys[left] + self.keys[right], pair


def find_pairs(words: list[str]) -> dict[str, Places]:
    """The places of every pair.

    Merging does not keep them up to date: a pair that has been taken apart is simply not found at
    its place any more.
    """
    places: dict[str, Places] = defaultdict(list)
    for number, word in enumerate(words):
        for pair in map(operator.add, word, word[1:]):
            places[pair].append(number)
    return places


def replace_pair(
    words: list[str], places: Places, pair: str, new: str
) -> tuple[dict[str, Places], dict[str, Places]]:
    """Replace the pair by `new` in the words at its places, from the left as the readable `merge`.

    Returns what now stands before `new`, and what stands after it, each with its places.
    """
    before: dict[str, Places] = defaultdict(list)
    after: dict[str, Places] = defaultdict(list)
    last = -1
    for number in places:
        if number == last:  # a word that holds several, all of them replaced at the first visit
            continue
        last = number
        head, found, tail = words[number].partition(pair)
        if pair in tail:
            parts = words[number].split(pair)
            words[number] = new.join(parts)
            for i, (left, right) in enumerate(pairwise(parts)):
                if left or i:  # nothing between two occurrences: `new` stands before `new`
                    before[left[-1] if left else new].append(number)
                if right:
                    after[right[0]].append(number)
        elif found:
            words[number] = f"{head}{new}{tail}"
            if head:
                before[head[-1]].append(number)
            if tail:
                after[tail[0]].append(number)
    return before, after
