"""A bounded set of things by key, of which only idle ones make room for new ones."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Generator, Hashable
from contextlib import contextmanager
from typing import Generic, TypeVar

from safeconduct.ports import UpstreamFault

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Leases(Generic[K, T]):
    """Keeps at most `limit` things, least recently used first out, never one that is in use."""

    def __init__(self, limit: int, make: Callable[[K], T], evict: Callable[[T], None]) -> None:
        self._limit = limit
        self._make = make
        self._evict = evict
        self._held: OrderedDict[K, T] = OrderedDict()
        self._uses: dict[K, int] = {}

    @contextmanager
    def lease(self, key: K) -> Generator[T, None, None]:
        """Use the thing of a key, made if there is none yet.

        Raises:
            UpstreamFault: the set is full and everything in it is in use.
        """
        if key not in self._held:
            if len(self._held) >= self._limit:
                self._make_room()
            self._held[key] = self._make(key)
        self._held.move_to_end(key)
        self._uses[key] = self._uses.get(key, 0) + 1
        try:
            yield self._held[key]
        finally:
            self._uses[key] -= 1
            if not self._uses[key]:
                del self._uses[key]

    def has(self, key: K) -> bool:
        """Whether a lease of this key would be had now."""
        return key in self._held or len(self._held) < self._limit or len(self._uses) < self._limit

    def find(self, wanted: Callable[[K], bool]) -> K | None:
        """The key, of those that there are, which was used last and is wanted."""
        return next((key for key in reversed(self._held) if wanted(key)), None)

    def drain(self) -> list[T]:
        """Take out everything."""
        held = list(self._held.values())
        self._held.clear()
        return held

    def _make_room(self) -> None:
        for key in self._held:
            if key not in self._uses:
                self._evict(self._held.pop(key))
                return
        detail = f"all {self._limit} places are in use"
        raise UpstreamFault("upstream-busy", detail, may_have_happened=False)
