from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from rmset_builder.cli import main
from rmset_builder.core.errors import RmsetError
from rmset_builder.reports.formats import as_json, comma_separated, latex, markdown, plain
from rmset_builder.reports.paper import NOTE, TABLE_2, Counts
from rmset_builder.reports.stats import UNGROUPED, collect, tabulate
from rmset_builder.shards.footers import compare, read_footers
from rmset_builder.shards.layout import find_shards, shard_path
from rmset_builder.shards.metadata import ShardMetadata
from rmset_builder.shards.schema import SCHEMA_VERSION, FaceRows
from rmset_builder.shards.videos_table import FAILED, TABLE_NAME, VideoRecord, update_videos
from rmset_builder.shards.writer import write_shard

JPEG = b"\xff\xd8\xff\xd9"


def shard(folder: Path, video: str, faces: int, part: int = 0, /, **metadata: object) -> Path:
    """A real shard of ``faces`` faces; ``metadata`` is stored under ``rmset.``."""
    block = FaceRows(
        frame=np.arange(faces, dtype=np.int32),
        identity=np.zeros(faces, np.int32),
        track=np.zeros(faces, np.int32),
        time_s=np.arange(faces) / 25.0,
        bbox=np.zeros((faces, 4), np.float32),
        landmarks=np.zeros((faces, 10), np.float32),
        det_score=np.ones(faces, np.float32),
        sharpness=np.ones(faces, np.float32),
        images=[JPEG] * faces,
    )
    path = shard_path(folder, video, part)
    told = {f"rmset.{key}": str(value) for key, value in {"schema": SCHEMA_VERSION, **metadata}.items()}
    write_shard(path, video, iter([block] if faces else []), ShardMetadata.from_strings(told))
    return path


