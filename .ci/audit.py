"""Known weaknesses of what is installed, as pip-audit knows them; skipped, with the reason, where nobody knows any.

A mirror of PyPI may serve packages and know nothing of weaknesses: pip-audit then finds none and says so, having looked
at nothing. That counts as skipped, too.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

_SECONDS = 300


def judge(report: dict[str, Any]) -> tuple[int, list[str]]:
    """The exit code and what to say of pip-audit's report."""
    known = [one for one in report["dependencies"] if "skip_reason" not in one]
    unknown = len(report["dependencies"]) - len(known)
    if not known:
        return 0, [f"audit skipped: nothing is known here of any of {unknown} packages"]
    weak = [(one, weakness) for one in known for weakness in one.get("vulns", [])]
    lines = [
        f"{one['name']} {one['version']}: {weakness['id']}, mended in {', '.join(weakness['fix_versions']) or 'none'}"
        for one, weakness in weak
    ]
    return int(bool(weak)), [
        *lines,
        f"audit: {len(known)} packages, {len(weak)} known weaknesses; {unknown} not looked at",
    ]


def main() -> int:
    """Run pip-audit over this environment; 1 where a package is weak, else 0."""
    command = [sys.executable, "-m", "pip_audit", "--local", "--progress-spinner", "off", "--format", "json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        code, lines = judge(json.loads(done.stdout))
    except subprocess.TimeoutExpired:
        code, lines = 0, [f"audit skipped: no answer within {_SECONDS} s"]
    except ValueError:
        code, lines = 0, [f"audit skipped: {(done.stderr.strip().splitlines() or ['pip-audit said nothing'])[-1]}"]
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main())
