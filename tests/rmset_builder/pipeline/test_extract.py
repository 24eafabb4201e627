"""``rmset extract`` from one end to the other, on a mashup whose every frame is known."""

from __future__ import annotations

import hashlib
import importlib
import json
import re
from pathlib import Path

import click
import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from extracted import MakeClip, Rmset, column, contents, picture, shard
from insightface.model_zoo.scrfd import SCRFD

from rmset_builder.demo.scene import (
    CUT,
    FPS,
    HEIGHT,
    PEOPLE,
    TILE_HEIGHT,
    TILE_WIDTH,
    WIDTH,
    Image,
    is_present,
    layout_at,
)
from rmset_builder.faces.align import align_face, template
from rmset_builder.inference.session import Device, open_session
from rmset_builder.pipeline.model_pack import load_pack
from rmset_builder.pipeline.settings import ExtractSettings
from rmset_builder.shards.videos_table import read_videos


def people_of(table: pa.Table, indexes: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """The person in whose tile the centre of each face lies; -1 where it lies in none."""
    boxes = column(table, "bbox")
    people = []
    for frame, x, y in zip(column(table, "frame"), boxes[:, [0, 2]].mean(1), boxes[:, [1, 3]].mean(1), strict=True):
        tiles = layout_at(indexes[frame]).tiles
        inside = [t.person for t in tiles if 0 <= x - t.x < TILE_WIDTH and 0 <= y - t.y < TILE_HEIGHT]
        people.append(inside[0] if inside else -1)
    return np.array(people)


def test_every_face_of_everybody_is_found_once(demo_shards: Path, demo_indexes: tuple[int, ...]) -> None:
    table = shard(demo_shards)
    found = sorted(zip(column(table, "frame").tolist(), people_of(table, demo_indexes).tolist(), strict=True))
    there = [
        (frame, person)
        for frame, index in enumerate(demo_indexes)
        for person in range(PEOPLE)
        if is_present(person, index)
    ]
    assert found == there


def test_each_identity_is_one_person_across_the_cut_and_the_absence(
    demo_shards: Path, demo_indexes: tuple[int, ...]
) -> None:
    table = shard(demo_shards)
    pairs = set(zip(column(table, "identity").tolist(), people_of(table, demo_indexes).tolist(), strict=True))
    assert sorted(identity for identity, _ in pairs) == list(range(PEOPLE)), "without gaps, from 0"
    assert sorted(person for _, person in pairs) == list(range(PEOPLE))


def test_rows_are_sorted_and_their_numbers_plausible(demo_shards: Path, demo_indexes: tuple[int, ...]) -> None:
    table = shard(demo_shards)
    order = list(zip(*(column(table, name).tolist() for name in ("frame", "identity", "track")), strict=True))
    assert order == sorted(order)
    assert set(column(table, "video")) == {"demo"}
    np.testing.assert_allclose(column(table, "time_s"), column(table, "frame") / FPS, atol=1e-9)
    boxes, points = column(table, "bbox"), column(table, "landmarks").reshape(-1, 5, 2)
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    assert (points > boxes[:, None, :2] - 8).all()
    assert (points < boxes[:, None, 2:] + 8).all()
    # Left and right are the picture's, not the person's.
    assert (points[:, 0, 0] < points[:, 1, 0]).all()
    assert (points[:, 3, 1] > points[:, 0, 1]).all()
    assert ((column(table, "det_score") > 0.2) & (column(table, "det_score") <= 1)).all()
    assert (column(table, "sharpness") > 0).all()


def test_a_track_is_one_unbroken_appearance(demo_shards: Path, demo_indexes: tuple[int, ...]) -> None:
    table = shard(demo_shards)
    tracks, frames = column(table, "track"), column(table, "frame")
    assert sorted(set(tracks.tolist())) == list(range(tracks.max() + 1))
    for track in range(tracks.max() + 1):
        rows = np.flatnonzero(tracks == track)
        assert len(set(column(table, "identity")[rows].tolist())) == 1
        np.testing.assert_array_equal(frames[rows], np.arange(frames[rows[0]], frames[rows[0]] + len(rows)))
        layouts = {id(layout_at(demo_indexes[frame])) for frame in frames[rows]}
        assert len(layouts) == 1, "no track runs through a cut"


def test_the_pictures_are_the_faces_upright_and_in_their_colours(
    demo_shards: Path, demo_frames: list[Image], demo_indexes: tuple[int, ...]
) -> None:
    """insightface's own detector finds the face where the template wants it, and it looks as it did in the scene."""
    path = str(load_pack().detector)
    detector = SCRFD(model_file=path, session=open_session(path, Device()))
    rows = shard(demo_shards).to_pylist()
    wanted = template(260)
    for row in rows[:: len(rows) // 20]:
        face = picture(row)
        assert face.shape == (260, 260, 3)
        padded = cv2.copyMakeBorder(face, 60, 60, 60, 60, cv2.BORDER_CONSTANT)
        boxes, points = detector.detect(padded, input_size=(384, 384))
        middle = int(np.argmin(np.abs(boxes[:, :4].reshape(-1, 2, 2).mean(1) - 190).sum(1)))
        # Profiles do not fit the template point by point; their middle does, to a few hundredths of the side.
        np.testing.assert_allclose(points[middle].mean(0) - 60, wanted.mean(0), atol=10)
        np.testing.assert_allclose(points[middle] - 60, wanted, atol=45)
        drawn = align_face(demo_frames[row["frame"]], np.array(row["landmarks"], np.float32), side=260)
        difference = np.abs(face.astype(int) - drawn)
        assert difference.mean() < 4
        assert difference.mean((0, 1)).max() < 6, "no channel stands out"


def test_the_record_has_the_cut(demo_shards: Path, demo_indexes: tuple[int, ...]) -> None:
    (record,) = read_videos(demo_shards).values()
    layouts = [layout_at(index) for index in demo_indexes]
    assert json.loads(record.cuts_json)[0] == layouts.index(layout_at(CUT))


def test_the_record_is_complete(demo_shards: Path, demo_video: Path) -> None:
    (record,) = read_videos(demo_shards).values()
    table = shard(demo_shards)
    stat = demo_video.stat()
    assert (record.id, record.source) == ("demo", str(demo_video))
    assert (record.source_bytes, record.source_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    assert record.source_sha256 == hashlib.sha256(demo_video.read_bytes()).hexdigest()
    assert (record.state, record.reason, record.message) == ("done", "", "")
    assert (record.fps, record.width, record.height) == (FPS, WIDTH, HEIGHT)
    assert record.frames == 112
    assert record.duration_s == pytest.approx(112 / FPS)
    assert (record.identities, record.faces, record.shards) == (PEOPLE, table.num_rows, 1)
    assert record.tracks == column(table, "track").max() + 1
    assert 0 < record.detected_frames < record.frames
    assert record.seconds_spent > 0
    assert record.settings_sha256 == ExtractSettings().sha256
    assert (record.models, record.models_sha256) == ("offline", load_pack().sha256)
    assert record.rmset_version
    assert set(json.loads(record.versions_json)) >= {"ffmpeg", "numpy", "onnxruntime", "opencv", "pyarrow", "python"}
    assert set(json.loads(record.dropped_json)) == {"faces", "identities"}


def test_the_shards_footer_tells_the_same(demo_shards: Path) -> None:
    (record,) = read_videos(demo_shards).values()
    path = demo_shards / "demo-00000.parquet"
    footer = {key.decode(): value.decode() for key, value in pq.read_metadata(path).metadata.items()}
    assert footer["rmset.schema"] == "1"
    assert (footer["rmset.video"], footer["rmset.group"]) == ("demo", "")
    assert (int(footer["rmset.frames"]), int(footer["rmset.identities"])) == (record.frames, record.identities)
    for name in ("source_sha256", "models_sha256", "settings_sha256"):
        assert footer[f"rmset.{name}"] == getattr(record, name)
    assert ExtractSettings(**json.loads(footer["rmset.settings"])) == ExtractSettings()


def test_the_side_file_of_identities(demo_shards: Path) -> None:
    side = pq.read_table(demo_shards / "identities" / "demo.parquet")
    assert column(side, "identity").tolist() == list(range(PEOPLE))
    assert column(side, "faces").tolist() == np.bincount(column(shard(demo_shards), "identity")).tolist()
    embeddings = column(side, "embedding")
    assert embeddings.shape == (PEOPLE, 512)
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    assert (unit @ unit.T)[~np.eye(PEOPLE, dtype=bool)].max() < 0.33, "six people are six"


def test_nothing_else_is_left_in_the_folder(demo_shards: Path) -> None:
    files = sorted(str(path.relative_to(demo_shards)) for path in demo_shards.rglob("*") if path.is_file())
    visible = [name for name in files if not name.startswith(".")]
    assert visible == ["demo-00000.parquet", "embeddings/demo.parquet", "identities/demo.parquet", "videos.parquet"]
    assert all(name.endswith(".lock") for name in set(files) - set(visible))


def test_two_runs_give_the_same_bytes_whatever_the_threads(
    demo_shards: Path, demo_video: Path, rmset: Rmset, tmp_path: Path
) -> None:
    done = rmset("extract", demo_video, "--out", tmp_path, "--threads", 2)
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path) == contents(demo_shards)


def test_a_video_without_faces_is_done_and_recorded_as_such(tmp_path: Path, make_clip: MakeClip, rmset: Rmset) -> None:
    clip = make_clip(
        tmp_path / "film.mp4", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=1", "-pix_fmt", "yuv420p"
    )
    out = tmp_path / "shards"
    done = rmset("extract", clip, "--out", out, "--threads", 1)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("film: 25 frames, 0 identities, 0 faces (no face in it) in ")
    (record,) = read_videos(out).values()
    assert (record.state, record.reason) == ("done", "no-faces")
    assert (record.frames, record.identities, record.tracks, record.faces, record.shards) == (25, 0, 0, 0, 1)
    table = shard(out, "film")
    assert table.num_rows == 0
    assert table.schema.field("image").type == pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    assert pq.read_table(out / "identities" / "film.parquet").num_rows == 0
    assert "already done" in rmset("extract", clip, "--out", out).stdout


@pytest.mark.parametrize("name", ["extract", "stats", "contact", "doctor"])
def test_help_prints_every_default_in_sentences(rmset: Rmset, name: str) -> None:
    command: click.Command = importlib.import_module(f"rmset_builder.commands.{name}").command
    done = rmset(name, "--help")
    assert done.returncode == 0
    options = {o.opts[0]: o for o in command.params if isinstance(o, click.Option)}
    told = {
        re.findall(r"--[a-z-]+", part)[0]: " ".join(part.split()) for part in re.split(r"\n  (?=-)", done.stdout)[1:]
    }
    assert told.keys() == {*options, "--help"}
    for option, text in told.items():
        assert option == "--help" or "[default: " in text, text
    for option in options.values():
        assert re.fullmatch(r"[A-Z].*\.", option.help or ""), option.help


def test_the_defaults_are_the_settings(rmset: Rmset) -> None:
    text = " ".join(rmset("extract", "--help").stdout.split())
    for name, field in ExtractSettings.model_fields.items():
        assert re.search(rf"--{name.replace('_', '-')} [A-Z]+ .*?\[default: {re.escape(str(field.default))}\]", text)
