from __future__ import annotations

import importlib.util
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import CliRunner
from insightface.model_zoo.scrfd import SCRFD

from rmset_builder.core.errors import RmsetError
from rmset_builder.demo.compose import command, encode, find_photo, load_scene
from rmset_builder.demo.scene import (
    ABSENT,
    ABSENT_PERSON,
    CUT,
    FPS,
    FRAMES,
    HEIGHT,
    PEOPLE,
    TILE_HEIGHT,
    TILE_WIDTH,
    WIDTH,
    Image,
    Scene,
    draw_frame,
    draw_frames,
    layout_at,
)
from rmset_builder.inference.session import Device, open_session
from rmset_builder.pipeline.model_pack import load_pack
from rmset_builder.video.ffmpeg import Ffmpeg, find_ffmpeg


@pytest.fixture(scope="module")
def scene() -> Scene:
    return load_scene()


@pytest.fixture(scope="module")
def detector() -> SCRFD:
    path = str(load_pack().detector)
    return SCRFD(model_file=path, session=open_session(path, Device()))


def decode(path: Path) -> list[Image]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def difference(one: Image, other: Image) -> float:
    return float(np.abs(one.astype(np.int16) - other).mean())


def test_the_video_decodes_to_what_was_drawn(tmp_path: Path, scene: Scene) -> None:
    out = tmp_path / "videos" / "demo.mp4"

    done = CliRunner().invoke(command, ["--out", str(out)])

    assert done.exit_code == 0, done.output
    assert done.stdout == f"{out}\n"
    assert [path.name for path in out.parent.iterdir()] == ["demo.mp4"]
    with av.open(str(out)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.average_rate) == (WIDTH, HEIGHT, FPS)
        assert stream.codec_context.pix_fmt == "yuv420p"
        changes, times = [], []
        last: Image | None = None
        for index, frame in enumerate(container.decode(video=0)):
            picture = frame.to_ndarray(format="bgr24")[::4, ::4]
            if index % 50 == 7:
                assert difference(picture, draw_frame(scene, index)[::4, ::4]) < 6
            if last is not None:
                changes.append(difference(picture, last))
            last = picture
            times.append(frame.time)
    assert times == pytest.approx([index / FPS for index in range(FRAMES)])
    assert min(changes) > 0.2
    assert int(np.argmax(changes)) + 1 == CUT
    assert max(changes) > 3 * sorted(changes)[-2]


@pytest.mark.parametrize("index", [0, 61, CUT - 1, CUT, ABSENT.start, ABSENT.stop - 1, ABSENT.stop, FRAMES - 1])
def test_every_person_present_has_one_face_in_their_tile(scene: Scene, detector: SCRFD, index: int) -> None:
    boxes, _ = detector.detect(draw_frame(scene, index), input_size=(1280, 1280))
    centres = [((x0 + x1) / 2, (y0 + y1) / 2) for x0, y0, x1, y1, _ in boxes]
    found = [
        tile.person
        for x, y in centres
        for tile in layout_at(index).tiles
        if tile.x <= x < tile.x + TILE_WIDTH and tile.y <= y < tile.y + TILE_HEIGHT
    ]
    present = set(range(PEOPLE)) - ({ABSENT_PERSON} if index in ABSENT else set())
    assert sorted(found) == sorted(present)
    assert len(centres) == len(found), "a face in the film"


def test_the_second_layout_seats_everybody_elsewhere_and_mirrors_two() -> None:
    before, after = layout_at(CUT - 1), layout_at(CUT)
    seats = [{tile.person: (tile.x, tile.y) for tile in layout.tiles} for layout in (before, after)]
    assert set(seats[0]) == set(seats[1]) == set(range(PEOPLE))
    assert all(seats[0][person] != seats[1][person] for person in range(PEOPLE))
    assert [sum(tile.mirrored for tile in layout.tiles) for layout in (before, after)] == [0, 2]
    assert ABSENT.start > CUT
    assert (len(ABSENT) / FPS, FRAMES / FPS) == (2.0, 12.0)


def test_the_same_frames_give_the_same_bytes(tmp_path: Path, scene: Scene) -> None:
    ffmpeg = find_ffmpeg()
    for name in ("one.mp4", "two.mp4"):
        encode(islice(draw_frames(scene), 12), tmp_path / name, ffmpeg)
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()
    assert len(decode(tmp_path / "one.mp4")) == 12


def _ffmpeg_that(tmp_path: Path, cases: str) -> Ffmpeg:
    real = find_ffmpeg()
    program = tmp_path / "ffmpeg"
    program.write_text(f'#!/bin/sh\nreal={real.path}\ncase "$*" in\n{cases}\n*) exec "$real" "$@";;\nesac\n')
    program.chmod(0o755)
    return Ffmpeg(str(program), real.version)


def test_without_x264_the_video_is_mpeg4(tmp_path: Path, scene: Scene) -> None:
    ffmpeg = _ffmpeg_that(tmp_path, '*-encoders*) "$real" "$@" | grep -v libx264;;')
    encode(islice(draw_frames(scene), 5), tmp_path / "demo.mp4", ffmpeg)
    with av.open(str(tmp_path / "demo.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"
        assert sum(1 for _ in container.decode(video=0)) == 5


def test_an_ffmpeg_that_stops_early_is_quoted_and_leaves_nothing(tmp_path: Path, scene: Scene) -> None:
    ffmpeg = _ffmpeg_that(tmp_path, "*rawvideo*) echo 'the disk is full' >&2; exit 1;;")
    with pytest.raises(RmsetError, match="the disk is full"):
        encode(islice(draw_frames(scene), 5), tmp_path / "out" / "demo.mp4", ffmpeg)
    assert not list((tmp_path / "out").iterdir())


def test_a_missing_photo_is_told_with_its_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(RmsetError, match="insightface is not installed; run: python -m pip install"):
        find_photo()
