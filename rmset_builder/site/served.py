"""What pages tell a script that corrects by them: what would mend a finding, and by what faces are known again."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rmset_builder.reports.findings import Finding
from rmset_builder.reports.measures import FaceColumns
from rmset_builder.site.summary import Doubt


def with_corrections(
    doubts: Sequence[Doubt], findings: Sequence[Finding], faces: FaceColumns, as_of: int
) -> tuple[Doubt, ...]:
    """Findings of a video with what a script is told of each.

    Args:
        doubts: as they are shown.
        findings: the same in the same order.
        faces: of the video.
        as_of: the last correction, whose numbers they have.
    """
    return tuple(
        doubt.model_copy(update={"correction": correction_of(finding.command, as_of), "key": _key(finding, faces)})
        for doubt, finding in zip(doubts, findings, strict=True)
    )


def correction_of(command: str, as_of: int) -> str:
    """What a finding's command does, as `rmset review` is asked for it in JSON; empty where there is none.

    Example:
        >>> correction_of("rmset split wall9 3 --track 12 --shards shards", 0)
        '{"kind": "split", "video": "wall9", "as_of": 0, "identity": 3, "tracks": [12]}'
    """
    words = iter(shlex.split(command)[1:])
    kind, places, tracks = next(words, ""), list[str](), list[int]()
    for word in words:
        if word == "--track":
            tracks.append(int(next(words)))
        elif word in ("--shards", "--as-of"):
            next(words)
        elif word != "--":
            places.append(word)
    if not places:
        return ""
    video, *identities = places
    numbers = list(map(int, identities))
    told: dict[str, object] = {"kind": kind, "video": video, "as_of": as_of}
    told |= {"identities": numbers} if kind in ("merge", "swap") else {"identity": numbers[0]}
    return json.dumps(told | ({"tracks": tracks} if tracks else {}))


def key_of(faces: FaceColumns, rows: npt.NDArray[np.intp]) -> str:
    """By what some faces of a video are told from any others: their frames and places, and no number.

    Args:
        faces: of the video.
        rows: (k,) which of them.
    """
    order = rows[np.lexsort((faces.boxes[rows, 0], faces.frame[rows]))]
    digest = hashlib.sha256(faces.frame[order].tobytes())
    digest.update(faces.boxes[order].tobytes())
    return digest.hexdigest()[:12]


def _key(finding: Finding, faces: FaceColumns) -> str:
    parts = [faces.identity == one for one in finding.identities] + [faces.track == one for one in finding.tracks]
    return " ".join([finding.kind, *sorted(key_of(faces, np.flatnonzero(part)) for part in parts)])
