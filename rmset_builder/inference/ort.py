"""ONNX Runtime: the one place that imports it, for both packages.

It reads once, while it is imported, whether it may report to its vendor. Whoever takes it from here has imported
`rmset_builder` by then, which has told it not to (`rmset_builder.telemetry`).

Example:
    >>> from rmset_builder.inference.ort import ort
    >>> "CPUExecutionProvider" in ort.get_available_providers()
    True
"""

from __future__ import annotations

import onnxruntime as ort

# With every session that runs on a GPU it warns of a kind of plug-in that nobody asked for.
ERRORS_ONLY = 3
ort.set_default_logger_severity(ERRORS_ONLY)

__all__ = ["ERRORS_ONLY", "ort"]
