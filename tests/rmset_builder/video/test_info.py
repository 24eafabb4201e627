"""A file's header is read without trusting it, and nothing that is no video makes anybody open another file."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmset_builder.core.errors import VideoError
from rmset_builder.video.decode import FrameReader
from rmset_builder.video.info import VideoInfo, file_url

MakeClip = Callable[..., Path]
Rmset = Callable[..., subprocess.CompletedProcess[str]]

TEST_PICTURE = ["-f", "lavfi", "-i", "testsrc=size=320x240:rate=25:duration=1"]


def test_what_a_header_says(tmp_path: Path, make_clip: MakeClip) -> None:
    clip = make_clip(
        tmp_path / "clip.mp4",
        *["-f", "lavfi", "-i", "testsrc=size=322x242:rate=30000/1001:duration=2", "-c:v", "libx264"],
    )
    info = VideoInfo.from_path(clip)
    assert (info.path, info.codec, info.width, info.height) == (clip, "h264", 322, 242)
    assert "mp4" in info.container
    assert info.fps == pytest.approx(30000 / 1001)
    assert info.frames == info.expected_frames == 60
    assert info.duration_s == info.file_duration_s == pytest.approx(60 * 1001 / 30000)


def test_a_container_that_does_not_count_its_frames(tmp_path: Path, make_clip: MakeClip) -> None:
    info = VideoInfo.from_path(make_clip(tmp_path / "clip.mkv", *TEST_PICTURE, "-c:v", "libx264"))
    assert info.frames == 0
    assert info.expected_frames == 25
    assert info.tagged_frames == 0
    assert info.duration_s == info.file_duration_s == pytest.approx(1, abs=0.05)


@given(st.text(st.characters(exclude_characters="\0/"), min_size=1, max_size=100))
def test_any_name_is_a_path_to_ffmpeg(name: str) -> None:
    url = file_url(Path("/videos", name))
    assert url.startswith("file:/videos")


def fault_of(path: Path) -> VideoError:
    with pytest.raises(VideoError) as caught:
        VideoInfo.from_path(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.remedy
    return caught.value


def test_faults_have_a_reason_and_a_remedy(tmp_path: Path, make_clip: MakeClip) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("Dear diary,\n" * 100)
    (tmp_path / "noise.mp4").write_bytes(bytes(range(256)) * 400)
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "dangling.mp4").symlink_to(tmp_path / "nowhere")
    make_clip(tmp_path / "sound.mp4", "-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac")
    reasons = {path.name: fault_of(path).reason for path in sorted(tmp_path.iterdir())}
    assert reasons == {
        "empty.mp4": "empty-file",
        "text.mp4": "not-a-video",
        "noise.mp4": "not-a-video",
        "pipe.mp4": "not-a-file",
        "dangling.mp4": "missing",
        "sound.mp4": "no-video-stream",
    }
    assert fault_of(tmp_path).reason == "is-a-folder"
    assert fault_of(tmp_path / "missing.mp4").reason == "missing"
    assert fault_of(tmp_path / "text.mp4" / "inside.mp4").reason == "missing"


def test_sound_with_a_cover_has_no_picture_track(tmp_path: Path, make_clip: MakeClip) -> None:
    cover = make_clip(tmp_path / "cover.png", *TEST_PICTURE, "-frames:v", 1)
    song = make_clip(
        tmp_path / "song.mp4",
        *["-i", cover, "-f", "lavfi", "-i", "sine=duration=1", "-map", 0, "-map", 1],
        *["-c:v", "png", "-c:a", "aac", "-disposition:v", "attached_pic"],
    )
    assert fault_of(song).reason == "no-video-stream"


@pytest.fixture
def listener() -> Iterator[tuple[int, list[object]]]:
    """A port on this machine, and everybody who came there."""
    visitors: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        over = threading.Event()

        def listen() -> None:
            while not over.is_set():
                try:
                    connection, address = server.accept()
                except TimeoutError:
                    continue
                visitors.append(address)
                connection.close()

        thread = threading.Thread(target=listen)
        thread.start()
        yield server.getsockname()[1], visitors
        over.set()
        thread.join()


def playlists(secret: Path, port: int) -> dict[str, str]:
    """Files that name others: each makes an unguarded ffmpeg play ``secret`` or call the port."""
    web = f"http://127.0.0.1:{port}/video.ts"
    hls = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.0,\n{}\n#EXT-X-ENDLIST\n"
    dash = (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT1S" profiles="urn:mpeg:dash:profile:full:2011"><Period>'
        '<AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1000" codecs="avc1.64001f">'
        "<BaseURL>{}</BaseURL></Representation></AdaptationSet></Period></MPD>\n"
    )
    sdp = (
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {} RTP/AVP 96\na=rtpmap:96 H264/90000\n"
    )
    return {
        "hls-file": hls.format(secret),
        "hls-file-url": hls.format(f"file://{secret}"),
        "hls-http": hls.format(web),
        "hls-concat": hls.format(f"concat:{secret}|{web}"),
        "hls-subfile": hls.format(f"subfile,,start,0,end,0,,:{secret}"),
        "concat-file": f"ffconcat version 1.0\nfile '{secret}'\n",
        "concat-http": f"ffconcat version 1.0\nfile '{web}'\n",
        "dash-file": dash.format(secret),
        "dash-http": dash.format(web),
        "sdp": sdp.format(port),
        "smil": f'<smil><body><video src="{web}"/></body></smil>\n',
        "rtsp-ref": f"[Reference]\nRef1=http://127.0.0.1:{port}/a.asf\n",
        "image2": f"{secret}\n",
    }


@pytest.fixture
def secret(tmp_path: Path, make_clip: MakeClip) -> Path:
    """A video that plays well, so that reading it would succeed."""
    (tmp_path / "private").mkdir()
    return make_clip(tmp_path / "private" / "secret.ts", *TEST_PICTURE, "-c:v", "libx264")


@pytest.fixture
def disguised(tmp_path: Path, secret: Path, listener: tuple[int, list[object]]) -> Path:
    """A folder of playlists named like videos."""
    folder = tmp_path / "videos"
    folder.mkdir()
    for name, text in playlists(secret, listener[0]).items():
        for suffix in ("mp4", "mkv"):
            (folder / f"{name}-{suffix}.{suffix}").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("name", "option"), [("hls-file-mkv.mkv", ["-f", "hls"]), ("concat-file-mp4.mp4", ["-safe", "0"])]
)
def test_the_playlists_are_dangerous(disguised: Path, ffmpeg: str, name: str, option: list[str]) -> None:
    """An unguarded ffmpeg plays the secret: what the tests below forbid would happen."""
    command = [ffmpeg, "-v", "error", *option, "-i", disguised / name, "-f", "md5", "-"]
    played = subprocess.run(command, capture_output=True, text=True, check=False)
    assert played.stdout.startswith("MD5="), played.stderr


def test_a_playlist_in_disguise_is_refused_unopened(
    disguised: Path, secret: Path, listener: tuple[int, list[object]]
) -> None:
    opened = secret.stat().st_atime_ns
    for path in sorted(disguised.iterdir()):
        assert fault_of(path).reason == "not-a-video", path
    assert listener[1] == []
    assert secret.stat().st_atime_ns == opened


def test_ffmpeg_itself_refuses_what_would_slip_past_the_header(
    disguised: Path, small_video: Path, listener: tuple[int, list[object]]
) -> None:
    """The file is exchanged between the look at its header and its decoding."""
    info = VideoInfo.from_path(small_video)
    for path in sorted(disguised.iterdir()):
        exchanged = VideoInfo(**{**vars(info), "path": path})
        with pytest.raises(VideoError) as caught, FrameReader(exchanged, threads=1):
            pass
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    assert listener[1] == []


def test_extract_refuses_them_all_and_goes_on(
    disguised: Path, small_video: Path, rmset: Rmset, listener: tuple[int, list[object]], tmp_path: Path
) -> None:
    count = len(list(disguised.iterdir()))
    (disguised / "good.mp4").write_bytes(small_video.read_bytes())
    done = rmset("extract", disguised, "--out", tmp_path / "shards", "--threads", 1, "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert [line["outcome"] for line in lines].count("done") == 1
    assert [line.get("reason") for line in lines].count("not-a-video") == count
    assert [path.name for path in (tmp_path / "shards").glob("*-00000.parquet")] == ["good-00000.parquet"]
    assert listener[1] == []
