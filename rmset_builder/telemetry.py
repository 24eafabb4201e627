"""Nothing phones home: what libraries and programs must find in the environment before they start.

Both packages call `switch_off` when they are imported, so before any module of theirs can import another library, and
processes that they start inherit it. docs/dependencies.md has what each dependency would do otherwise.
"""

from __future__ import annotations

import os
import sys

OFF = {
    # From 1.29 on, importing ONNX Runtime makes an identifier of the machine, and running a model reports it with the
    # interpreter's path; its own `disable_telemetry_events` can only be called when that has begun.
    "ORT_DISABLE_TELEMETRY": "1",
    # huggingface_hub, with which timm fetches weights, adds to each request which libraries are installed here.
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # Each start of deno, which yt-dlp runs YouTube's scripts with, asks whether there is a newer one.
    "DENO_NO_UPDATE_CHECK": "1",
    # A cluster of Ray reports what it is and what it runs, each hour, unless it is told not to.
    "RAY_USAGE_STATS_ENABLED": "0",
}


# Reports each import of OpenVINO to Google Analytics; where it cannot be imported, OpenVINO has an empty one for it.
REPORTERS = ("openvino_telemetry",)


def switch_off() -> None:
    """Set the variables of `OFF` in this process's environment, and keep `REPORTERS` from being imported."""
    os.environ.update(OFF)
    for name in REPORTERS:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
