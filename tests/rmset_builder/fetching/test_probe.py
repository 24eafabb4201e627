from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rmset_builder.core.errors import VideoError
from rmset_builder.fetching.probe import probe, suffix_of


def test_a_whole_file_passes_and_every_cut_is_seen(film: Callable[..., bytes], tmp_path: Path) -> None:
    content, path = film(1), tmp_path / "v.mp4"
    path.write_bytes(content)
    info = probe(path)
    assert (info.width, info.frames, suffix_of(path, info)) == (320, 20, ".mp4")
    for cut in (1, 100, 2000, 20_000, len(content) // 2, len(content) - 2000):
        path.write_bytes(content[:-cut])
        with pytest.raises(VideoError) as caught:
            probe(path)
        assert caught.value.reason in ("cut-short", "not-a-video"), cut


@pytest.mark.parametrize(("container", "suffix"), [("matroska", ".mkv"), ("webm", ".webm"), ("mpegts", ".ts")])
def test_other_containers(make_clip: Callable[..., Path], tmp_path: Path, container: str, suffix: str) -> None:
    codec = ("-c:v", "libvpx-vp9", "-deadline", "realtime") if container == "webm" else ("-c:v", "libx264")
    path = make_clip(
        tmp_path / "v.bin", "-f", "lavfi", "-i", "testsrc=size=64x64:rate=10:duration=3", *codec, "-f", container
    )
    info = probe(path)
    assert suffix_of(path, info) in (suffix, ".mkv" if container == "webm" else suffix)
    if container != "mpegts":  # which promises no length
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(VideoError):
            probe(path)


def test_what_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    path.write_text("<html>not today</html>")
    with pytest.raises(VideoError) as caught:
        probe(path)
    assert caught.value.reason == "not-a-video"
