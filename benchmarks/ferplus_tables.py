"""The tables of docs/training.md from what `ferplus.py` keeps: python benchmarks/ferplus_tables.py [ferplus.json]."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common import HERE
from ferplus_arms import ACL, ARMS, CONTINUED, IAL

NAMES = {
    CONTINUED: "base, continued",
    IAL: "+ IAL",
    ACL: "+ IAL + ACL",
    "mixup": "mixup",
    "simclr": "SimCLR on the shards, then as the base",
    "eac": "EAC",
    "soft": "SOFT",
    "ada-cm": "Ada-CM",
    "acl": "+ ACL, no IAL",
    "ial-acl-no-self-masking": "+ IAL + ACL, no self-masking",
    "ial-without-fer": "+ IAL, no L_FER",
    "ial-acl-on-benchmark": "+ IAL + ACL on the benchmark's pictures",
}
CELLS = (("majority", "overall"), ("majority", "average"), ("argmax", "overall"), ("argmax", "average"))


def accuracies(results: Mapping[str, Any]) -> str:
    """Of each arm mean and deviation over the seeds by both rules, with its learning rate and validation's choice."""
    head = " | ".join(f"{rule}, {measure}" for rule, measure in CELLS)
    lines = [f"| | seeds | lr | {head} |", "|---|--:|--:|" + "--:|" * len(CELLS)]
    base = results["base"]["last"]
    splits = {"majority": base["test-majority"], "argmax": base["test"]}
    told = " | ".join(f"{100 * splits[rule][measure]:.1f}" for rule, measure in CELLS)
    lines.append(f"| the base itself | 1 | 2e-3 | {told} |")
    for arm in ARMS:
        if arm in results["arms"]:
            own = results["arms"][arm]
            rates = results["rates"].get(arm, results["rates"][ACL])
            cells = (f"{mean:.1f} ± {spread:.1f}" for mean, spread in (own[f"{r} {m}"] for r, m in CELLS))
            seeds = sum(arm in runs for runs in results["runs"].values())
            lines.append(f"| {NAMES[arm]} | {seeds} | {max(rates, key=rates.get)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def gains(results: Mapping[str, Any], other: str) -> str:
    """Of each arm the paired difference to another with its 95 % interval, by both rules."""
    head = " | ".join(f"{rule}, {measure}" for rule, measure in CELLS)
    lines = [f"| minus {NAMES[other]} | {head} |", "|---|" + "--:|" * len(CELLS)]
    for arm in ARMS:
        own = results["arms"].get(arm, {})
        if f"minus {other}, by majority" in own:
            cells = (own[f"minus {other}, by {rule}"][measure] for rule, measure in CELLS)
            told = " | ".join(f"{value:+.1f} [{low:+.1f}, {high:+.1f}]" for value, low, high in cells)
            lines.append(f"| {NAMES[arm]} | {told} |")
    return "\n".join(lines)


def main() -> None:
    """Print them."""
    path = Path(sys.argv[1]) if sys.argv[1:] else HERE / "ferplus.json"
    results = json.loads(path.read_text())["results"]
    print(f"Seeds {', '.join(map(str, results['seeds']))}.\n\n{accuracies(results)}")
    for other in (CONTINUED, IAL):
        print(f"\n{gains(results, other)}")


if __name__ == "__main__":
    main()
