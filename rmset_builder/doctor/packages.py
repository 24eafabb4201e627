"""Are Python, the packages that rmset-builder needs, and the tools that ``rmset fetch`` needs there and new enough?"""

from __future__ import annotations

import importlib
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata

from packaging.requirements import Requirement
from packaging.version import Version

from rmset_builder.doctor.finding import Finding, Mark, reason

OLDEST_PYTHON = (3, 11)
OLDEST_JAVASCRIPT = {"deno": "2.3", "node": "22.0"}

_DISTRIBUTION = "rmset-builder"
# Other builds of the same modules, which serve as well.
_STAND_INS = {
    "opencv-python": ("opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"),
    "onnxruntime": ("onnxruntime-gpu", "onnxruntime-silicon"),
}
_MEND_OPENCV = "python -m pip install --force-reinstall --no-deps opencv-python-headless"
_MEND_JAVASCRIPT = "python -m pip install --upgrade deno"
_MEND_YT_DLP = 'python -m pip install --upgrade "yt-dlp[default]"'


def check_python() -> Finding:
    """Python is new enough."""
    name, found = "python", f"{platform.python_version()} ({sys.executable})"
    if sys.version_info[:2] >= OLDEST_PYTHON:
        return Finding(name, Mark.OK, found)
    oldest = ".".join(map(str, OLDEST_PYTHON))
    return Finding(name, Mark.FAIL, f"{found}, older than {oldest}", f"python{oldest} -m venv .venv")


def check_packages() -> Finding:
    """Every main dependency is installed in a version that will do."""
    name = "packages"
    try:
        declared = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return Finding(name, Mark.FAIL, f"{_DISTRIBUTION} is not installed", "python -m pip install --editable .")
    have, lack = [f"{_DISTRIBUTION} {metadata.version(_DISTRIBUTION)}"], []
    for requirement in main_requirements(declared):
        installed = _installed(requirement.name)
        if installed is None:
            lack.append((requirement, f"{requirement.name} is missing"))
        elif not requirement.specifier.contains(installed[1], prereleases=True):
            lack.append((requirement, f"{' '.join(installed)} is not {requirement.specifier}"))
        else:
            have.append(" ".join(installed))
    if not lack:
        return Finding(name, Mark.OK, ", ".join(have))
    wanted = " ".join(f'"{requirement.name}{requirement.specifier}"' for requirement, _ in lack)
    return Finding(name, Mark.FAIL, "; ".join(fault for _, fault in lack), f"python -m pip install {wanted}")


def main_requirements(declared: Iterable[str]) -> list[Requirement]:
    """The requirements that every installation has, out of a distribution's metadata.

    Example:
        >>> [str(r) for r in main_requirements(["av>=15", "torch>=2.6; extra == 'train'"])]
        ['av>=15']
    """
    requirements = map(Requirement, declared)
    return [one for one in requirements if one.marker is None or one.marker.evaluate({"extra": ""})]


def check_opencv() -> Finding:
    """``cv2`` imports: the usual build needs libGL, which bare machines lack, the headless one does not."""
    name = "opencv"
    try:
        cv2 = importlib.import_module("cv2")
        return Finding(name, Mark.OK, f"cv2 {cv2.__version__} imports")
    except (ImportError, AttributeError) as error:
        return Finding(name, Mark.FAIL, f"cv2 does not import ({reason(error)})", _MEND_OPENCV)


def check_yt_dlp() -> Finding:
    """yt-dlp is installed, with what YouTube needs of it; only ``rmset fetch`` uses it."""
    version = _version("yt-dlp")
    if version is None:
        return Finding("yt-dlp", Mark.WARN, "not installed; only `rmset fetch` needs it", _MEND_YT_DLP)
    if _version("yt-dlp-ejs") is None:
        found = f"{version}, without yt-dlp-ejs; only `rmset fetch` needs it, for YouTube"
        return Finding("yt-dlp", Mark.WARN, found, _MEND_YT_DLP)
    return Finding("yt-dlp", Mark.OK, version)


@dataclass(frozen=True)
class Runtime:
    """A JavaScript runtime that yt-dlp can use."""

    name: str
    version: str
    path: str


def find_javascript(seen: list[str] | None = None) -> Runtime | None:
    """The first runtime that is new enough; those that are too old are appended to ``seen``."""
    for program, oldest in OLDEST_JAVASCRIPT.items():
        # pip puts deno beside Python, which is on the path only while the environment is active.
        path = shutil.which(program) or shutil.which(program, path=sysconfig.get_path("scripts"))
        version = _program_version(path) if path else None
        if path and version and Version(version) >= Version(oldest):
            return Runtime(program, version, path)
        if version and seen is not None:
            seen.append(f"{program} {version} is older than {oldest}")
    return None


def check_javascript() -> Finding:
    """A JavaScript runtime that yt-dlp can use; only ``rmset fetch`` needs it."""
    name, seen = "javascript", list[str]()
    if (runtime := find_javascript(seen)) is not None:
        return Finding(name, Mark.OK, f"{runtime.name} {runtime.version} ({runtime.path})")
    found = "; ".join(seen) or "neither deno nor node"
    return Finding(name, Mark.WARN, f"{found}; only `rmset fetch` needs one, for YouTube", _MEND_JAVASCRIPT)


def _installed(name: str) -> tuple[str, str] | None:
    """Name and version of a package or of another build of it."""
    for candidate in (name, *_STAND_INS.get(name, ())):
        if version := _version(candidate):
            return candidate, version
    return None


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _program_version(path: str) -> str | None:
    """The first version number that ``PROGRAM --version`` prints."""
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\d+\.[\d.]*\d", answer)
    return match[0] if match else None
