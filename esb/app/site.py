"""A site: a worker beside an on-premise system, with a store of its own and nothing of home but the broker."""

from __future__ import annotations

from typing import Any

from esb.errors import RejectedError, StoreError
from esb.ports import Store


class Site:
    """The store of a site. Large bodies wait in the store at home: what claims one cannot be delivered from here."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def get(self, digest: str) -> bytes:
        """Return a body. Raises RejectedError if it is not in this store: it will never come here by itself."""
        try:
            return await self._store.get(digest)
        except StoreError as error:
            raise RejectedError(
                "its body is larger than `claim` and waits in the store at home, which this site does not reach; "
                "raise settings.claim there, or give the site --store"
            ) from error
