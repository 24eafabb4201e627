"""What a program gets through the door is what the commands make."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import rmset_builder.api as api
from rmset_builder.demo.compose import find_photo
from rmset_builder.shards.videos_table import read_videos

DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"


def test_the_documents_example_runs(
    small_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(find_photo(), tmp_path / "people.jpg")
    shutil.copy(small_video, tmp_path / "mashup.mp4")
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    exec(compile(code, str(DOCUMENT), "exec"), {"__name__": "__main__"})
    *faces, video = capsys.readouterr().out.splitlines()
    assert len(faces) == 6
    assert all(line.endswith("(260, 260, 3)") for line in faces)
    record = read_videos(tmp_path / "shards")["mashup"]
    assert video == f"6 people, {record.faces} faces in 25 frames"


def test_shards_are_those_of_the_command(demo_video: Path, demo_shards: Path, tmp_path: Path) -> None:
    done: list[tuple[int, int, int]] = []
    with api.VideoExtractor(threads=2) as extractor:
        record = extractor.extract(demo_video, tmp_path, progress=lambda *told: done.append(told))
    (ours,), (theirs,) = (list(folder.glob("demo-?????.parquet")) for folder in (tmp_path, demo_shards))
    assert ours.read_bytes() == theirs.read_bytes()
    assert read_videos(tmp_path) == {"demo": record}
    assert done[-1] == (record.frames, record.frames, done[-1][2])
    assert pq.read_metadata(ours).num_rows == record.faces
    assert [frames for frames, _, _ in done] == sorted(frames for frames, _, _ in done)


def test_a_video_that_cannot_be_read_is_noted_and_the_next_goes_on(small_video: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    with api.VideoExtractor() as extractor:
        with pytest.raises(api.VideoError, match="cannot be read as a video") as caught:
            extractor.extract(broken, tmp_path / "shards")
        assert caught.value.reason == "not-a-video"
        assert extractor.extract(small_video, tmp_path / "shards").identities == 6
    assert {video: row.state for video, row in read_videos(tmp_path / "shards").items()} == {
        "broken": "failed",
        "small": "done",
    }


@pytest.mark.parametrize("opened", [api.PictureFaces, api.VideoExtractor])
def test_a_pack_that_is_not_there(opened: type[api.PictureFaces] | type[api.VideoExtractor]) -> None:
    with pytest.raises(api.RmsetError, match="no such pack or folder"):
        opened("no-such-pack")


@pytest.mark.parametrize("shape", [(1, 1, 3), (40, 900, 3), (900, 40, 3)])
def test_pictures_without_faces(shape: tuple[int, int, int]) -> None:
    with api.PictureFaces(threads=1) as faces:
        found = faces.find(np.full(shape, 127, np.uint8))
    assert (found.boxes.shape, found.landmarks.shape, found.scores.shape, found.pictures) == ((0, 4), (0, 10), (0,), [])


def test_everything_behind_the_door_is_named() -> None:
    assert sorted(api.__all__) == sorted(name for name in vars(api) if name[0] != "_" and name != "annotations")
