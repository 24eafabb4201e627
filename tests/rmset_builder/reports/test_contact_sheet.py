from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner
from PIL import Image
from watched_parquet import watch_reads

from rmset_builder.commands.contact import command
from rmset_builder.core.errors import RmsetError
from rmset_builder.reports.contact_drawing import label_of, note_of
from rmset_builder.reports.contact_sheet import write_contact_sheet
from rmset_builder.reports.exemplars import plan_video, spread
from rmset_builder.shards import writer
from rmset_builder.shards.layout import find_shards
from rmset_builder.shards.metadata import ShardMetadata
from rmset_builder.shards.schema import FaceRows
from rmset_builder.shards.videos_table import FAILED, VideoRecord, update_videos
from rmset_builder.shards.writer import write_shards

FPS = 25.0
BACKGROUND = (250, 250, 248)
Colour = tuple[int, int, int]


def colour_of(identity: int, frame: int) -> Colour:
    """Red and green tell who it is, blue tells when."""
    return 40 + 50 * (identity % 4), 40 + 50 * (identity // 4), frame % 256


def jpeg_of(colour: Colour) -> bytes:
    picture = np.full((40, 40, 3), colour[::-1], np.uint8)
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes()


def write(folder: Path, video: str, faces: Sequence[tuple[int, int]]) -> None:
    """Shards of faces, each a frame and an identity."""
    faces = sorted(faces)

    def block(start: int, stop: int) -> FaceRows:
        chosen = faces[start:stop]
        n = len(chosen)
        return FaceRows(
            frame=np.array([frame for frame, _ in chosen], np.int32),
            identity=np.array([identity for _, identity in chosen], np.int32),
            track=np.zeros(n, np.int32),
            time_s=np.array([frame / FPS for frame, _ in chosen]),
            bbox=np.zeros((n, 4), np.float32),
            landmarks=np.zeros((n, 10), np.float32),
            det_score=np.ones(n, np.float32),
            sharpness=np.ones(n, np.float32),
            images=[jpeg_of(colour_of(identity, frame)) for frame, identity in chosen],
        )

    write_shards(folder, video, len(faces), block, ShardMetadata())


def pixels_of(path: Path) -> npt.NDArray[np.int64]:
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGB"), np.int64)


def assert_colour(pixels: npt.NDArray[np.int64], x: int, y: int, colour: Colour) -> None:
    assert np.abs(pixels[y, x] - colour).max() <= 6, f"at {x}, {y}: {pixels[y, x]}, not {colour}"


def test_each_row_holds_its_identity_in_order_of_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Several shards and row groups, so that rows must be found across their borders.
    monkeypatch.setattr(writer, "ROWS_PER_SHARD", 300)
    seen = {0: range(250), 1: range(50, 150), 2: [*range(20), *range(200, 250)], 5: range(120, 123)}
    write(tmp_path, "wall9", [(frame, identity) for identity, frames in seen.items() for frame in frames])
    write(tmp_path, "alone", [(frame, 7) for frame in range(10)])
    assert len(find_shards(tmp_path)) == 3

    sheet = write_contact_sheet(tmp_path, tmp_path / "contact.png", columns=6, size=48)

    pixels = pixels_of(tmp_path / "contact.png")
    layout = sheet.layout
    assert [placed.plan.video for placed in layout.videos] == ["alone", "wall9"]
    wall = layout.videos[1]
    assert [row.identity for row in wall.plan.rows] == list(seen)
    for row, top in zip(wall.plan.rows, wall.rows, strict=True):
        frames = list(seen[row.identity])
        shown = min(6, len(frames))
        for column in range(shown):
            frame = frames[int((column + 0.5) * len(frames) / shown)]
            colour = colour_of(row.identity, frame)
            left = layout.face_left(column)
            for x, y in ((left, top), (left + 47, top + 47), (left + 24, top + 24)):
                assert_colour(pixels, x, y, colour)
            assert_colour(pixels, left - 1, top + 24, BACKGROUND)
            assert_colour(pixels, left + 24, top + 48, BACKGROUND)
        for column in range(shown, 6):
            assert_colour(pixels, layout.face_left(column) + 24, top + 24, BACKGROUND)
        # Something is written at the left of every row.
        assert (pixels[top : top + 48, : layout.face_left(0)] < 128).all(axis=2).any()
    assert pixels.shape == (layout.height, layout.width, 3)
    assert_colour(pixels, layout.face_left(3), layout.videos[0].rows[0] + 10, colour_of(7, 5))


def test_counts_and_seconds_of_a_row() -> None:
    identity = np.array([0, 4, 0, 4, 0, 4, 0], np.int32)
    time_s = np.array([0, 0, 0.5, 0.5, 1, 1, 9], np.float64)
    plan = plan_video("wall9", (), identity, time_s, columns=2, most_rows=9)
    assert [(row.identity, row.faces, row.seconds, row.picks) for row in plan.rows] == [
        (0, 4, 2.0, (2, 6)),
        (4, 3, 1.5, (1, 5)),
    ]
    assert label_of(plan, plan.rows[1]) == "wall9 · 4"
    assert note_of(plan) == ""


def test_with_many_identities_the_most_seen_are_shown_and_the_others_counted() -> None:
    identity = np.repeat(np.arange(5, dtype=np.int32), [1, 9, 2, 8, 7])
    plan = plan_video("wall9", (), identity, np.arange(27) / FPS, columns=4, most_rows=3)
    assert [row.identity for row in plan.rows] == [1, 3, 4]
    assert note_of(plan) == "and 2 identities more, with fewer faces"


@pytest.mark.parametrize(("count", "wanted", "places"), [(0, 3, []), (2, 5, [0, 1]), (9, 3, [1, 4, 7]), (10, 1, [5])])
def test_spread(count: int, wanted: int, places: list[int]) -> None:
    assert spread(count, wanted).tolist() == places


def test_only_the_row_groups_of_chosen_faces_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "long", [(frame, 0) for frame in range(256 * 6)])
    read, tables = watch_reads(monkeypatch)
    write_contact_sheet(tmp_path, tmp_path / "contact.png", columns=2)

    assert read == [(1, ["image.bytes"]), (4, ["image.bytes"])]
    assert tables == [["identity", "time_s"]]


