from __future__ import annotations

import numpy as np

from rmset_builder.reports.review.tracks import Faces, tracks_of


def random_faces(rng: np.random.Generator, frames: int, tracks: int) -> Faces:
    """Faces of tracks that come and go and often lie on one another."""
    seen = rng.random((frames, tracks)) < 0.6
    frame, track = np.nonzero(seen)
    n = len(frame)
    low = rng.uniform(0, 60, (n, 2))
    return Faces(
        frame=frame.astype(np.int32),
        identity=(track // 2).astype(np.int32),
        track=(track * 3 + 1).astype(np.int32),
        bbox=np.concatenate([low, low + rng.uniform(5, 60, (n, 2))], axis=1).astype(np.float32),
        landmarks=rng.uniform(0, 100, (n, 10)).astype(np.float32),
        sharpness=rng.uniform(0, 90, n).astype(np.float32),
    )


def test_tracks_are_what_their_rows_are_one_by_one() -> None:
    faces = random_faces(np.random.default_rng(3), 40, 7)

    tracks = tracks_of(faces)

    assert tracks.number.tolist() == sorted({int(number) for number in faces.track})
    for place, number in enumerate(tracks.number):
        own = faces.track == number
        box = faces.bbox[own].astype(np.float64)
        assert tracks.identity[place] == (number - 1) // 3 // 2
        assert tracks.faces[place] == own.sum()
        assert (tracks.first[place], tracks.last[place]) == (faces.frame[own].min(), faces.frame[own].max())
        np.testing.assert_allclose(tracks.box[place], box.mean(axis=0))
        sides = np.sqrt((box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]))
        np.testing.assert_allclose(tracks.size[place], sides.mean(), rtol=1e-6)
        np.testing.assert_allclose(tracks.sharpness[place], faces.sharpness[own].astype(np.float64).mean())
        points = faces.landmarks[own].astype(np.float64)
        eyes, mouth = (points[:, 1] + points[:, 3]) / 2, (points[:, 7] + points[:, 9]) / 2
        np.testing.assert_allclose(tracks.upside_down[place], (eyes > mouth).mean())


def test_side_by_side_is_what_two_boxes_of_a_frame_say() -> None:
    faces = random_faces(np.random.default_rng(4), 60, 6)
    tracks = tracks_of(faces)
    counted: dict[tuple[int, int], int] = {}
    for a in range(len(faces.frame)):
        for b in range(a + 1, len(faces.frame)):
            if faces.frame[a] != faces.frame[b]:
                continue
            one, other = faces.bbox[[a, b]].astype(np.float64)
            width = max(min(one[2], other[2]) - max(one[0], other[0]), 0)
            height = max(min(one[3], other[3]) - max(one[1], other[1]), 0)
            smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
            if width * height < smaller / 2:
                pair = sorted(int(np.searchsorted(tracks.number, faces.track[row])) for row in (a, b))
                counted[pair[0], pair[1]] = counted.get((pair[0], pair[1]), 0) + 1

    found = zip(map(tuple, tracks.beside.tolist()), tracks.frames_beside.tolist(), strict=True)

    assert dict(found) == counted
    assert len(counted) == 15
    one, other = np.array([0, 3]), np.array([1, 4])
    both = [counted[pair] for pair in ((0, 1), (0, 4), (1, 3), (3, 4))]
    assert tracks.frames_of_two(one, other) == tracks.frames_of_two(other, one) == sum(both)


def test_no_faces_are_no_tracks() -> None:
    nothing = np.empty(0, np.int32)
    faces = Faces(
        frame=nothing,
        identity=nothing,
        track=nothing,
        bbox=np.empty((0, 4), np.float32),
        landmarks=np.empty((0, 10), np.float32),
        sharpness=np.empty(0, np.float32),
    )
    tracks = tracks_of(faces)
    assert len(tracks) == 0
    assert tracks.beside.shape == (0, 2)
