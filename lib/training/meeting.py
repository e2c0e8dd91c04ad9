"""Where processes find each other again, after torchrun has started them once more.

Processes exchange their addresses through a store that torchrun keeps. It keeps it over restarts,
and so the addresses of processes that are no more: who reads them calls somebody dead. Here those
of one start agree on a name that no earlier start has used, and keep their entries under it.
"""

import secrets
import time

from torch.distributed import PrefixStore, Store

PAUSE = 0.005  # seconds between two looks


def fresh_store(store: Store, rank: int, n_ranks: int) -> Store:
    """The part of the store that belongs to this start alone.

    Rank 0 invents the name. It answers every greeting, also one that a dead process has left, and
    knows by an acknowledgment under the new name that a living one has read it.
    """
    if rank > 0:
        me = secrets.token_hex(8)
        store.set(f"greeting/{rank}", me)
        name = store.get(f"answer/{me}").decode()  # waits for it
        store.set(f"{name}/{rank}", "here")
        return PrefixStore(name, store)
    name = secrets.token_hex(8)
    for other in range(1, n_ranks):
        while not store.check([f"{name}/{other}"]):
            if store.check([f"greeting/{other}"]):
                store.set(f"answer/{store.get(f'greeting/{other}').decode()}", name)
            time.sleep(PAUSE)
    return PrefixStore(name, store)
