"""Who meets through a store that remembers the dead."""

import threading

from torch.distributed import HashStore, PrefixStore

from lib.training.meeting import fresh_store


def meet(store, n_ranks=3):
    """All ranks, each in a thread; what each gets."""
    found = {}

    def one(rank):
        found[rank] = fresh_store(store, rank, n_ranks)

    threads = [threading.Thread(target=one, args=(rank,)) for rank in range(n_ranks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert set(found) == set(range(n_ranks))
    return found


def test_each_start_has_a_part_of_its_own():
    store = HashStore()
    first = meet(store)
    first[2].set("address", "of one who will die")
    assert first[0].get("address") == b"of one who will die"
    second = meet(store)
    assert all(isinstance(part, PrefixStore) for part in second.values())
    assert not any(part.check(["address"]) for part in second.values())
    second[0].set("address", "new")
    assert {part.get("address") for part in second.values()} == {b"new"}


def test_greetings_of_the_dead_do_no_harm():
    store = HashStore()
    store.set("greeting/1", "dead")
    store.set("answer/dead", "a name of old")
    parts = meet(store, 2)
    parts[1].set("key", "value")
    assert parts[0].get("key") == b"value"
