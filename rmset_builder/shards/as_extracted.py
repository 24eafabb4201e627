"""What the tracks of a corrected video were when it was extracted: a shard's footer tells, so that nothing is lost.

A correction gives faces another identity, and cuts a track where it runs from one person to another. Each track of a
corrected shard is a part of one that was extracted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rmset_builder.core.errors import RmsetError
from rmset_builder.shards.layout import ShardFile
from rmset_builder.shards.metadata import ShardMetadata, key_of, read_metadata
from rmset_builder.shards.schema import Int32s


@dataclass(frozen=True)
class AsExtracted:
    """Of each track of a corrected video, by its number: the track and the identity that its faces were extracted as.

    Both (tracks,) int32; -1 where there is no track of the number.
    """

    track: Int32s
    identity: Int32s

    def to_text(self) -> str:
        """As a footer has it."""
        return json.dumps([self.track.tolist(), self.identity.tolist()], separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> AsExtracted:
        """What `to_text` made.

        Raises:
            ValueError: it is something else.
        """
        track, identity = (np.asarray(values, np.int32) for values in json.loads(text))
        if track.ndim != 1 or track.shape != identity.shape:
            raise ValueError("not one track and one identity for each number")
        return cls(track, identity)


def as_extracted(path: Path, metadata: ShardMetadata) -> AsExtracted | None:
    """What the tracks of a shard were; None for one that was never corrected, whose numbers are those of extraction.

    Raises:
        RmsetError: its footer does not tell it rightly.
    """
    if metadata.extracted_as is None:
        return None
    try:
        return AsExtracted.from_text(metadata.extracted_as)
    except (ValueError, TypeError, OverflowError) as error:
        raise RmsetError(
            f"{path} has a {key_of('extracted_as')} that cannot be read", remedy="extract the video again"
        ) from error


def extracted_numbers(shard: ShardFile, identity: Int32s, track: Int32s) -> tuple[Int32s, Int32s]:
    """The identity and track (n,) of a shard's rows as they were extracted.

    Raises:
        RmsetError: its footer does not tell it rightly.
    """
    known = as_extracted(shard.path, read_metadata(shard.path)[1])
    if known is None:
        return identity, track
    if len(track) and not 0 <= track.min() <= track.max() < len(known.track):
        raise RmsetError(
            f"{shard.path} has tracks that its {key_of('extracted_as')} does not know",
            remedy="extract the video again",
        )
    return known.identity[track], known.track[track]
