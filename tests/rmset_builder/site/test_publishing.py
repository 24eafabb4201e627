"""Reports for publishing and for mailing: no face on disk, or everything in one file."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
from html_read import Element, elements, read_page, told
from PIL import Image
from walls import colour_of, write_wall

Rmset = Callable[..., CompletedProcess[str]]
WALL = {identity: range(0, 60, identity + 1) for identity in range(3)}


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    folder = tmp_path / "shards"
    write_wall(folder, "one", WALL, 60, title="<b>One</b>")
    write_wall(folder, "two", {0: range(40)}, 40)
    return folder


def faces_of(picture: Image.Image, size: int) -> Iterator[Any]:
    """The squares of a picture that hold a face."""
    pixels = np.asarray(picture.convert("RGB"), np.int64)
    for y in range(0, pixels.shape[0], size):
        for x in range(0, pixels.shape[1], size):
            face = pixels[y : y + size, x : x + size]
            if np.abs(face - 128).max() > 10:  # what is left of a line is grey
                yield face


def is_sharp(face: Any) -> bool:
    """Whether the dot in a face's middle still has an edge: most of its contrast within two pixels."""
    side = len(face)
    edge = face[side // 2, side // 2 - side // 8 - 2 : side // 2 - side // 8 + 2]
    contrast = np.abs(face[side // 2, side // 2] - face[side // 2, 1]).max()
    return bool(contrast > 60 and np.abs(np.diff(edge, axis=0)).max() > 0.3 * contrast)


def pictures(out: Path) -> list[tuple[Image.Image, int]]:
    """All pictures of a report, in files or in addresses, with the side of their faces; of any kind of file."""
    found = []
    for path in (path for path in out.rglob("*") if path.is_file()):
        if path.suffix == ".jpg":
            found.append((Image.open(path), 48 if path.name == "strip.jpg" else 64))
        for address in re.findall(rb"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", path.read_bytes()):
            picture = Image.open(io.BytesIO(base64.b64decode(address)))
            found.append((picture, picture.height))
    return found


def told_of_faces(page: list[Element]) -> list[str]:
    """What is said of the faces of each identity."""
    people = elements(page, "section", "person")
    return [image.attributes["alt"] for person in people for image in elements(person.inner, "img")]


@pytest.mark.parametrize("single", [(), ("--single-file",)])
def test_no_face_is_left_on_disk(shards: Path, rmset: Rmset, single: tuple[str, ...]) -> None:
    out = shards.parent / "report"
    command = ("report", shards, "--out", out, "--size", 64, *single)
    assert rmset(*command).returncode == 0
    shown = [face for picture, size in pictures(out) for face in faces_of(picture, size)]
    assert len(shown) >= 4 * 12 + 3 + 1  # each identity's, the strips', and those of findings
    assert all(map(is_sharp, shown))

    assert rmset(*command, "--blur-faces").returncode == 0
    hidden = [face for picture, size in pictures(out) for face in faces_of(picture, size)]
    assert len(hidden) == len(shown)
    assert not any(map(is_sharp, hidden))
    assert "blurred" in elements(read_page(out / "index.html"), "footer")[0].text

    assert rmset(*command, "--no-faces").returncode == 0
    assert pictures(out) == []
    for path in out.rglob("*.html"):
        assert not elements(read_page(path), "img")
        assert str(shards) not in path.read_text("utf-8")  # commands of this machine are nobody's business


def test_what_shows_faces_goes_before_the_first_page_is_made(
    shards: Path, rmset: Rmset, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = shards.parent / "report"
    assert rmset("report", shards, "--out", out).returncode == 0
    assert pictures(out)

    (out / ".making-killed").mkdir()
    (out / ".making-killed" / "faces0.jpg").write_bytes((out / "pages" / "one" / "faces0.jpg").read_bytes())

    def stopped(*_: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr("rmset_builder.site.build.make_pages", stopped)
    assert rmset("report", shards, "--out", out, "--blur-faces").returncode == 130
    assert pictures(out) == []
    monkeypatch.undo()
    assert rmset("report", shards, "--out", out, "--blur-faces").returncode == 0
    assert sorted(path.name for path in (out / "pages").iterdir()) == ["one", "two"]


def test_one_file_has_everything(shards: Path, rmset: Rmset) -> None:
    out = shards.parent / "report"
    assert rmset("report", shards, "--out", out).returncode == 0
    pages = {video: read_page(out / "pages" / video / "index.html") for video in ("one", "two")}
    done = rmset("report", shards, "--out", out, "--single-file")
    assert done.returncode == 0
    assert sorted(path.name for path in out.iterdir()) == [".lock", "index.html", "report.json"]
    whole = read_page(out / "index.html")
    sections = {one.attributes["id"]: one for one in elements(whole, "section", "whole")}
    assert list(sections) == ["video-one", "video-two"]
    for video, page in pages.items():
        inner = sections[f"video-{video}"].inner
        assert told(inner) == told(page)
        assert [one.attributes["d"] for one in elements(inner, "path")] == [
            one.attributes["d"] for one in elements(page, "path")
        ]
        alone, together = (told_of_faces(one) for one in (inner, page))
        assert alone == together
        assert len(alone) == 12 * len(elements(page, "section", "person"))
    assert all(one.attributes["src"].startswith("data:image/jpeg;base64,") for one in elements(whole, "img"))
    names = [one.attributes["id"] for one in whole if "id" in one.attributes]
    assert len(names) == len(set(names))
    assert {one.attributes["href"] for one in elements(whole, "a")} <= {f"#{name}" for name in names}
    first = elements(sections["video-two"].inner, "img", "face")[0]
    picture = Image.open(io.BytesIO(base64.b64decode(first.attributes["src"].partition(",")[2])))
    assert picture.size == (96, 96)
    frame = int(first.attributes["alt"].rpartition(" ")[2])
    assert np.abs(np.asarray(picture, np.int64)[4, 4] - colour_of(0, frame)).max() <= 12
    # And back.
    assert rmset("report", shards, "--out", out).returncode == 0
    assert (out / "review.html").is_file()


def test_nothing_but_its_own_style_and_script_may_run(shards: Path, rmset: Rmset) -> None:
    out = shards.parent / "report"
    assert rmset("report", shards, "--out", out).returncode == 0
    for path in out.rglob("*.html"):
        (policy,) = (
            one.attributes["content"]
            for one in read_page(path)
            if one.attributes.get("http-equiv") == "Content-Security-Policy"
        )
        rules = {name: rest for name, *rest in (rule.split() for rule in policy.split(";"))}
        assert rules["default-src"] == ["'none'"]
        assert rules["img-src"] == ["'self'", "file:"]
        assert len(rules["script-src"]) == len(rules["style-src"]) == 1
        assert rules["script-src"][0].startswith("'sha256-")
        assert not [one for one in read_page(path) if "style" in one.attributes]
