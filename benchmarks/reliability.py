"""What faults and hostile input cost: runs the tests that make them, and keeps what these measured.

    python benchmarks/reliability.py faults [--times 20]     # tests/faults
    python benchmarks/reliability.py inputs [--times 20]     # tests/hostile
    python benchmarks/reliability.py page                    # docs/reliability.md anew from reliability.json

What else is on the command line is for pytest: -k disks. Such a campaign renews the rows that it measured and leaves
the others; any campaign leaves the other section of reliability.json alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import HERE, about_this_machine
from reliability_page import PAGE, RESULTS, renewed, summed_up, with_tables

ROOT = HERE.parent
TESTS = {
    "faults": ("tests/faults", "tests/rmset_builder/fetching/test_fetch_faults.py"),
    "inputs": ("tests/hostile",),
}


def run_campaign(section: str, times: int, words: list[str]) -> tuple[list[dict[str, Any]], int]:
    """The lines that a section's tests noted, and pytest's exit code."""
    with tempfile.TemporaryDirectory(prefix="rmset-reliability-") as scratch:
        log = Path(scratch) / "trials.jsonl"
        own = {"RMSET_SOAK": "1", "RMSET_SOAK_TIMES": str(times), "RMSET_RELIABILITY_LOG": str(log)}
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "--timeout=0", *TESTS[section], *words]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, **own}, check=False)
        lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return [line for line in lines if line.pop("section") == section], done.returncode


def main() -> None:
    """Run a campaign, keep it, render the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=[*TESTS, "page"])
    parser.add_argument("--times", type=int, default=20, help="how often each fault is made, or a measure of inputs")
    options, words = parser.parse_known_args()
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    code = 0
    if options.what != "page":
        lines, code = run_campaign(options.what, options.times, words)
        before = kept.get(options.what, {}).get("rows", []) if words else []
        rows = renewed(options.what, before, summed_up(options.what, lines))
        kept[options.what] = {**about_this_machine(), "rows": rows}
        RESULTS.write_text(json.dumps(kept, indent=1) + "\n")
    PAGE.write_text(with_tables(PAGE.read_text("utf-8"), kept), "utf-8")
    sys.exit(code)


if __name__ == "__main__":
    main()
