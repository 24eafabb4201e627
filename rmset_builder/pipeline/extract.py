"""One video to its shards, from beginning to end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rmset_builder.core.priority_pool import Urgency
from rmset_builder.detection.multiscale import ScaledDetector
from rmset_builder.faces.found_faces import FoundFaces
from rmset_builder.faces.spool import Spool
from rmset_builder.faces.upside_down import INPUT_SIZE, upside_down_note
from rmset_builder.identity.assignment import UPSIDE_DOWN, People, find_people
from rmset_builder.pipeline.engine import Engine
from rmset_builder.pipeline.face_pipeline import FaceRules, find_faces
from rmset_builder.pipeline.made_with import engine_name, made_with
from rmset_builder.pipeline.settings import ExtractSettings
from rmset_builder.pipeline.task import Task
from rmset_builder.shards.face_embeddings import write_face_embeddings, write_identities
from rmset_builder.shards.metadata import ShardMetadata
from rmset_builder.shards.schema import FaceRows
from rmset_builder.shards.videos_table import SourceFile, VideoRecord
from rmset_builder.shards.writer import write_shards
from rmset_builder.video.decode import FrameReader
from rmset_builder.video.filtergraph import picture_note
from rmset_builder.video.info import VideoInfo
from rmset_builder.video.presentation_times import Timeline

NO_FACES = "no-faces"


def extract_video(
    task: Task, info: VideoInfo, engine: Engine, *, out: Path, work: Path, progress: Callable[[int, int], None]
) -> VideoRecord:
    """Write the shards of one video and the mean embeddings of its identities.

    Args:
        task: which video.
        info: its header.
        engine: models, settings, workers.
        out: folder of the shards.
        work: an empty folder on the same disk for what is not yet sure.
        progress: called with frames and faces done.

    Returns:
        The video's record, which is not written yet.

    Raises:
        VideoError: the video cannot be read to its end; nothing of it is written.
    """
    began = time.monotonic()
    spec, settings = engine.spec, engine.spec.settings
    rules = settings.rules
    with (
        FrameReader(info, threads=spec.threads, nvdec=spec.nvdec, patience_s=spec.patience_s) as reader,
        Spool(work / "faces.jpgs") as spool,
    ):
        detector = ScaledDetector(
            engine.detectors, width=reader.width, height=reader.height, det_threshold=settings.det_threshold
        )
        detector.open_ahead(engine.workers.at(Urgency.AHEAD))
        engine.embedder.wait()
        found = find_faces(reader, detector, engine.workers, _face_rules(settings), spool=spool, progress=progress)
        timeline = Timeline.of(reader.times_s(), info.fps)
        people = find_people(
            found,
            spool,
            engine.embedder,
            engine.detectors.get(INPUT_SIZE),
            engine.workers.at(Urgency.AWAITED),
            det_threshold=settings.det_threshold,
            faces_per_track=settings.faces_per_track,
            rules=rules.identity,
            purity=rules.purity,
            least_frames=_least_frames(settings, timeline),
        )
        source = SourceFile.of(task.path)
        metadata = ShardMetadata(
            video=task.video,
            group=task.provenance.group,
            frames=reader.count,
            identities=len(people.embedding),
            source_sha256=source.source_sha256,
            models_sha256=spec.pack.sha256,
            settings_sha256=settings.sha256,
            settings=settings.model_dump_json(),
            engine=engine_name(spec.device),
        )

        def block(start: int, stop: int) -> FaceRows:
            return _face_rows(found, people, spool, timeline.times, slice(start, stop))

        paths = write_shards(out, task.video, len(people.rows), block, metadata)
    write_face_embeddings(out, task.video, people.embedded)
    write_identities(out, task.video, people.embedding, np.bincount(people.identity, minlength=len(people.embedding)))
    notes = (
        info.track_note,
        timeline.note,
        picture_note(info.traits),
        upside_down_note(people.dropped.get(UPSIDE_DOWN, 0), len(people.rows)),
        reader.complaints(),
    )
    return VideoRecord.joined(
        task.video,
        source,
        task.provenance,
        made_with(spec),
        fps=round(timeline.fps, 6),
        width=reader.width,
        height=reader.height,
        frames=reader.count,
        duration_s=round(timeline.duration_s, 6),
        identities=len(people.embedding),
        tracks=people.tracks,
        faces=len(people.rows),
        shards=len(paths),
        reason="" if len(people.rows) else NO_FACES,
        message="; ".join(filter(None, notes)),
        dropped_json=json.dumps({"faces": people.dropped, "identities": people.dropped_identities}, sort_keys=True),
        cuts_json=json.dumps(found.cuts.tolist()),
        detected_frames=found.keyframes,
        seconds_spent=round(time.monotonic() - began, 3),
    )


def _face_rules(settings: ExtractSettings) -> FaceRules:
    return FaceRules(
        keyframes=settings.rules.keyframes,
        links=settings.rules.links,
        image_size=settings.image_size,
        jpeg_quality=settings.jpeg_quality,
        fixed_scale=settings.det_size,
    )


def _least_frames(settings: ExtractSettings, timeline: Timeline) -> int:
    """The frames an identity must be seen in: ``min_presence_s``, or the rule's share of a short video."""
    share = settings.rules.identity.shortest_share * len(timeline.times)
    return max(1, round(min(settings.min_presence_s * timeline.fps, share)))


def _face_rows(
    found: FoundFaces, people: People, spool: Spool, times: npt.NDArray[np.float64], place: slice
) -> FaceRows:
    rows = people.rows[place]
    return FaceRows(
        frame=found.rows.frame[rows],
        identity=people.identity[place],
        track=people.track[place],
        time_s=times[found.rows.frame[rows]],
        bbox=found.rows.boxes[rows],
        landmarks=found.rows.landmarks[rows],
        det_score=found.rows.scores[rows],
        sharpness=found.sharpness[rows],
        images=spool.read(rows),
    )
