"""The key-value metadata in a shard's footer: facts of the shard and its video."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from rmset_builder.core.errors import RmsetError
from rmset_builder.shards.checked_parquet import parquet_source
from rmset_builder.shards.schema import SCHEMA_VERSION

_PREFIX = "rmset."


@dataclass(frozen=True, kw_only=True)
class ShardMetadata:
    """A shard's metadata, each field stored under ``rmset.`` and its name; None where it is missing.

    ``frames`` and ``identities`` are those of the whole video, whose shards are ``part`` 0 to ``parts`` - 1; hashes are
    hexadecimal sha256, ``settings`` is JSON, ``engine`` what ran the models where that was not ONNX
    Runtime; ``pruned`` counts the people that were taken out. Of a corrected video,
    ``corrections`` has the numbers of those that were made, and ``extracted_as`` what its tracks were before
    (`as_extracted`). ``others`` has, word for word, what this version does not know, and numbers that are none.
    """

    schema: int | None = SCHEMA_VERSION
    video: str | None = None
    group: str | None = None
    frames: int | None = None
    identities: int | None = None
    source_sha256: str | None = None
    models_sha256: str | None = None
    settings_sha256: str | None = None
    settings: str | None = None
    engine: str | None = None
    part: int | None = None
    parts: int | None = None
    pruned: int | None = None
    corrections: str | None = None
    extracted_as: str | None = None
    others: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_strings(cls, strings: Mapping[str, str]) -> Self:
        """The metadata in a footer's keys and values; keys of other programs are ignored."""
        own = {key.removeprefix(_PREFIX): value for key, value in strings.items() if key.startswith(_PREFIX)}
        known: dict[str, Any] = {name: int(own[name]) for name in _NUMBERS if _is_number(own.get(name, ""))}
        known |= {name: own[name] for name in _TEXTS if name in own}
        others = {key_of(name): value for name, value in own.items() if name not in known}
        return cls(**{"schema": None, **known}, others=others)

    @classmethod
    def from_footer(cls, stored: Mapping[bytes, bytes] | None) -> Self:
        """As `from_strings`, of what pyarrow gives; bytes that are no text become U+FFFD."""
        pairs = (stored or {}).items()
        return cls.from_strings({k.decode("utf-8", "replace"): v.decode("utf-8", "replace") for k, v in pairs})

    def to_strings(self) -> dict[str, str]:
        """The keys and values of a footer."""
        told = {key_of(name): getattr(self, name) for name in _FIELDS}
        return {key: str(value) for key, value in told.items() if value is not None} | dict(self.others)

    def text(self, name: str) -> str | None:
        """What the footer has for a field, word for word, be it a number or not; None where there is nothing."""
        return self.to_strings().get(key_of(name))

    def unclear(self) -> str:
        """Which number is none; empty if each is."""
        wrong = [key_of(name) for name in _NUMBERS if key_of(name) in self.others]
        return f"{wrong[0]} is {self.others[wrong[0]]!r}, which is no number" if wrong else ""


_HINTS = get_type_hints(ShardMetadata)
_FIELDS = [name for name in _HINTS if name != "others"]
_NUMBERS = [name for name in _FIELDS if _HINTS[name] == int | None]
_TEXTS = [name for name in _FIELDS if name not in _NUMBERS]


def key_of(name: str) -> str:
    """The key of a field in a shard's footer."""
    return f"{_PREFIX}{name}"


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def read_metadata(path: Path) -> tuple[int, ShardMetadata]:
    """Number of rows and the metadata of a shard, from its footer alone.

    Raises:
        RmsetError: the file is not whole Parquet, or of another schema version.
    """
    try:
        footer = pq.read_metadata(parquet_source(path))
    except (pa.ArrowException, OSError) as error:
        raise RmsetError(
            f"{path} is not a whole Parquet file ({str(error).splitlines()[0]})",
            remedy="delete it and run `rmset extract` again",
        ) from error
    metadata = ShardMetadata.from_footer(footer.metadata)
    if metadata.schema != SCHEMA_VERSION:
        raise RmsetError(
            f"{path} {version_fault(metadata)}",
            remedy="extract the video again, or read it with the version of rmset that wrote it",
        )
    return footer.num_rows, metadata


def version_fault(metadata: ShardMetadata) -> str:
    """What to say of a shard of another version of the schema."""
    return f"has {key_of('schema')} {metadata.text('schema') or 'none'}, this program reads {SCHEMA_VERSION}"
