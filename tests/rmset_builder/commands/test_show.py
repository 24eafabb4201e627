"""`rmset show` on real mashups: what is drawn lies where the shards say, times and sound stay what they were."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import pytest
from PIL import Image
from show_runs import Rmset, extracted, show, times_of

from rmset_builder.api import PictureFaces
from rmset_builder.drawing.people import blur_area, colour_of
from rmset_builder.video.decode import FrameReader
from rmset_builder.video.info import VideoInfo

MakeClip = Callable[..., Path]
Picture = npt.NDArray[np.int64]

# When the frames of the fixture `uneven` are shown.
TIMES = [*(n / 25 for n in range(10)), *(0.4 + n / 5 for n in range(15))]


def frame_of(video: Path, number: int) -> Picture:
    """A frame as extraction saw it, RGB."""
    with FrameReader(VideoInfo.from_path(video)) as reader:
        buffer = np.empty(reader.shape, np.uint8)
        while reader.count <= number:
            assert reader.read_into(buffer)
    return np.asarray(buffer[:, :, 2::-1], np.int64)


def rows_of(shards: Path, video: str, frame: int) -> list[dict[str, Any]]:
    table = pq.read_table(
        next(shards.glob(f"{video}-?????.parquet")), columns=["frame", "identity", "bbox", "landmarks"]
    )
    return [row for row in table.to_pylist() if row["frame"] == frame]


def png(path: Path) -> Picture:
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture, np.int64)


def edges(box: list[float]) -> list[tuple[int, int]]:
    x0, y0, x1, y1 = (round(side) for side in box)
    return [(x0, (y0 + y1) // 2), (x1, (y0 + y1) // 2), ((x0 + x1) // 2, y0), ((x0 + x1) // 2, y1)]


def tone_of(path: Path) -> tuple[float, float]:
    """When the tone begins and ends, seconds."""
    loud = list[float]()
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            wave = np.abs(frame.to_ndarray()).reshape(-1)
            loud += (frame.time + np.flatnonzero(wave > 0.3) / frame.sample_rate).tolist()
    return loud[0], loud[-1]


def packets_of(path: Path) -> list[tuple[float, bytes]]:
    with av.open(str(path)) as container:
        return [(round(float(p.pts * p.time_base), 6), bytes(p)) for p in container.demux(audio=0) if p.size]


def test_every_face_has_its_persons_colour_where_the_shards_say(
    rmset: Rmset, demo_video: Path, demo_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = show(rmset, demo_video, "--shards", demo_shards, "--frame", 60)
    assert done.stdout == "demo-frame60.png\n"
    pixels, rows = png(Path("demo-frame60.png")), rows_of(demo_shards, "demo", 60)
    assert len(rows) == 6
    for row in rows:
        wanted = colour_of(row["identity"])
        for x, y in edges(row["bbox"]):
            assert tuple(pixels[y, x]) == wanted
        for x, y in np.array(row["landmarks"]).reshape(5, 2).round().astype(int):
            assert tuple(pixels[y, x]) == wanted
    changed = np.abs(pixels - frame_of(demo_video, 60)).max(axis=2) > 0
    assert 0.005 < changed.mean() < 0.1


def test_one_person_alone_and_no_number(rmset: Rmset, demo_video: Path, demo_shards: Path, tmp_path: Path) -> None:
    at = ["demo", "--shards", demo_shards, "--frame", 5]
    show(rmset, *at, "--identity", 2, "--out", tmp_path / "a.png")
    show(rmset, *at, "--identity", 2, "--no-labels", "--out", tmp_path / "b.png")
    bare = frame_of(demo_video, 5)
    changed = [np.abs(png(tmp_path / name) - bare).max(axis=2) > 0 for name in ("a.png", "b.png")]
    assert changed[0].sum() > changed[1].sum() + 300
    for row in rows_of(demo_shards, "demo", 5):
        x0, y0, x1, y1 = (round(side) for side in row["bbox"])
        assert changed[1][y0 : y1 + 1, x0 : x1 + 1].any() == (row["identity"] == 2)
        if row["identity"] == 2:
            changed[1][y0 - 4 : y1 + 5, x0 - 4 : x1 + 5] = False
    assert not changed[1].any()


def test_times_and_sound_stay_what_they_were(rmset: Rmset, uneven: Path, uneven_shards: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "shown.mp4"
    done = show(rmset, uneven, "--shards", uneven_shards, "--out", out)
    assert done.stdout == f"{out}\n"
    assert [path.name for path in out.parent.iterdir()] == ["shown.mp4"]
    times, length = times_of(out)
    assert times == pytest.approx(TIMES, abs=1e-4)
    assert length == pytest.approx(3.4, abs=1e-3)
    assert packets_of(out) == packets_of(uneven)  # not encoded again
    with av.open(str(out)) as container:
        frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
    for number in (0, 9, 24):
        for row in rows_of(uneven_shards, "uneven", number):
            # Colour is at half size in a video, so a thin line's is mixed with its neighbours'.
            told = np.mean([frames[number][y, x] for x, y in edges(row["bbox"])], axis=0)
            wanted = colour_of(row["identity"])
            near = min(range(8), key=lambda n: float(np.abs(told - colour_of(n)).sum()))
            assert colour_of(near) == wanted


def test_a_part_of_a_video_has_its_part_of_the_sound(
    rmset: Rmset, uneven: Path, uneven_shards: Path, tmp_path: Path
) -> None:
    whole = tone_of(uneven)
    for number, (start, end, first, stop) in enumerate([(0.3, 2.5, 8, 21), (0.5, None, 11, 25), (None, 1.3, 0, 15)]):
        out = tmp_path / f"{number}.mp4"
        cut = [*(["--start", start] if start else []), *(["--end", end] if end else [])]
        show(rmset, "uneven", "--shards", uneven_shards, "--out", out, *cut)
        times, length = times_of(out)
        assert times == pytest.approx([one - TIMES[first] for one in TIMES[first:stop]], abs=1e-4)
        assert length == pytest.approx([*TIMES, 3.4][stop] - TIMES[first], abs=1e-3)
        assert tone_of(out) == pytest.approx([one - TIMES[first] for one in whole], abs=2e-3)


def test_sound_that_mp4_does_not_take_becomes_aac_at_its_time(
    rmset: Rmset, uneven: Path, make_clip: MakeClip, tmp_path: Path
) -> None:
    late = ["-itsoffset", "0.5", "-i", uneven, "-i", uneven, "-map", "0:v", "-map", "1:a", "-map", "1:a"]
    video = make_clip(tmp_path / "late.mkv", *late, "-c:v", "copy", "-c:a:0", "pcm_s16le", "-c:a:1", "libopus")
    show(rmset, video, "--shards", extracted(rmset, video), "--out", tmp_path / "shown.mp4")
    assert times_of(tmp_path / "shown.mp4")[0] == pytest.approx([0.5 + one for one in TIMES], abs=2e-3)
    assert tone_of(tmp_path / "shown.mp4") == pytest.approx(tone_of(uneven), abs=2e-3)
    with av.open(str(tmp_path / "shown.mp4")) as container:
        assert [stream.codec_context.name for stream in container.streams.audio] == ["aac", "opus"]


def test_blurring_hides_faces_and_changes_nothing_else(
    rmset: Rmset, demo_video: Path, demo_shards: Path, tmp_path: Path
) -> None:
    at = ["demo", "--shards", demo_shards, "--frame", 30, "--identity", 1, "--no-labels"]
    show(rmset, *at, "--out", tmp_path / "a.png")
    done = show(rmset, *at, "--blur-faces", "--out", tmp_path / "b.png")
    assert "faces that are not in the shards are not blurred" in done.stderr
    plain, hidden = png(tmp_path / "a.png"), png(tmp_path / "b.png")
    changed = np.abs(hidden - plain).max(axis=2) > 0
    for row in rows_of(demo_shards, "demo", 30):
        left, top, right, bottom = blur_area(np.array(row["bbox"], np.float32), 1280, 720)
        assert changed[top:bottom, left:right].mean() > 0.5
        changed[top:bottom, left:right] = False
    assert not changed.any()
    with PictureFaces("offline") as finder:
        assert len(finder.find(plain.astype(np.uint8)).boxes) == 6
        assert len(finder.find(hidden.astype(np.uint8)).boxes) == 0


def test_a_video_that_metadata_turns_is_drawn_upright(
    rmset: Rmset, small_video: Path, make_clip: MakeClip, tmp_path: Path
) -> None:
    lying = make_clip(tmp_path / "lying.mp4", "-i", small_video, "-vf", "transpose=clock", "-c:v", "libx264")
    video = make_clip(tmp_path / "turned.mp4", "-display_rotation", 90, "-i", lying, "-c", "copy")
    shards = extracted(rmset, video)
    show(rmset, video, "--shards", shards, "--frame", 3, "--out", tmp_path / "a.png")
    show(rmset, video, "--shards", shards, "--end", 0.2, "--out", tmp_path / "a.mp4")
    pixels, rows = png(tmp_path / "a.png"), rows_of(shards, "turned", 3)
    assert pixels.shape == (360, 640, 3)
    assert len(rows) == 6
    for row in rows:
        for x, y in edges(row["bbox"]):
            assert tuple(pixels[y, x]) == colour_of(row["identity"])
    with av.open(str(tmp_path / "a.mp4")) as container:
        shown = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
    assert len(shown) == 5
    assert shown[3].shape == pixels.shape
    assert np.abs(shown[3] - pixels).mean() < 6


@pytest.mark.shared("mashups/wall9.mp4")
def test_a_real_mashup_is_shown_as_its_truth_has_it(rmset: Rmset, shared: Path, tmp_path: Path) -> None:
    video = shared / "mashups" / "wall9.mp4"
    done = rmset("extract", video, "--out", tmp_path / "shards")
    assert done.returncode == 0, done.stderr
    show(rmset, "wall9", "--shards", tmp_path / "shards", "--out", tmp_path / "shown.mp4")
    times, length = times_of(tmp_path / "shown.mp4")
    before, wanted = times_of(video)
    assert times == pytest.approx(before, abs=1e-4)
    assert length == pytest.approx(wanted, abs=1e-3)
    with av.open(str(tmp_path / "shown.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]  # it has no sound
