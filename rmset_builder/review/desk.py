"""A folder of shards under review: its pages, and corrections, one after another in a thread of their own."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rmset_builder.corrections.ledger import listed, read_ledger
from rmset_builder.review.asked import Asked, apply
from rmset_builder.review.live import LivePages


class Desk:
    """Where a folder is looked at and corrected.

    Attributes:
        shards: the folder.
        pages: of the folder; `start` has all of them made.
        waiting: how many corrections are asked for and not done yet.
    """

    def __init__(self, shards: Path) -> None:
        self.shards = shards
        self.waiting = 0
        self._scratch = tempfile.TemporaryDirectory(prefix="rmset-review-")
        self.pages = LivePages(shards, Path(self._scratch.name))
        self._hand = ThreadPoolExecutor(1, "corrections")

    async def correct(self, asked: Asked) -> dict[str, Any]:
        """Correct what is asked for, after whatever was asked for before; tells what it did.

        Raises:
            RmsetError: it cannot be; nothing is done.
        """
        self.waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._hand, self._correct, asked)
        finally:
            self.waiting -= 1

    def _correct(self, asked: Asked) -> dict[str, Any]:
        done = apply(self.shards, asked)
        return {**asdict(done), "as_of": len(read_ledger(self.shards))}

    def state(self) -> dict[str, Any]:
        """The last correction, how many are not done yet, and a name for the folder that does not tell where it is."""
        folder = hashlib.sha256(str(self.shards.resolve()).encode()).hexdigest()[:12]
        return {"as_of": len(read_ledger(self.shards)), "waiting": self.waiting, "folder": folder}

    def corrections(self, video: str | None) -> dict[str, Any]:
        """All corrections of the folder or of a video, the oldest first, and which of them count."""
        entries = read_ledger(self.shards)
        return {"as_of": len(entries), "corrections": listed(entries, video)}

    def close(self) -> None:
        """End when what was asked for is done; of the pages nothing is left."""
        self._hand.shutdown()
        self.pages.close()
        self._scratch.cleanup()
