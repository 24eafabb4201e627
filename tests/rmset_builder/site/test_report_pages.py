from __future__ import annotations

import dataclasses
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from html_read import elements, place, read_page, rows_of, told
from PIL import Image
from report_runs import WALL, Rmset, page, report, three_videos
from walls import HEIGHT, SIDE, WIDTH, colour_of, write_wall

from rmset_builder.reports.doubts import find_doubts
from rmset_builder.reports.exemplars import spread
from rmset_builder.shards.videos_table import VideoRecord, read_videos, update_videos
from rmset_builder.site.look import LINES
from rmset_builder.site.overview import MOST_DOUBTS, review_list
from rmset_builder.site.summary import Doubt, Summary

HOSTILE = {
    "markup": "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "quotes": "\"'><svg onload=alert(3)> {{ 7 * 7 }} {% raw %} &lt;b&gt;",
    "long": "W" * 300,
    "right-to-left": "ردود فعل مجمعة \u202e evil",
    "control": "a\x1b[31mred\x07\nnext",
}


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    return three_videos(tmp_path / "shards")


def commands(out: Path) -> list[str]:
    """Those of the review list; the last piece of code on a page is the footer's."""
    return [one.text for one in elements(read_page(out / "review.html"), "code")[:-1]]


def pixels(path: Path) -> Any:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), np.int64)


def test_the_overview_has_table_2_and_all_videos(shards: Path, rmset: Rmset) -> None:
    overview = read_page(report(rmset, shards) / "index.html")
    rows = sum(len(frames) for frames in WALL.values())
    assert told(overview) == {
        "Videos": "2", "Identities": "4", "Frames": "240", "Faces": str(rows), "Duration": "0:10", "Not extracted": "1",
    }  # fmt: skip
    table = rows_of(overview, "counts")
    assert table[0] == ["Expression", "video #", "face #", "frame #", "image #"]
    assert ["Anger", "1", "4", "210", str(rows)] in table
    assert ["paper", "14", "196", "206,817", "2,612,570"] in table
    assert ["Fear, Surprise", "1", "0", "30", "0"] in table
    videos = elements(overview, "li", "video")
    assert [one.attributes["data-words"].split()[0] for one in videos] == ["broken", "street", "wall"]
    assert "failed: no-video-stream" in videos[0].text
    assert f"4 identities · {rows} faces · 210 frames · 8.4 s" in videos[2].text
    (strip,) = elements(overview, "img", "strip")
    assert (strip.attributes["src"], strip.attributes["loading"]) == ("pages/wall/strip.jpg", "lazy")
    for link in elements(overview, "a"):
        target, _, anchor = link.attributes["href"].partition("#")
        assert target or anchor in {one.attributes.get("id") for one in overview}
        assert not target or (shards.parent / "report" / target).is_file()


def test_distributions_are_those_of_all_videos(shards: Path, rmset: Rmset) -> None:
    overview = read_page(report(rmset, shards) / "index.html")
    charts = {}
    for figure in elements(overview, "figure", "chart"):
        (name,) = (one.text for one in figure.inner if one.tag == "strong")
        rows = [one for one in figure.inner if one.tag == "tr"][1:]
        charts[name] = {row.inner[0].text: int(row.inner[1].text.replace(",", "")) for row in rows}
    frames = np.zeros(240, int)
    for own in WALL.values():
        frames[list(own)] += 1
    counts = np.bincount(frames)
    assert charts["Faces per frame"] == {f"{n} faces": int(counts[n]) for n in range(len(counts))}
    faces = sum(map(len, WALL.values()))
    assert charts["Size of a face"] == {"48 to 64 px": faces}
    assert charts["Sharpness"] == {"100 to 200": faces}
    assert charts["Detector's score"] == {"0.8 to 0.85": faces}
    # 8, 5.2, 1.2 and 0.04 seconds.
    assert charts["Time on screen of an identity"] == {"0 to 1 s": 1, "1 to 2 s": 1, "2 to 5 s": 0, "5 to 10 s": 2}


