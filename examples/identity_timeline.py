"""Who is on screen when, as CSV: a row for each stretch of time in which an identity is seen without a break.

    python examples/identity_timeline.py shards/ > timeline.csv

Needs DuckDB: python -m pip install duckdb
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

# A break begins a new stretch; numbering the breaks numbers the stretches.
TIMELINE = """
with breaks as (
    select *, coalesce(time_s - lag(time_s) over person > $gap_s, true) as new
    from faces
    window person as (partition by video, identity order by frame, track)
), stretches as (
    select *, sum(new::int) over (partition by video, identity order by frame, track) as stretch
    from breaks
)
select video, identity, round(min(time_s), 3) as from_s, round(max(time_s), 3) as to_s,
       count(distinct frame) as frames
from stretches
group by video, identity, stretch
order by video, from_s, identity
"""


def read_faces(folder: Path) -> pa.Table:
    """Who is in which frame, of all shards of a folder; a damaged page is an error and never a wrong number."""
    paths = sorted(folder.glob("*-*.parquet"))
    if not paths:
        raise FileNotFoundError(f"{folder}: has no shards; make some: rmset extract VIDEO --out {folder}")
    columns = ["video", "identity", "track", "frame", "time_s"]
    return pq.read_table(paths, columns=columns, page_checksum_verification=True)


def main() -> None:
    """Print the timeline."""
    parser = argparse.ArgumentParser(description="Who is on screen when, as CSV on standard output.")
    parser.add_argument("shards", type=Path, help="folder that `rmset extract` wrote")
    parser.add_argument(
        "--gap-s", type=float, default=1.0, help="absences up to this many seconds are no break (default: %(default)s)"
    )
    options = parser.parse_args()
    try:
        import duckdb  # noqa: PLC0415  an extra of this script alone
    except ImportError:
        raise ModuleNotFoundError("duckdb is not installed; run: python -m pip install duckdb") from None

    faces = read_faces(options.shards)
    with duckdb.connect() as connection:
        connection.register("faces", faces)
        rows = connection.execute(TIMELINE, {"gap_s": options.gap_s}).fetchall()
    print("video,identity,from_s,to_s,frames")
    for row in rows:
        print(*row, sep=",")


if __name__ == "__main__":
    # `... | head` ends this script quietly.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        main()
    except (OSError, ImportError, pa.ArrowException) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
