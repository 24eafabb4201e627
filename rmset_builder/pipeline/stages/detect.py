"""Windows of frames in, their keyframes out: where to look, at which scales, and what is seen there."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from rmset_builder.core.priority_pool import Urgency, Workers
from rmset_builder.detection.faces import Faces
from rmset_builder.detection.multiscale import ScaledDetector, Scales
from rmset_builder.detection.scale_schedule import ScaleChooser
from rmset_builder.tracking.keyframes import Glance, KeyframeRules, find_keyframes, first_frames
from rmset_builder.tracking.matching import Keyframe, LinkRules
from rmset_builder.tracking.tracker import drop_doubles, with_known
from rmset_builder.video.appearance import patches
from rmset_builder.video.frame_buffer import Window


@dataclass(frozen=True)
class Detected:
    """A window and its keyframes, in order."""

    window: Window
    keyframes: list[Keyframe]


@dataclass(frozen=True)
class _Begun:
    """A window in which the detector is at work: its frames' scales, and the looks that were asked for at once."""

    window: Window
    scales: list[Scales]
    looks: dict[int, Future[Keyframe]]


class DetectStage:
    """Finds the keyframes of one video's windows; call `run` once.

    Args:
        detector: for pictures of the video's size.
        workers: run it.
        keyframes: where the detector may be left out.
        links: when two detections are one face.
        fixed_scale: the one scale to use; 0: as each shot needs.
    """

    def __init__(
        self,
        detector: ScaledDetector,
        workers: Workers,
        *,
        keyframes: KeyframeRules,
        links: LinkRules,
        fixed_scale: int,
    ) -> None:
        self.keyframe_count = 0
        self._detector = detector
        self._awaited, self._ahead = workers.at(Urgency.AWAITED), workers.at(Urgency.AHEAD)
        self._rules, self._links = keyframes, links
        self._chooser = ScaleChooser(detector, self._awaited, fixed=fixed_scale)

    def run(self, windows: Iterable[Window]) -> Iterator[Detected]:
        """Each window with its keyframes; looks at the next window fill the gaps in which those at this one wait."""
        begun = map(self._begin, windows)
        before: Keyframe | None = None
        following = next(begun, None)
        while (present := following) is not None:
            following = next(begun, None)
            keyframes = self._look(present, before)
            before = keyframes[-1]
            self.keyframe_count += len(keyframes)
            yield Detected(present.window, keyframes)

    def _begin(self, window: Window) -> _Begun:
        """Choose the scales, and start the looks that are certain before anything is seen."""
        certain = first_frames(window.start, window.stop, window.cuts, self._rules.detect_every)
        chosen = self._chooser.choose(window, certain)
        looks = {
            frame: self._ahead.submit(_keyframe, window, frame, chosen.seen[frame], self._links)
            if frame in chosen.seen
            else self._ahead.submit(self._glance, window, chosen.by_frame, Glance(frame))
            for frame in certain
        }
        return _Begun(window, chosen.by_frame, looks)

    def _look(self, begun: _Begun, before: Keyframe | None) -> list[Keyframe]:
        window = begun.window
        return find_keyframes(
            before,
            window.start,
            window.stop,
            window.cuts,
            functools.partial(self._see, begun),
            rules=self._rules,
            links=self._links,
        )

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
        return _keyframe(window, glance.frame, faces, self._links)


def _keyframe(window: Window, frame: int, faces: Faces, links: LinkRules) -> Keyframe:
    faces = drop_doubles(faces, det_threshold=links.det_threshold)
    place = frame - window.start
    height, width = window.frames[place].shape[:2]
    seen = patches(window.greys[place], faces.boxes, frame_width=width)
    settled = window.changes[place].of_boxes(faces.boxes, frame=frame, width=width, height=height)
    return Keyframe(frame, faces, seen, settled)