def test_a_videos_page_shows_each_identity_at_even_times(shards: Path, rmset: Rmset) -> None:
    out = report(rmset, shards, "--faces", 5, "--size", 40)
    wall = page(out, "wall")
    assert elements(wall, "h1")[0].text == "Title of wall"
    assert told(wall)["Identities"] == "4"
    assert told(wall)["Tracks"] == "5"
    people = elements(wall, "section", "person")
    assert [one.attributes["id"] for one in people] == [f"identity-{identity}" for identity in WALL]
    sheet = pixels(out / "pages" / "wall" / "faces0.jpg")
    assert sheet.shape == (4 * 40, 5 * 40, 3)
    for line, (person, (identity, frames)) in enumerate(zip(people, WALL.items(), strict=True)):
        chosen = [list(frames)[n] for n in spread(len(frames), 5)]
        images = elements(person.inner, "img", "face")
        assert [place(image) for image in images] == [(line, column) for column in range(len(chosen))]
        for column, (image, frame) in enumerate(zip(images, chosen, strict=True)):
            assert image.attributes["alt"].endswith(f"frame {frame}")
            assert image.attributes["src"] == "faces0.jpg"
            corner = sheet[line * 40 + 3, column * 40 + 3]
            assert np.abs(corner - colour_of(identity, frame)).max() <= 12, (identity, frame)
    lanes = elements(wall, "svg", "span")
    assert len(lanes) == len(WALL)
    assert [lane.attributes["aria-label"] for lane in lanes][1] == "Identity 1: 130 faces, 5.2 s on screen, 2 tracks"


def test_cuts_are_lines_through_all_lanes(shards: Path, rmset: Rmset) -> None:
    assert not elements(page(report(rmset, shards), "wall"), "path", "cut")
    record = read_videos(shards)["wall"]
    update_videos(shards, dataclasses.replace(record, cuts_json="[50, 120]"))
    cuts = elements(page(report(rmset, shards), "wall"), "path", "cut")
    places = [round(1000 * frame / 25 / record.duration_s) for frame in (50, 120)]
    assert [cut.attributes["d"] for cut in cuts] == ["".join(f"M{place} 0v10" for place in places)] * len(WALL)
    update_videos(shards, dataclasses.replace(record, cuts_json="no list"))
    assert not elements(page(report(rmset, shards), "wall"), "path", "cut")


def test_the_map_shows_where_faces_were(shards: Path, rmset: Rmset) -> None:
    (figure,) = elements(page(report(rmset, shards), "wall"), "figure", "map")
    (drawn,) = (one for one in figure.inner if one.tag == "svg")
    assert drawn.attributes["viewbox"] == f"0 0 48 {48 * HEIGHT // WIDTH}"
    shades = [one for one in figure.inner if one.tag == "path"]
    darkest = max(shades, key=lambda one: float(one.attributes["fill-opacity"]))
    assert float(darkest.attributes["fill-opacity"]) == 1
    # Identity 0 is there all the time, from (20, 20) on, 60 pixels large; a cell has 640 / 48.
    first, last = 20 * 48 // WIDTH, -(-(20 + SIDE) * 48 // WIDTH)
    assert darkest.attributes["d"].startswith(f"M{first} {first}h{last - first}v1")
    assert f"{WIDTH} x {HEIGHT} pixels; 200 faces" in figure.text


def test_titles_from_anywhere_are_text(shards: Path, rmset: Rmset) -> None:
    for video, title in HOSTILE.items():
        write_wall(
            shards, video, {0: range(5)}, 10, title=title, group=title, keyword=title, licence=title,
            source=f"/home/somebody/{title}.mp4".replace("</", "<"), url="javascript:alert(4)",
        )  # fmt: skip
    write_wall(shards, "web", {0: range(5)}, 10, url='https://site.example/?a=1&b="2"')
    write_wall(shards, "page", {0: range(5)}, 10, url="https://site.example/?a=1&b=2")
    out = report(rmset, shards)
    for path in (out / "index.html", *(out / "pages").glob("*/index.html")):
        found = read_page(path)
        assert len(elements(found, "script")) == 1
        assert not [one for one in found for name in one.attributes if name.startswith("on")]
        assert "/home/somebody" not in path.read_text("utf-8")
        addresses = [one.attributes["href"] for one in elements(found, "a")]
        assert not [address for address in addresses if address.startswith("javascript")]
    for video, title in HOSTILE.items():
        (heading,) = elements(page(out, video), "h1")
        assert heading.text == "".join("\ufffd" if ord(sign) < 32 else sign for sign in title)
        assert heading.attributes["dir"] == "auto"
    assert [a.text for a in elements(page(out, "page"), "a") if a.attributes["href"].startswith("https")] == [
        "https://site.example/?a=1&b=2"
    ]
    assert not [a for a in elements(page(out, "web"), "a") if a.attributes["href"].startswith("https")]


