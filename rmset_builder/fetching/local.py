"""Files of this machine as a source: taken into the collection by a link, or by a copy where links are not possible."""

from __future__ import annotations

import errno
import os
import shutil
import urllib.parse
from collections.abc import Callable
from pathlib import Path

from rmset_builder.core.errors import VideoError
from rmset_builder.fetching.catalog import Video
from rmset_builder.fetching.faults import FetchError, Verdict
from rmset_builder.video.info import VideoInfo

# What a file system says that knows no links, across two of them, or to a file of somebody else's.
_NO_LINKS = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES)


def open_local(video: Video) -> tuple[Video, Callable[[Path], Path]]:
    """A local file's row with what its header says, and a function that brings the file to a stem.

    Raises:
        FetchError: the file is gone, or no video.
    """
    source = Path(os.fsdecode(urllib.parse.unquote_to_bytes(urllib.parse.urlsplit(video.url).path)))
    try:
        info = VideoInfo.from_path(source)
    except VideoError as fault:
        verdict = Verdict.GONE if fault.reason == "missing" else Verdict.AGAIN
        raise FetchError(fault.reason, fault.message, verdict, remedy=fault.remedy) from fault
    seen = video.with_(
        duration_s=round(info.duration_s, 3) or None, width=info.width, height=info.height, checked=True, format="local"
    )

    def bring(stem: Path) -> Path:
        target = stem.with_name(stem.name + source.suffix.lower())
        target.unlink(missing_ok=True)
        try:
            os.link(source.resolve(), target)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            shutil.copyfile(source, target)
        return target

    return seen, bring
