"""Drafts whose control numbers derive from their content: nobody needs to be asked, and what leaves is still filed."""

from __future__ import annotations

from collections.abc import Sequence

from esb.edge import Draft, Written
from esb.message import Scope


class DerivedDraft:
    """`esb.edge.Draft` that wants no numbers: it has its own, from `first` on."""

    wants: tuple[Scope, ...] = ()

    def __init__(self, draft: Draft, first: int) -> None:
        self._draft, self._first = draft, first

    @property
    def kind(self) -> str:
        """The type of its documents."""
        return self._draft.kind

    def write(self, numbers: Sequence[int]) -> Written:
        """Return the interchange."""
        count = len(self._draft.wants)
        own = [self._first, *range(self._first, self._first + count)] if count > 1 else [self._first]
        return self._draft.write(own[:count])
