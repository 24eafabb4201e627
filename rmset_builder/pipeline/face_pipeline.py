"""The faces of one video, from frames to JPEG pictures: decoded, detected, linked, encoded, collected, all at once.

One thread reads frames, workers detect and encode, and the caller's thread links; windows of frames pass the stages in
order, so the result does not depend on how fast any of them is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rmset_builder.core.priority_pool import Workers
from rmset_builder.detection.multiscale import ScaledDetector
from rmset_builder.faces.found_faces import FoundFaces
from rmset_builder.faces.spool import Spool
from rmset_builder.pipeline.stages.detect import DetectStage
from rmset_builder.pipeline.stages.encode import EncodeStage
from rmset_builder.pipeline.stages.link import LinkStage
from rmset_builder.tracking.keyframes import KeyframeRules
from rmset_builder.tracking.matching import LinkRules
from rmset_builder.tracking.tracker import TrackRows
from rmset_builder.video.decode import FrameReader
from rmset_builder.video.frame_buffer import WindowSource, window_length

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class FaceRules:
    """How faces are found and drawn."""

    keyframes: KeyframeRules
    links: LinkRules
    image_size: int
    jpeg_quality: int
    fixed_scale: int


def find_faces(
    reader: FrameReader,
    detector: ScaledDetector,
    workers: Workers,
    rules: FaceRules,
    *,
    spool: Spool,
    progress: Progress,
) -> FoundFaces:
    """Find, link, align and encode the faces of one video.

    Args:
        reader: the video.
        detector: for pictures of the reader's size.
        workers: detect, align and encode.
        rules: how.
        spool: takes the pictures, in the order of the rows.
        progress: called with the number of frames and faces that are done.
    """
    detect = DetectStage(detector, workers, keyframes=rules.keyframes, links=rules.links, fixed_scale=rules.fixed_scale)
    link = LinkStage(rules.links)
    encode = EncodeStage(workers, image_size=rules.image_size, jpeg_quality=rules.jpeg_quality)
    length = window_length(reader.shape, least=rules.links.longest_gap, multiple_of=rules.keyframes.detect_every)
    rows: list[TrackRows] = []
    sharpness: list[float] = []
    with WindowSource(reader, length=length) as windows:
        for done in encode.run(link.run(detect.run(windows))):
            for faces in done.pictures:
                spool.append(faces.pictures)
                sharpness.extend(faces.sharpness)
            windows.release(done.window)
            rows.append(done.rows)
            progress(done.window.stop, len(sharpness))
    return FoundFaces(
        rows=TrackRows.joined(rows),
        sharpness=np.array(sharpness, np.float32),
        keyframes=detect.keyframe_count,
        cuts=link.cuts,
        doubts=link.doubts,
        transitions=link.transitions,
    )