def test_a_video_without_faces_gets_a_line(tmp_path: Path) -> None:
    write(tmp_path, "nobody", [])
    update_videos(tmp_path, VideoRecord(id="street", reason="no-faces"))
    update_videos(tmp_path, VideoRecord(id="lost", faces=9, shards=1))
    update_videos(tmp_path, VideoRecord(id="broken", state=FAILED, reason="no-video-stream"))

    layout = write_contact_sheet(tmp_path, tmp_path / "contact.png").layout

    pixels = pixels_of(tmp_path / "contact.png")
    assert [placed.plan.video for placed in layout.videos] == ["nobody", "street"]
    for placed in layout.videos:
        assert note_of(placed.plan) == "no faces"
        assert placed.note is not None
        assert (pixels[placed.note : placed.note + 25] < 160).all(axis=2).any()


def test_the_command_prints_the_path_and_what_is_left_out(tmp_path: Path) -> None:
    for video in ("a", "b", "c"):
        write(tmp_path / "shards", video, [(0, 0), (0, 1)])
    out = tmp_path / "new" / "sheet.png"

    done = CliRunner().invoke(command, [str(tmp_path / "shards"), "--out", str(out), "--limit", "2"])

    assert done.exit_code == 0
    assert done.stdout == f"{out}\n"
    assert "1 of 3 videos are not on the sheet, from c on" in done.stderr
    assert "--limit 3" in done.stderr
    assert [path.name for path in out.parent.iterdir()] == ["sheet.png"]


def test_chosen_videos_are_shown_in_the_order_given(tmp_path: Path) -> None:
    for video in ("a", "b", "c"):
        write(tmp_path, video, [(0, 0)])
    layout = write_contact_sheet(tmp_path, tmp_path / "contact.png", videos=["c", "a"]).layout
    assert [placed.plan.video for placed in layout.videos] == ["c", "a"]


def test_long_ids_stay_in_their_column(tmp_path: Path) -> None:
    write(tmp_path, "an-id-" * 20 + "end", [(0, 0)])
    layout = write_contact_sheet(tmp_path, tmp_path / "contact.png", columns=3).layout
    pixels = pixels_of(tmp_path / "contact.png")
    top = layout.videos[0].rows[0]
    gap = pixels[top : top + 96, layout.face_left(0) - 12 : layout.face_left(0) - 1]
    assert (gap == BACKGROUND).all()
    assert (pixels[:, -20:] >= 200).all()


def test_refusals_leave_nothing_behind(tmp_path: Path) -> None:
    out = tmp_path / "out" / "contact.png"
    with pytest.raises(RmsetError, match=r"no folder of shards.*rmset extract"):
        write_contact_sheet(tmp_path / "nowhere", out)
    folder = tmp_path / "shards"
    folder.mkdir()
    with pytest.raises(RmsetError, match=r"no shards in .*rmset extract"):
        write_contact_sheet(folder, out)
    write(folder, "a", [(0, 0)])
    with pytest.raises(RmsetError, match=r"--video nope: .*it has: a"):
        write_contact_sheet(folder, out, videos=["nope"])
    (tmp_path / "file").touch()
    with pytest.raises(RmsetError, match=r"--out .*contact\.png cannot be written to \(.+\); give another file"):
        write_contact_sheet(folder, tmp_path / "file" / "contact.png")
    (folder / "a-00000.parquet").write_bytes(b"PAR1 cut short")
    with pytest.raises(RmsetError, match=r"a-00000\.parquet is not a whole Parquet file"):
        write_contact_sheet(folder, out)
    assert not out.parent.exists()


def test_a_picture_that_is_none_is_refused_by_its_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "jpeg_of", lambda _: b"not a picture")
    write(tmp_path, "a", [(0, 0)])
    with pytest.raises(RmsetError, match=r"a-00000\.parquet cannot be read"):
        write_contact_sheet(tmp_path, tmp_path / "contact.png")
    assert not (tmp_path / "contact.png").exists()
