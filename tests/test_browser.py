"""The browser of the tests notes what is wrong: a check that finds nothing on a bad page would find nothing on any."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser import Visit

pytestmark = pytest.mark.browser

BAD = """<!doctype html><html><head><title>Bad</title></head><body>
<h1>Bad</h1><p style="color: #ccc; background: #fff">Hardly to be read</p>
<img src="missing.jpg"><img src="https://site.example/x.jpg" alt="far away">
<div style="width: 3000px">wide</div>
<script>console.error("said so"); setTimeout(() => { throw new Error("thrown") }, 0)</script></body></html>"""


def test_what_is_wrong_with_a_page_is_noted(visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "bad.html").write_text(BAD)
    visited = visit(tmp_path / "bad.html", width=400)
    assert visited.too_wide() > 2000
    visited.look_at_all()
    faults = "\n".join(visited.faults)
    for told in ("said so", "thrown", "missing.jpg is no picture", "https://site.example/x.jpg was asked for"):
        assert told in faults
    assert {line.partition(":")[0] for line in visited.barriers()} >= {"image-alt", "color-contrast", "html-has-lang"}


def test_nothing_is_noted_of_a_good_page(visit: Visit, tmp_path: Path) -> None:
    good = (
        "<!doctype html><html lang='en'><head><title>Good</title></head><body><main><h1>Good</h1></main></body></html>"
    )
    (tmp_path / "good.html").write_text(good)
    visited = visit(tmp_path / "good.html", width=400)
    visited.look_at_all()
    assert (visited.too_wide(), visited.faults, visited.barriers()) == (0, [], [])
