"""What a video's page shows, in the order and the words in which its template writes it down."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath

import numpy as np

from rmset_builder.core.jsonl import parse_object
from rmset_builder.reports.exemplars import VideoPlan, frame_spacing
from rmset_builder.reports.measures import FaceColumns, appearances, coverage
from rmset_builder.shards.videos_table import VideoRecord
from rmset_builder.site.charts import Histogram, Tick, cut_lines, histogram, lane, moment, shades, time_ticks
from rmset_builder.site.rendering import web_address
from rmset_builder.site.summary import Doubt, Tile

_HASH_SHOWN = 12


@dataclass(frozen=True)
class Person:
    """An identity: its lane of the timeline, its counts in words, its faces."""

    identity: int
    told: str
    path: str
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, kw_only=True)
class VideoView:
    """A video's page; ``anchor`` is what the names of its places begin with, ``link`` its address on the web."""

    video: str
    title: str
    group: str = ""
    fault: str = ""
    link: str = ""
    anchor: str = "identity-"
    figures: tuple[tuple[str, str], ...] = ()
    provenance: tuple[tuple[str, str], ...] = ()
    people: tuple[Person, ...] = ()
    cuts: str = ""
    more: str = ""
    ticks: tuple[Tick, ...] = ()
    shades: Sequence[tuple[float, str]] = ()
    rows: int = 1
    columns: int = 1
    map_told: str = ""
    charts: tuple[Histogram, ...] = ()
    doubts: tuple[Doubt, ...] = field(default=())


def bare_view(record: VideoRecord, fault: str, *, anchor: str) -> VideoView:
    """The page of a video of which no faces are shown: the title, why, and where it is from."""
    return VideoView(
        video=record.id,
        title=record.title or record.id,
        group=record.group,
        fault=fault,
        link=web_address(record.url),
        anchor=anchor,
        provenance=_provenance(record),
    )


def full_view(
    record: VideoRecord,
    faces: FaceColumns,
    plan: VideoPlan,
    *,
    counts: Mapping[str, Sequence[int]],
    tiles: Mapping[int, tuple[Tile, ...]],
    doubts: tuple[Doubt, ...],
    fault: str,
    anchor: str,
) -> VideoView:
    """The page of a video with faces.

    Args:
        record: what is known of it.
        faces: the columns of its rows.
        plan: who is shown, and how often and how long each is seen.
        counts: of each scale, by its name.
        tiles: the faces of each identity.
        doubts: what somebody should look at.
        fault: what could not be made; empty if all could.
        anchor: what the names of its places begin with.
    """
    seen = appearances(faces, frame_spacing(faces.time_s))
    end_s = max([record.duration_s, *(spans[-1][1] for spans in seen.values() if spans), 1e-3])
    people = tuple(
        Person(
            row.identity,
            f"{row.faces:,} face{'s' * (row.faces != 1)}, {moment(row.seconds)} on screen, "
            f"{len(seen[row.identity]):,} track{'s' * (len(seen[row.identity]) != 1)}",
            lane(seen[row.identity], end_s),
            tiles.get(row.identity, ()),
        )
        for row in plan.rows
    )
    left_out = plan.identities - len(plan.rows)
    known = record.width > 0 and record.height > 0
    width, height = (record.width, record.height) if known else _reach(faces)
    cells = coverage(faces.boxes, width, height)
    most = int(cells.max(initial=0))
    return replace(
        bare_view(record, fault, anchor=anchor),
        figures=_figures(record, faces, plan),
        people=people,
        cuts=cut_lines(_cuts(record, faces), end_s),
        more=f"And {left_out:,} identities more, with fewer faces." if left_out else "",
        ticks=time_ticks(end_s),
        shades=shades(cells),
        rows=cells.shape[0],
        columns=cells.shape[1],
        map_told=f"The picture of {width} x {height} pixels; {most:,} faces reach into its fullest place."
        + ("" if known else " Its size is not known: it ends where the last face does."),
        charts=tuple(histogram(name, told) for name, told in counts.items()),
        doubts=doubts,
    )


def _cuts(record: VideoRecord, faces: FaceColumns) -> list[float]:
    """When the whole picture is cut, seconds; frames without a face lie evenly between those that have one."""
    try:
        cuts = np.asarray(json.loads(record.cuts_json), np.float64)
    except (ValueError, TypeError):
        return []
    frames, first = np.unique(faces.frame, return_index=True)
    return np.interp(cuts, frames, faces.time_s[first]).tolist() if cuts.ndim == 1 and len(frames) else []


def _reach(faces: FaceColumns) -> tuple[int, int]:
    """The least picture that all boxes lie in."""
    right, bottom = np.ceil(faces.boxes[:, 2:].max(0, initial=1)).astype(int).tolist()
    return max(1, right), max(1, bottom)


def _figures(record: VideoRecord, faces: FaceColumns, plan: VideoPlan) -> tuple[tuple[str, str], ...]:
    frames = len(np.unique(faces.frame))
    told = [
        ("Identities", f"{plan.identities:,}"),
        ("Faces", f"{plan.faces:,}"),
        ("Tracks", f"{len(np.unique(faces.track)):,}"),
        ("Frames", f"{record.frames:,}"),
        ("Frames with faces", f"{frames:,}"),
        ("Duration", moment(record.duration_s) if record.duration_s else ""),
    ]
    return tuple((name, value) for name, value in told if value)


def _provenance(record: VideoRecord) -> tuple[tuple[str, str], ...]:
    told = [
        ("Address", record.url),
        ("Licence", record.licence),
        ("Expression group", record.group),
        ("Keyword", record.keyword),
        # Its name alone: a folder's path says who works on which machine, and a report may be published.
        ("File", PurePath(record.source).name),
        ("sha256 of the file", record.source_sha256[:_HASH_SHOWN]),
        ("Picture", f"{record.width} x {record.height} pixels, {record.fps:g} frames/s" if record.width else ""),
        ("Left out", _dropped(record.dropped_json)),
        ("Frames that the detector saw", f"{record.detected_frames:,}" if record.detected_frames else ""),
        ("Extracted in", f"{record.seconds_spent:,.1f} s" if record.seconds_spent else ""),
        ("Extracted by", f"rmset-builder {record.rmset_version}" if record.rmset_version else ""),
        ("Models", record.models),
        ("Settings", record.settings_sha256[:_HASH_SHOWN]),
    ]
    return tuple((name, value) for name, value in told if value)


def _dropped(text: str) -> str:
    """Faces that were seen and left out, by reason."""
    dropped = (parse_object(text) or {}).get("faces")
    if not isinstance(dropped, dict):
        return ""
    told = [f"{count:,} {reason}" for reason, count in sorted(dropped.items()) if isinstance(count, int) and count]
    return f"{', '.join(told)} faces" if told else "no face"
