"""The faces of one video, from frames to JPEG pictures: detection, tracks, alignment, encoding, all at once.

One thread reads frames, workers detect and encode, and the caller's thread links; windows of frames pass through in
order, so the result does not depend on how fast any of them is.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np

from rmset_builder.core.priority_pool import Urgency, Workers
from rmset_builder.detection.multiscale import ScaledDetector, Scales
from rmset_builder.detection.scale_schedule import ScaleChooser
from rmset_builder.detection.scrfd import Faces
from rmset_builder.faces.found_faces import FoundFaces
from rmset_builder.faces.jpeg import EncodedFaces, encode_faces
from rmset_builder.faces.spool import Spool
from rmset_builder.tracking.keyframes import Glance, KeyframeRules, find_keyframes, first_frames
from rmset_builder.tracking.tracker import (
    Keyframe,
    LinkRules,
    TrackLinker,
    TrackRows,
    drop_doubles,
    drop_filled_doubles,
    frame_runs,
    with_known,
)
from rmset_builder.video.appearance import patches
from rmset_builder.video.decode import FrameReader
from rmset_builder.video.frame_buffer import Window, WindowSource, window_length

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Begun:
    """A window in which the detector is at work: its frames' scales, and the looks that are wanted in any case."""

    window: Window
    scales: list[Scales]
    looks: dict[int, Future[Keyframe]]


@dataclass(frozen=True)
class FaceRules:
    """How faces are found and drawn."""

    keyframes: KeyframeRules
    links: LinkRules
    image_size: int
    jpeg_quality: int
    fixed_scale: int


class FaceFinder:
    """Finds, links, aligns and encodes the faces of one video.

    Args:
        reader: the video.
        detector: for pictures of the reader's size.
        workers: detect, align and encode.
        rules: how.
    """

    def __init__(self, reader: FrameReader, detector: ScaledDetector, workers: Workers, rules: FaceRules) -> None:
        self._reader = reader
        self._detector = detector
        self._awaited, self._ahead, self._deferred = (workers.at(urgency) for urgency in Urgency)
        self._rules = rules
        self._stride = rules.keyframes.stride
        self._linker = TrackLinker(rules.links)
        self._chooser = ScaleChooser(detector, self._awaited, fixed=rules.fixed_scale)
        self._keyframe_count = 0

    def run(self, spool: Spool, progress: Progress) -> FoundFaces:
        """Go through the whole video.

        Args:
            spool: takes the pictures.
            progress: called with the number of frames and faces that are done.
        """
        length = window_length(self._reader.shape, least=self._rules.links.longest_gap, multiple_of=self._stride)
        kept: list[TrackRows] = []
        sharp: list[float] = []
        encoding: deque[tuple[Window, TrackRows, list[Future[EncodedFaces]]]] = deque()
        waiting: Window | None = None
        pending = TrackRows.joined([])
        before: Keyframe | None = None
        faces = 0

        with WindowSource(self._reader, length=length) as source:

            def collect() -> None:
                nonlocal faces
                window, rows, futures = encoding.popleft()
                for future in futures:
                    done = future.result()
                    spool.append(done.pictures)
                    sharp.extend(done.sharpness)
                source.release(window)
                kept.append(rows)
                faces += len(rows)
                progress(window.stop, faces)

            def encode(window: Window) -> None:
                """A window is sure once the one after it is linked: no gap is longer than a window."""
                nonlocal pending
                mine = pending.frame < window.stop
                rows = _in_order(drop_filled_doubles(pending.select(mine)))
                pending = pending.select(~mine)
                encoding.append((window, rows, self._encode(window, rows)))

            # The next window's looks fill the gaps that the present one's leave, where each waits for the one before.
            begun = map(self._begin, source)
            following = next(begun, None)
            while (present := following) is not None:
                window, following = present.window, next(begun, None)
                keyframes = self._look(present, before)
                parts = [self._linker.advance(k, cut=k.frame in window.cuts) for k in keyframes]
                pending = TrackRows.joined([pending, *parts])
                before = keyframes[-1]
                if waiting is not None:
                    encode(waiting)
                while len(encoding) > 1:
                    collect()
                waiting = window
            if waiting is not None:
                encode(waiting)
            while encoding:
                collect()
        return FoundFaces(
            rows=TrackRows.joined(kept),
            sharpness=np.array(sharp, np.float32),
            keyframes=self._keyframe_count,
            doubts=np.array(self._linker.doubts, np.int32).reshape(-1, 2),
            transitions=np.array(self._linker.transitions, np.int32),
        )

    def _begin(self, window: Window) -> _Begun:
        """Choose the scales, and look where a look is wanted whatever it shows."""
        certain = first_frames(window.start, window.stop, window.cuts, self._stride)
        chosen = self._chooser.choose(window, certain)
        looks = {
            frame: self._ahead.submit(self._keyframe, window, frame, chosen.seen[frame])
            if frame in chosen.seen
            else self._ahead.submit(self._glance, window, chosen.by_frame, Glance(frame))
            for frame in certain
        }
        return _Begun(window, chosen.by_frame, looks)

    def _look(self, begun: _Begun, before: Keyframe | None) -> list[Keyframe]:
        """The window's keyframes."""
        window = begun.window
        keyframes = find_keyframes(
            before,
            window.start,
            window.stop,
            window.cuts,
            functools.partial(self._detect, begun),
            rules=self._rules.keyframes,
            links=self._rules.links,
        )
        self._keyframe_count += len(keyframes)
        return keyframes

    def _detect(self, begun: _Begun, glances: Sequence[Glance]) -> list[Keyframe]:
        looks = [
            begun.looks.get(glance.frame) or self._awaited.submit(self._glance, begun.window, begun.scales, glance)
            for glance in glances
        ]
        return [look.result() for look in looks]

    def _glance(self, window: Window, scales_by_frame: list[Scales], glance: Glance) -> Keyframe:
        place = glance.frame - window.start
        picture, scales = window.frames[place], scales_by_frame[place]
        faces = None
        if glance.regions is not None and glance.known is not None:
            faces = self._detector.detect_in(picture, glance.regions, scales)
            if faces is not None:
                faces = with_known(faces, glance.known)
        if faces is None:
            faces = self._detector.detect(picture, scales)
        return self._keyframe(window, glance.frame, faces)

    def _keyframe(self, window: Window, frame: int, faces: Faces) -> Keyframe:
        faces = drop_doubles(faces, sure=self._rules.links.sure)
        place, width, height = frame - window.start, self._reader.width, self._reader.height
        seen = patches(window.greys[place], faces.boxes, frame_width=width)
        settled = window.changes[place].of_boxes(faces.boxes, frame=frame, width=width, height=height)
        return Keyframe(frame, faces, seen, settled)

    def _encode(self, window: Window, rows: TrackRows) -> list[Future[EncodedFaces]]:
        return [
            self._deferred.submit(
                encode_faces,
                window.frames[rows.frame[start] - window.start],
                rows.landmarks[start:stop],
                side=self._rules.image_size,
                quality=self._rules.jpeg_quality,
            )
            for start, stop in frame_runs(rows.frame)
        ]


def _in_order(rows: TrackRows) -> TrackRows:
    return rows.select(np.lexsort((rows.track, rows.frame)))
