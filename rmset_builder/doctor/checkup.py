"""All checks of a machine, one after the other, and the exit code they lead to.

Everything but the standard library is imported inside the checks, so that a missing package is a finding.
"""

from __future__ import annotations

import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from rmset_builder.doctor.ffmpeg import check_decoders, check_ffmpeg, check_filters, check_nvdec
from rmset_builder.doctor.finding import Finding, Mark, guarded
from rmset_builder.doctor.machine import check_cores, check_memory
from rmset_builder.doctor.models import model_findings
from rmset_builder.doctor.packages import check_javascript, check_opencv, check_packages, check_python, check_yt_dlp

NAME_WIDTH = 11
"""Wide enough for the name of every check, so that lines align although each is printed when its check ends."""

BYTES_A_FACE = 13_000
WARN_BELOW = 10_000_000_000
FAIL_BELOW = 500_000_000

_MEND_OUT = "rmset extract --out FOLDER_ELSEWHERE"


def examine(*, models: str, gpu: int | None, out: Path) -> Iterator[Finding]:
    """Run every check, one after the other; none of them raises.

    Args:
        models: the model pack, as for ``rmset extract``.
        gpu: the GPU that must work; None where the CPU will do.
        out: the folder that shards would be written to; it need not exist.
    """
    yield from _all({"python": check_python, "packages": check_packages, "opencv": check_opencv})
    ffmpeg = guarded("ffmpeg", check_ffmpeg)
    yield ffmpeg
    if ffmpeg.mark is Mark.OK:
        yield from _all({"decoders": check_decoders, "filters": check_filters, "nvdec": partial(check_nvdec, gpu)})
    yield from model_findings(models, gpu)
    yield from _all({"cores": check_cores, "memory": check_memory})
    yield guarded("disk", partial(check_disk, out))
    yield from _all({"yt-dlp": check_yt_dlp, "javascript": check_javascript})


def exit_code(findings: Iterable[Finding]) -> int:
    """2 where ``rmset extract`` cannot work, else 0."""
    return 2 if any(finding.mark is Mark.FAIL for finding in findings) else 0


def check_disk(out: Path) -> Finding:
    """Files can be written to the output folder, and there is room for them."""
    name, folder = "disk", _nearest_folder(out)
    try:
        # Really writing tells more than permissions do: of read-only disks, quotas, and of being root.
        with tempfile.TemporaryFile(dir=folder) as handle:
            handle.write(b"\0")
    except OSError as error:
        found = f"{out}: cannot write to {folder} ({error.strerror})"
        mend = f"chmod u+rwx {shlex.quote(str(folder))}" if isinstance(error, PermissionError) else _MEND_OUT
        return Finding(name, Mark.FAIL, found, mend)
    free = shutil.disk_usage(folder).free
    found = f"{out}: writable, {free / 1e9:.1f} GB free, room for {free // BYTES_A_FACE:,} faces"
    if free >= WARN_BELOW:
        return Finding(name, Mark.OK, found)
    return Finding(name, Mark.FAIL if free < FAIL_BELOW else Mark.WARN, found, _MEND_OUT)


def _nearest_folder(path: Path) -> Path:
    """The folder itself or, where it does not exist, the nearest one above it that does."""
    path = path.expanduser().absolute()
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _all(checks: dict[str, Callable[[], Finding]]) -> Iterator[Finding]:
    for name, check in checks.items():
        yield guarded(name, check)