def parts(folder: Path, video: str, *faces: int, group: str, frames: int, identities: int) -> None:
    """The shards of a video as `rmset extract` leaves them, one for each of ``faces``."""
    for part, count in enumerate(faces):
        told = {"video": video, "group": group, "frames": frames, "identities": identities}
        shard(folder, video, count, part, **told, part=part, parts=len(faces))


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Four videos done and one failed: 12 + 3 faces in two groups of the paper, one elsewhere, one without a face."""
    folder = tmp_path / "shards"
    parts(folder, "a", 7, 5, group="Anger", frames=100, identities=3)
    parts(folder, "b", 3, group="Sadness", frames=50, identities=2)
    parts(folder, "c", 2, group="bored & [tired]", frames=20, identities=1)
    parts(folder, "d", 0, group="Anger", frames=9, identities=0)
    update_videos(folder, VideoRecord(id="a", group="Anger", frames=100, identities=3, faces=12, shards=2))
    update_videos(folder, VideoRecord(id="b", group="Sadness", frames=50, identities=2, faces=3, shards=1))
    update_videos(folder, VideoRecord(id="c", group="bored & [tired]", frames=20, identities=1, faces=2, shards=1))
    update_videos(folder, VideoRecord(id="d", group="Anger", frames=9, shards=1, reason="no-faces"))
    update_videos(folder, VideoRecord(id="e", group="Anger", frames=7, faces=4, state=FAILED, reason="no-video-stream"))
    return folder


EXPECTED = {
    "Sadness": Counts(1, 2, 50, 3),
    "Anger": Counts(2, 3, 109, 12),
    "bored & [tired]": Counts(1, 1, 20, 2),
}


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(["stats", *map(str, arguments)])
    out, err = capsys.readouterr()
    code = caught.value.code
    return (code if isinstance(code, int) else 0), out, err


def test_some_videos_alone_are_collected(tmp_path: Path) -> None:
    for video in ("a", "b", "c"):
        parts(tmp_path, video, 5, group="Anger", frames=9, identities=1)
        update_videos(tmp_path, VideoRecord(id=video, faces=5, shards=1, frames=9, identities=1))
    shard(tmp_path, "c", 1, 1, video="c")  # c contradicts its record
    found = collect(tmp_path, ["b", "a"])
    assert [record.id for record in found.records] == ["a", "b"]
    assert [footer.shard.video for footer in found.footers] == ["a", "b"]
    assert found.warnings == ()
    assert len(collect(tmp_path, ["c"]).warnings) == len(collect(tmp_path).warnings) == 1
    with pytest.raises(RmsetError, match=r"--video d: .* has no such video; it has: a, b, c"):
        collect(tmp_path, ["a", "d"])


def test_table_2_through_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Shards of 45 million faces are out of reach: records alone, and the warnings that their absence brings.
    for name, counts in TABLE_2.items():
        videos, identities, frames, faces = counts
        group_id = re.sub(r"\W", "", name)
        for n in range(videos - 1):
            update_videos(tmp_path, VideoRecord(id=f"{group_id}{n}", group=name))
        last = VideoRecord(id=f"{group_id}-last", group=name, identities=identities, frames=frames, faces=faces)
        update_videos(tmp_path, last)
    code, out, err = run(capsys, tmp_path, "--format", "json")
    found = json.loads(out)
    assert {row.pop("expression"): Counts(**row) for row in found["rows"]} == TABLE_2
    assert found["total"]["images"] == 45_570_579
    assert code == 1
    assert err.count("warning:") == 5


def test_only_videos_that_are_done_count(shards: Path) -> None:
    collection = collect(shards)
    assert collection.warnings == ()
    assert collection.notes == ("not counted, because they are not done: e (no-video-stream)",)
    table = tabulate(collection.records)
    assert list(table.rows.items()) == list(EXPECTED.items())
    assert table.total == Counts(4, 6, 179, 17)


def test_the_order_of_groups() -> None:
    groups = ["", "zest", "Anger", "  ", "Boredom", "awe", "Happiness, Surprise", UNGROUPED]
    records = [VideoRecord(id=str(n), group=group) for n, group in enumerate(groups)]
    assert list(tabulate(records).rows) == ["Happiness, Surprise", "Anger", "awe", "Boredom", "zest", UNGROUPED]
    assert tabulate(records).rows[UNGROUPED].videos == 3
    assert list(tabulate(records, paper=True).rows) == [*TABLE_2, "awe", "Boredom", "zest", UNGROUPED]
    assert list(tabulate([]).rows) == []
    assert list(tabulate([], paper=True).rows) == list(TABLE_2)


def test_the_footers_stand_in_for_a_lost_table(shards: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shards / TABLE_NAME).unlink()
    collection = collect(shards)
    assert collection.warnings == ()
    assert collection.notes == (f"no videos in {shards / TABLE_NAME}: counted from what the shards say of themselves",)
    assert tabulate(collection.records).rows == EXPECTED
    code, _, err = run(capsys, shards)
    assert code == 0
    assert err.startswith("note: no videos in")


def test_no_picture_is_read(shards: Path) -> None:
    # Only footers may be read: everything before them is overwritten, the magic word of Parquet apart.
    for found in find_shards(shards):
        content = found.path.read_bytes()
        footer = int.from_bytes(content[-8:-4], "little") + 8
        found.path.write_bytes(b"PAR1" + b"\xaa" * (len(content) - footer - 4) + content[-footer:])
    assert tabulate(collect(shards).records).rows == EXPECTED
    assert collect(shards).warnings == ()


def test_a_missing_shard(shards: Path, capsys: pytest.CaptureFixture[str]) -> None:
    update_videos(
        shards,
        VideoRecord(id="a", group="Anger", frames=100, identities=3, faces=12, shards=2, source="my videos/a.mp4"),
    )
    shard_path(shards, "a", 1).unlink()
    code, out, err = run(capsys, shards)
    assert code == 1
    assert (
        f"warning: a: videos.parquet has 12 faces in 2 shards, the folder 7 faces in 1 shard; "
        f"mend it with: rm -f -- {shards}/a-?????.parquet && rmset extract 'my videos/a.mp4'\n"
    ) in err
    assert out.splitlines()[-1].split() == ["Total", "4", "6", "179", "17"]


@pytest.mark.parametrize(
    ("faces", "count"), [(11, 2), (13, 2), (12, 1), (12, 3)], ids=["fewer", "more", "less shards", "more shards"]
)
def test_sums_that_differ(shards: Path, faces: int, count: int) -> None:
    update_videos(shards, VideoRecord(id="a", faces=faces, shards=count))
    (warning,) = collect(shards).warnings
    found = f"{faces} faces in {count} shard{'s' * (count > 1)}"
    assert warning.startswith(f"a: videos.parquet has {found}, the folder 12 faces in 2 shards; mend it")


def test_faces_of_a_video_without_any(shards: Path) -> None:
    shard(shards, "d", 1)
    (warning,) = collect(shards).warnings
    assert warning.startswith("d: videos.parquet has 0 faces in 1 shard, the folder 1 face in 1 shard; ")


def test_shards_without_a_record(shards: Path) -> None:
    parts(shards, "stray", 4, 4, group="Anger", frames=5, identities=1)
    collection = collect(shards)
    assert collection.warnings == (
        "stray: 2 shards without a row in videos.parquet, not counted; "
        "`rmset extract` is still at it, or was stopped: run it on the video again",
    )
    assert tabulate(collection.records).rows == EXPECTED


def test_shards_of_a_failed_video(shards: Path) -> None:
    shard(shards, "e", 4)
    collection = collect(shards)
    assert collection.warnings == (
        "e: 1 shard left over, the video is failed and not counted; "
        f"remove them with: rm -f -- {shards}/e-?????.parquet",
    )
    assert tabulate(collection.records).rows == EXPECTED


def test_the_remedy_spares_videos_whose_names_begin_alike(tmp_path: Path) -> None:
    for video in ("a", "a-1", "a-00000", "a-12345-x"):
        shard(tmp_path, video, 1)
    (warning,) = compare(tmp_path, {"a": VideoRecord(id="a")}, read_footers(find_shards(tmp_path)[:1]))
    (pattern,) = re.findall(r"rm -f -- (\S+)", warning)
    assert sorted(path.name for path in tmp_path.glob(Path(pattern).name)) == ["a-00000.parquet"]


def test_a_broken_shard_is_told_once_and_the_table_still_shown(
    shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = shard_path(shards, "a", 1)
    broken.write_bytes(broken.read_bytes()[:-20])
    code, out, err = run(capsys, shards)
    assert code == 1
    (warning,) = [line for line in err.splitlines() if line.startswith("warning:")]
    assert warning.startswith(f"warning: {broken} is not a whole Parquet file")
    assert warning.endswith("delete it and run `rmset extract` again")
    assert out.splitlines()[-1].split() == ["Total", "4", "6", "179", "17"]


def test_a_shard_under_another_videos_name(shards: Path) -> None:
    shutil.move(shard_path(shards, "b", 0), shard_path(shards, "f", 0))
    (lost, misnamed) = collect(shards).warnings
    assert lost.startswith("b: videos.parquet has 3 faces in 1 shard, the folder 0 faces in 0 shards; ")
    assert misnamed.startswith("f: 1 shard without a row")
    (shards / TABLE_NAME).unlink()
    (warning,) = collect(shards).warnings
    assert warning.startswith(f"{shards}/f-00000.parquet holds the video 'b', not the one it is named after")


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"frames": 9, "identities": 1, "parts": 3}, "v: 2 shards instead of 3; mend it with: rm -f -- "),
        ({"frames": 9, "identities": 1, "parts": 1}, "v: 2 shards instead of 1; "),
        ({"frames": "nine", "identities": 1, "parts": 2}, "v: its shards do not tell rmset.frames; "),
        ({"frames": 9, "identities": -1, "parts": 2}, "v: its shards do not tell rmset.identities; "),
        ({"frames": 9, "identities": "1" * 5000, "parts": 2}, "v: its shards do not tell rmset.identities; "),
        ({"frames": 9, "identities": 1}, "v: its shards do not tell rmset.parts; "),
    ],
)
def test_footers_alone_that_do_not_add_up(tmp_path: Path, metadata: dict[str, object], expected: str) -> None:
    for part in range(2):
        shard(tmp_path, "v", 2, part, **metadata)
    collection = collect(tmp_path)
    (warning,) = collection.warnings
    assert warning.startswith(expected)
    assert tabulate(collection.records).total[::3] == (1, 4)


def test_footers_alone_that_disagree_or_are_broken(tmp_path: Path) -> None:
    shard(tmp_path, "v", 2, 0, group="Anger", frames=9, identities=1, parts=2)
    shard(tmp_path, "v", 2, 1, group="Sadness", frames=9, identities=1, parts=2)
    shard(tmp_path, "w", 2, 0).write_bytes(b"PAR1")
    disagreement, broken = collect(tmp_path).warnings
    assert disagreement.startswith("v: its shards disagree about rmset.group; ")
    assert broken.startswith(f"{tmp_path}/w-00000.parquet is not a whole Parquet file")
    assert tabulate(collect(tmp_path).records).rows == {"Anger": Counts(1, 1, 9, 4)}


def test_failures_beyond_a_few_are_numbered(tmp_path: Path) -> None:
    for n in range(7):
        update_videos(tmp_path, VideoRecord(id=f"v{n}", state=FAILED, reason="torn"))
    (note,) = collect(tmp_path).notes
    assert note.endswith("v0 (torn), v1 (torn), v2 (torn), v3 (torn), v4 (torn) and 2 more")


def test_the_command_prints_results_apart_from_notes(shards: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, shards)
    assert code == 0
    assert out == plain(tabulate(collect(shards).records)) + "\n"
    assert err == "note: not counted, because they are not done: e (no-video-stream)\n"


@pytest.mark.parametrize(
    ("name", "form"), [("markdown", markdown), ("latex", latex), ("csv", comma_separated), ("json", as_json)]
)
def test_every_format_through_the_command(
    shards: Path, capsys: pytest.CaptureFixture[str], name: str, form: object
) -> None:
    assert callable(form)
    table = tabulate(collect(shards).records, paper=True)
    code, out, err = run(capsys, shards, "--paper", "--format", name)
    assert code == 0
    assert out == form(table, paper=True) + "\n"
    assert (NOTE in err) == (NOTE not in out) == (name == "csv")


def test_the_folder_is_shards_unless_told(
    shards: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shards.parent)
    assert run(capsys)[:2] == run(capsys, shards)[:2]


def test_nothing_to_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, tmp_path)
    assert (code, out) == (2, "")
    assert err == f"rmset: no shards in {tmp_path}; make some with: rmset extract VIDEO\n"
    code, out, err = run(capsys, tmp_path / "absent")
    assert (code, out) == (2, "")
    assert err == f"rmset: no folder of shards at {tmp_path / 'absent'}; make one with: rmset extract VIDEO\n"
    (tmp_path / TABLE_NAME).write_bytes(b"no table")
    with pytest.raises(RmsetError, match="cannot be read"):
        collect(tmp_path)
    assert run(capsys, tmp_path, "--format", "xml")[0] == 2


def test_videos_without_any_face_are_a_table_still(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    update_videos(tmp_path, VideoRecord(id="v", frames=10, reason="no-faces"))
    code, out, _ = run(capsys, tmp_path, "--format", "csv")
    assert code == 0
    assert out.splitlines()[1:] == ["ungrouped,1,0,10,0", "Total,1,0,10,0"]


def test_a_group_commands_no_terminal() -> None:
    assert list(tabulate([VideoRecord(id="v", group="\x1b[2JAnger\n")]).rows) == ["\ufffd[2JAnger"]
