"""The faces of one video, from frames to JPEG pictures: detection, tracks, alignment, encoding, all at once.

One thread reads frames, workers detect and encode, and the caller's thread links; windows of frames pass through in
order, so the result does not depend on how fast any of them is.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np

from rmset_builder.core.priority_pool import Urgency, Workers
from rmset_builder.detection.faces import Faces
from rmset_builder.detection.multiscale import ScaledDetector, Scales
from rmset_builder.detection.scale_schedule import ScaleChooser
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
        self._stride = rules.keyframes.detect_every
        self._linker = TrackLinker(rules.links)
        self._chooser = ScaleChooser(detector, self._awaited, fixed=rules.fixed_scale)
        self._keyframe_count = 0

    def run(self, spool: Spool, progress: Progress) -> FoundFaces:
        """Go through the whole video: decode, detect, link, encode; each stage draws windows from the one before.

        Args:
            spool: takes the pictures.
            progress: called with the number of frames and faces that are done.
        """
        length = window_length(self._reader.shape, least=self._rules.links.longest_gap, multiple_of=self._stride)
        kept: list[TrackRows] = []
        sharp: list[float] = []
        faces = 0
        with WindowSource(self._reader, length=length) as decoded:
            for window, rows, encoded in self._encode(self._link(self._detect(decoded))):
                for done in encoded:
                    spool.append(done.pictures)
                    sharp.extend(done.sharpness)
                decoded.release(window)
                kept.append(rows)
                faces += len(rows)
                progress(window.stop, faces)
        return FoundFaces(
            rows=TrackRows.joined(kept),
            sharpness=np.array(sharp, np.float32),
            keyframes=self._keyframe_count,
            doubts=np.array(self._linker.doubts, np.int32).reshape(-1, 2),
            transitions=np.array(self._linker.transitions, np.int32),
        )

    # The stages -------------------------------------------------------------------------------------------------------

    def _detect(self, decoded: Iterable[Window]) -> Iterator[tuple[Window, list[Keyframe]]]:
        """Each window's keyframes; looks at the next window fill the gaps in which those at this one wait."""
        begun = map(self._begin, decoded)
        before: Keyframe | None = None
        following = next(begun, None)
        while (present := following) is not None:
            following = next(begun, None)
            keyframes = self._look(present, before)
            before = keyframes[-1]
            yield present.window, keyframes

    def _link(self, detected: Iterable[tuple[Window, list[Keyframe]]]) -> Iterator[tuple[Window, TrackRows]]:
        """Each window's rows, once the window after it is linked: no gap is longer than a window."""
        waiting: Window | None = None
        pending = TrackRows.joined([])
        for window, keyframes in detected:
            parts = [self._linker.advance(k, cut=k.frame in window.cuts) for k in keyframes]
            pending = TrackRows.joined([pending, *parts])
            if waiting is not None:
                sure, pending = _split(pending, waiting.stop)
                yield waiting, sure
            waiting = window
        if waiting is not None:
            yield waiting, _split(pending, waiting.stop)[0]

    def _encode(
        self, linked: Iterable[tuple[Window, TrackRows]]
    ) -> Iterator[tuple[Window, TrackRows, list[EncodedFaces]]]:
        """Each window's pictures, while those of the next are made."""
        under_way: deque[tuple[Window, TrackRows, list[Future[EncodedFaces]]]] = deque()
        for window, rows in linked:
            under_way.append((window, rows, self._start_encoding(window, rows)))
            if len(under_way) > 1:
                yield _finished(*under_way.popleft())
        while under_way:
            yield _finished(*under_way.popleft())

    # What the stages ask of the workers -------------------------------------------------------------------------------

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
            functools.partial(self._see, begun),
            rules=self._rules.keyframes,
            links=self._rules.links,
        )
        self._keyframe_count += len(keyframes)
        return keyframes

    def _see(self, begun: _Begun, glances: Sequence[Glance]) -> list[Keyframe]:
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
        faces = drop_doubles(faces, det_threshold=self._rules.links.det_threshold)
        place, width, height = frame - window.start, self._reader.width, self._reader.height
        seen = patches(window.greys[place], faces.boxes, frame_width=width)
        settled = window.changes[place].of_boxes(faces.boxes, frame=frame, width=width, height=height)
        return Keyframe(frame, faces, seen, settled)

    def _start_encoding(self, window: Window, rows: TrackRows) -> list[Future[EncodedFaces]]:
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


def _split(pending: TrackRows, stop: int) -> tuple[TrackRows, TrackRows]:
    """The rows of the frames before ``stop``, without doubles and in order; and all others."""
    mine = pending.frame < stop
    rows = drop_filled_doubles(pending.select(mine))
    return rows.select(np.lexsort((rows.track, rows.frame))), pending.select(~mine)


def _finished(
    window: Window, rows: TrackRows, encoding: list[Future[EncodedFaces]]
) -> tuple[Window, TrackRows, list[EncodedFaces]]:
    return window, rows, [future.result() for future in encoding]
