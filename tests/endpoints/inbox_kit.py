"""A folder that files are dropped into, on this machine or at a server, and what tests look for in it."""

import asyncio

from esb.testing.endpoint_kit import until


class DroppedFiles:
    """`folder` is where files are dropped, `world` and `intake` are those of the source, which `run` runs."""

    def put(self, name, text="content"):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def names(self):
        return sorted(taken.receipt.name for taken in self.intake.taken)

    def left(self, folder="."):
        return sorted(path.name for path in (self.folder / folder).iterdir() if path.is_file())

    def told(self, event):
        return [fields for _, name, fields in self.world.log.kept if name == event]


async def grow_while_read(inbox, first, rest):
    """Drop a file that gets its rest while it is read; return when the source has put it away."""
    inbox.put("a.edi", first)
    claimed = inbox.folder / ".esb-claims/inbox/files/a.edi"

    def write_more(receipt):
        inbox.intake.failing = lambda receipt: None
        with claimed.open("a") as file:
            file.write(rest)

    inbox.intake.failing = write_more
    run = asyncio.ensure_future(inbox.run(once=False))
    await until((inbox.folder / "done/a.edi").exists)
    run.cancel()
    await asyncio.wait([run])
