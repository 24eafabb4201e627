"""Count the faces of each identity, and save the pictures of one, with nothing but pyarrow.

python examples/read_shards.py shards/
python examples/read_shards.py shards/ --video wall --identity 3 --save pictures/
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds


def open_shards(folder: Path) -> ds.Dataset:
    """All shards of a folder as one table on disk; a damaged page is an error and never a wrong number."""
    # `*.parquet` would take in videos.parquet, whose rows are videos and not faces.
    paths = [str(path) for path in sorted(folder.glob("*-*.parquet"))]
    if not paths:
        raise FileNotFoundError(f"{folder}: has no shards; make some: rmset extract VIDEO --out {folder}")
    checked = ds.ParquetFragmentScanOptions(page_checksum_verification=True)
    return ds.dataset(paths, format=ds.ParquetFileFormat(default_fragment_scan_options=checked))


def count_faces(shards: ds.Dataset) -> list[dict[str, Any]]:
    """For each video and identity: its faces, and its first and last second on screen."""
    # Columns lie apart in Parquet: without `image` this reads a few bytes a face.
    faces = shards.to_table(columns=["video", "identity", "time_s"])
    counted = faces.group_by(["video", "identity"]).aggregate([("time_s", "count"), ("time_s", "min_max")])
    return sorted(counted.to_pylist(), key=lambda row: (row["video"], row["identity"]))


def save_pictures(shards: ds.Dataset, video: str, identity: int, folder: Path) -> int:
    """Write an identity's aligned faces as ``<frame>-<track>.jpg``, and return how many they are."""
    is_theirs = (ds.field("video") == video) & (ds.field("identity") == identity)
    saved = 0
    for batch in shards.to_batches(columns=["frame", "track", "image"], filter=is_theirs):
        for row in batch.to_pylist():
            folder.mkdir(parents=True, exist_ok=True)
            # Somebody shown twice in a frame has two tracks there. The bytes are a JPEG file as it is.
            (folder / f"{row['frame']:06d}-{row['track']}.jpg").write_bytes(row["image"]["bytes"])
            saved += 1
    return saved


def main() -> None:
    """Print the table of identities, or save one's pictures."""
    parser = argparse.ArgumentParser(description="Count the faces of each identity, and save the pictures of one.")
    parser.add_argument("shards", type=Path, help="folder that `rmset extract` wrote")
    parser.add_argument("--video", help="id of the video to save pictures of")
    parser.add_argument("--identity", type=int, help="whose pictures to save")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="where to save them")
    options = parser.parse_args()
    wanted = (options.video, options.identity, options.save)
    if None in wanted and any(option is not None for option in wanted):
        parser.error("--video, --identity and --save belong together")

    shards = open_shards(options.shards)
    if options.save is None:
        counted = count_faces(shards)
        print(f"{'video':<20} {'identity':>8} {'faces':>8} {'from s':>8} {'to s':>8}")
        for row in counted:
            first, last = row["time_s_min_max"]["min"], row["time_s_min_max"]["max"]
            print(f"{row['video']:<20} {row['identity']:>8} {row['time_s_count']:>8,} {first:>8.2f} {last:>8.2f}")
        return
    saved = save_pictures(shards, options.video, options.identity, options.save)
    if not saved:
        raise LookupError(f"video {options.video} has no identity {options.identity} in {options.shards}")
    print(f"{saved:,} pictures -> {options.save}")


if __name__ == "__main__":
    try:
        main()
    except (OSError, LookupError, pa.ArrowException) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
