"""What ffmpeg says it has is read, whatever its version."""

from __future__ import annotations

from rmset_builder.video.ffmpeg_listing import parse_listing


def test_filters_are_listed_by_old_and_new_versions() -> None:
    old = " ... = Source\n  T.. = Timeline support\n TSC bwdif             V->V       Deinterlace.\n"
    new = "  | = Source\n TS lut3d             V->V       Adjust.\n .. split             V->N       Pass on.\n"
    assert parse_listing(old) == {"bwdif"}
    assert parse_listing(new) == {"lut3d", "split"}
