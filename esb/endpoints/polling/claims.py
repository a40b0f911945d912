"""Claims: a file is renamed into our own folder before it is read, so nobody replaces it while we work on it.

A crash leaves the claim; whoever polls next goes on with it, and since its path, size, time and content are the same,
so are all ids. Markers are moved first and deleted once the file is claimed: a marker that stays behind would make the
next half-written file of that name look complete.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from esb.endpoints.polling.files import Files, Root, Spot
from esb.endpoints.polling.names import shown, with_suffix
from esb.endpoints.polling.readiness import ReadyRule
from esb.errors import EndpointError
from esb.message import derive

_FILES, _MARKERS = "files", "markers"
_MOST_TWINS = 1000


class Claims:
    """The files of one endpoint that are ours."""

    def __init__(self, files: Files, rule: ReadyRule) -> None:
        self._files = files
        self._rule = rule

    def spot(self, path: str) -> Spot:
        """Return where a claimed file stands."""
        return Spot("claims", f"{_FILES}/{path}")

    async def held(self) -> Sequence[str]:
        """Return the paths of the files that are claimed, after putting half-made claims right."""
        found = await self._files.walk("claims", recursive=True)
        paths = [entry.path.partition("/") for entry in found]
        held = sorted(path for kind, _, path in paths if kind == _FILES)
        for kind, _, path in paths:
            if kind == _MARKERS:
                await self._restore(path, path in held)
        return held

    async def claim(self, path: str) -> bool:
        """Return whether the file is ours now; not if it is gone or another of its name is under way."""
        if await self._files.stat(self.spot(path)) is not None:
            return False
        marker = self._rule.marker_of(path)
        aside = Spot("claims", f"{_MARKERS}/{path}")
        if marker and await self._files.move(Spot("inbox", marker), aside) == "gone":
            return False
        claimed = await self._files.move(Spot("inbox", path), self.spot(path)) == "moved"
        if marker:
            await self._restore(path, claimed)
        return claimed

    async def give_back(self, path: str) -> None:
        """Put a file back to where it came from; it stays ours if another of its name stands there by now."""
        await self._files.move(self.spot(path), Spot("inbox", path))

    async def settle(self, path: str, root: Root, key: str, reason: str = "") -> str:
        """Move a claimed file to where it belongs and return its name there; `reason` is written beside it.

        Raises:
            EndpointError: The folder cannot be written to; the file stays claimed.
        """
        for target in _names(path, key):
            spot = Spot(root, target)
            # The text comes before the move: a crash in between fails the same file again and writes it again. What
            # stands there may be this very file, cut in the middle of its move; then the move ends what was begun.
            if reason and await self._files.stat(spot) is None:
                await self._files.write(Spot(root, f"{target}.error.txt"), reason.encode())
            if await self._files.move(self.spot(path), spot) != "exists":
                return target
        raise EndpointError(f"no free name for {shown(path)}; clear the folder for files that are {root!r}")

    async def _restore(self, path: str, claimed: bool) -> None:
        """Delete the marker of a claimed file, or put it back beside the file that was not claimed."""
        aside = Spot("claims", f"{_MARKERS}/{path}")
        if not claimed and await self._files.stat(Spot("inbox", path)) is not None:
            await self._files.move(aside, Spot("inbox", self._rule.marker_of(path) or path))
        await self._files.remove(aside)


def _names(path: str, key: str) -> Iterator[str]:
    """Yield the names a settled file may get: its own, then ones that derive from its key."""
    suffix = derive(key)[:8]
    yield path
    yield with_suffix(path, suffix)
    for number in range(2, _MOST_TWINS):
        yield with_suffix(path, f"{suffix}-{number}")