def test_ids_of_a_table_from_elsewhere_lead_nowhere(shards: Path, rmset: Rmset, tmp_path: Path) -> None:
    for hostile in ("../../evil", "/tmp/evil", "a/b", "..", "x" * 300, "a\nb"):
        update_videos(shards, VideoRecord(id=hostile, frames=3, reason="no-faces"))
    before = {path for path in tmp_path.rglob("*") if "report" not in path.parts}
    out = report(rmset, shards, code=1)
    assert {path for path in tmp_path.rglob("*") if "report" not in path.parts} == before
    assert sorted(path.name for path in (out / "pages").iterdir()) == ["broken", "street", "wall"]
    done = rmset("report", shards, "--out", out)
    assert "warning: '../../evil' is no id, and has no page" in done.stderr
    assert "'a\\nb' is no id" in done.stderr


def test_the_review_list_has_every_finding_the_worst_first(shards: Path, rmset: Rmset) -> None:
    write_wall(shards, "other", {**{one: range(300) for one in range(4)}, 4: range(100, 130)}, 300)
    out = report(rmset, shards)
    expected = {video: find_doubts(shards, video) for video in ("other", "wall")}
    every = sorted((one for found in expected.values() for one in found), key=lambda one: -one.score)
    assert len(every) > 1
    review = elements(read_page(out / "review.html"), "article")
    assert [elements(one.inner, "code")[0].text for one in review] == [one.command for one in every]
    for article, finding in zip(review, every, strict=True):
        assert finding.why in article.text
        assert f"score {finding.score:.2f}" in article.text
        (link,) = elements(article.inner, "a")
        assert (link.text, link.attributes["href"]) == (finding.video, f"pages/{finding.video}/index.html")
        images = elements(article.inner, "img", "face")
        whose = {image.attributes["alt"].partition(",")[0] for image in images}
        assert whose == {f"identity {one}" for one in finding.identities}
        for image in images:
            sheet, (line, column) = pixels(out / image.attributes["src"]), place(image)
            identity, frame = map(int, re.findall(r"(?:identity|frame) (\d+)", image.attributes["alt"]))
            corner = sheet[line * 96 + 5, column * 96 + 5]
            assert np.abs(corner - colour_of(identity, frame)).max() <= 12
    for video, found in expected.items():
        own = elements(page(out, video), "article")
        assert [elements(one.inner, "code")[0].text for one in own] == [one.command for one in found]
    listed = elements(read_page(out / "index.html"), "li", "video")
    (other,) = (one for one in listed if one.inner[0].attributes["href"] == "pages/other/index.html")
    assert f"{len(expected['other'])} to look at" in other.text


def test_what_a_command_mends_is_gone_from_the_next_report(shards: Path, rmset: Rmset) -> None:
    write_wall(shards, "other", {**{one: range(300) for one in range(4)}, 4: range(100, 130)}, 300)
    out = report(rmset, shards, "--video", "other")
    before = commands(out)
    (command,) = (one for one in before if one.startswith("rmset drop other 4 "))
    done = rmset(*shlex.split(command)[1:])
    assert done.returncode == 0, done.stderr
    report(rmset, shards, "--video", "other")
    # The others are meant for the shards as they are now.
    assert [re.sub(" --as-of 1 ", " --as-of 0 ", one) for one in commands(out)] == [o for o in before if o != command]
    assert told(page(out, "other"))["Identities"] == "4"


def test_a_long_review_list_is_cut_and_tells_of_how_many_more() -> None:
    doubts = tuple(Doubt(kind="tiny", score=n / 1000, why="", command="") for n in range(300))
    summaries = [Summary(stamp="", video=video, doubts=doubts) for video in ("a", "b")]
    found = review_list(summaries, lambda video: f"#{video}")
    listed = list(found.doubts)
    assert (found.total, found.shown, len(listed)) == (600, MOST_DOUBTS, MOST_DOUBTS)
    scores = sorted([n / 1000 for n in range(300)] * 2, reverse=True)
    assert [doubt.score for _, _, doubt in listed] == scores[:MOST_DOUBTS]
    assert listed[0][:2] == ("a", "#a")


def test_more_people_than_a_sprite_has_lines_for(shards: Path, rmset: Rmset) -> None:
    write_wall(shards, "crowd", {identity: range(identity, 60) for identity in range(LINES + 2)}, 60)
    out = report(rmset, shards, "--faces", 2)
    people = elements(page(out, "crowd"), "section", "person")
    last = elements(people[-1].inner, "img")
    assert [(one.attributes["src"], place(one)) for one in last[1:]] == [("faces1.jpg", (1, 1))]
    assert pixels(out / "pages" / "crowd" / "faces0.jpg").shape[0] == LINES * 96
    corner = pixels(out / "pages" / "crowd" / "faces1.jpg")[96 + 5, 96 + 5]
    frame = int(last[1].attributes["alt"].rpartition(" ")[2])
    assert np.abs(corner - colour_of(LINES + 1, frame)).max() <= 12
