"""The lock file: which videos a collection consists of and the hashes of their files, sorted so that it diffs well."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, Field, StringConstraints, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from rmset_builder.core.errors import RmsetError
from rmset_builder.core.files import whole_file
from rmset_builder.fetching.candidates import Batch
from rmset_builder.fetching.catalog import BLOCKED, FILE_SITE, GONE, PRUNED, Video
from rmset_builder.fetching.ledger import Ledger
from rmset_builder.manifest.faults import faults_of
from rmset_builder.manifest.schema import FOLDER, URL, Manifest, Part, read_text, refusal
from rmset_builder.manifest.yaml_lines import read_yaml

LOCK_SUFFIX = ".lock.yaml"
LARGEST_LOCK = 20_000_000

_HEADER = """\
# The videos of a collection, by id, and the hash of each file as it was used.
# `rmset fetch {name}` fetches exactly these and reports which are gone or changed.
"""

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,80}$")]
Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=2000)]


class LockedVideo(Part):
    """One video of a lock file, as it was when the file was written."""

    id: Id
    url: Annotated[Line, StringConstraints(pattern=r"^(https?|file)://")]
    group: Line = ""
    keyword: Line = ""
    licence: Line = ""
    format: Line = ""
    bytes: Annotated[int, Field(ge=0)] = 0
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Lock(Part):
    """A whole lock file."""

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    videos: Annotated[tuple[LockedVideo, ...], Field(strict=False)]

    @field_validator("videos")
    @classmethod
    def _each_once(cls, videos: tuple[LockedVideo, ...]) -> tuple[LockedVideo, ...]:
        for name in ("id", "url"):
            counts = Counter(getattr(video, name) for video in videos)
            if repeats := sorted(value for value, count in counts.items() if count > 1)[:3]:
                raise PydanticCustomError("repeats", "{what}", {"what": f"hold the {name} {', '.join(repeats)} twice"})
        return videos


@dataclass(frozen=True)
class Attrition:
    """What has become of a lock file's videos: ids by outcome. All but ``same`` are losses.

    Those that are ``blocked`` where they were asked for are not gone: somebody elsewhere may have them.
    """

    same: tuple[str, ...]
    changed: tuple[str, ...]
    gone: tuple[str, ...]
    blocked: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether everything is there as it was."""
        return not (self.changed or self.gone or self.blocked or self.missing)


def is_lock(path: Path) -> bool:
    """Whether a file is a lock file, by its name."""
    return path.name.endswith(LOCK_SUFFIX)


def lock_path(manifest: Path) -> Path:
    """Where the lock file of a manifest lies: beside it.

    Example:
        >>> lock_path(Path("manifests/keywords.yaml")).as_posix()
        'manifests/keywords.lock.yaml'
    """
    return manifest.with_name(manifest.stem + LOCK_SUFFIX)


def write_lock(path: Path, manifest: Manifest, ledger: Ledger) -> int:
    """Write the fetched videos of a manifest's groups and keywords, sorted by id; returns their number."""
    searched = manifest.source not in (URL, FOLDER)
    wanted = {(group.name, word) for group in manifest.groups for word in (group.keywords if searched else ("",))}
    videos = [v for v in ledger if ledger.is_here(v) and (v.group, v.keyword) in wanted and not v.pruned_identities]
    rows = [
        {"id": v.id, "url": v.url, "group": v.group, "keyword": v.keyword, "licence": v.licence, "format": v.format}
        | {"bytes": v.bytes, "sha256": v.sha256}
        for v in sorted(videos, key=lambda v: v.id)
    ]
    text = yaml.safe_dump({"schema": 1, "videos": rows}, sort_keys=False, allow_unicode=True, width=10_000)
    with whole_file(path) as temporary:
        temporary.write_text(_HEADER.format(name=path.name) + text, encoding="utf-8")
    return len(rows)


def load_lock(path: Path) -> Lock:
    """Read and check a lock file.

    Raises:
        RmsetError: it cannot be read, or is no lock file; one line for each fault.
    """
    document = read_yaml(read_text(path, LARGEST_LOCK))
    if document.data is None and not document.faults:
        raise RmsetError(f"{path} is empty", remedy="write it with: rmset fetch MANIFEST --lock")
    if document.data is None:
        raise refusal(path, document.faults)
    try:
        lock = Lock.model_validate(document.data)
    except ValidationError as error:
        parts: dict[str, type[BaseModel]] = {"videos": LockedVideo}
        raise refusal(path, faults_of(error, document, Lock, parts)) from None
    if document.faults:
        raise refusal(path, document.faults)
    return lock


def batch_of_lock(ledger: Ledger, lock: Lock) -> Batch:
    """All videos of a lock file as one batch; those never seen are noted in the ledger."""
    new: list[Video] = []
    for locked in lock.videos:
        if ledger.get(locked.id) is None:
            site = FILE_SITE if locked.url.startswith("file:") else ""
            row = Video(id=locked.id, url=locked.url, site=site, group=locked.group, keyword=locked.keyword)
            new.append(row)
    ledger.record(*new)
    return Batch("", "", tuple(locked.id for locked in lock.videos))


def attrition(ledger: Ledger, lock: Lock) -> Attrition:
    """Compare what is here with what was locked."""
    fates: dict[str, list[str]] = {"same": [], "changed": [], "gone": [], "blocked": [], "missing": []}
    for locked in lock.videos:
        video: Video | None = ledger.get(locked.id)
        if video is not None and ledger.is_here(video):
            fates["same" if video.sha256 == locked.sha256 else "changed"].append(locked.id)
        elif video is not None and video.state in (GONE, PRUNED):
            fates["gone"].append(locked.id)
        elif video is not None and video.state == BLOCKED:
            fates["blocked"].append(locked.id)
        else:
            fates["missing"].append(locked.id)
    return Attrition(**{name: tuple(ids) for name, ids in fates.items()})
