"""Pages of other origins, in the browser of somebody who was let in, can neither correct nor read anything."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from browser import Visit
from corrections import wall
from review.faces import jpeg
from review.pages import Desktop
from review.serving import Served, serving

from rmset_builder.corrections.ledger import LEDGER_NAME

pytestmark = pytest.mark.browser

DROP = '{"kind": "drop", "video": "wall", "identity": 1, "as_of": 0}'
# What a page can try: each gives what it saw.
TRIES = {
    "a form of plain text": """new Promise(done => {
        const frame = document.body.appendChild(document.createElement("iframe"));
        frame.name = "hidden";
        const form = document.body.appendChild(document.createElement("form"));
        Object.assign(form, { method: "post", enctype: "text/plain", target: "hidden" });
        form.action = TARGET + "/api/corrections";
        const field = form.appendChild(document.createElement("input"));
        field.name = '{"kind": "drop", "video": "wall", "identity": 1, "as_of": 0, "why": "';
        field.value = '"}';
        form.submit();
        setTimeout(() => done("sent"), 500);
    })""",
    "a fetch that needs no leave": """fetch(TARGET + "/api/corrections", {
        method: "POST", mode: "no-cors", credentials: "include", body: DROP,
    }).then(answer => answer.type, () => "failed")""",
    "a fetch of JSON": """fetch(TARGET + "/api/corrections", {
        method: "POST", credentials: "include", body: DROP, headers: {"Content-Type": "application/json"},
    }).then(answer => answer.status, () => "failed")""",
    "a fetch that reads": """fetch(TARGET + "/api/videos/wall", {credentials: "include"})
        .then(answer => answer.text(), () => "failed")""",
    "a picture": """new Promise(done => {
        const image = new Image();
        image.onload = () => done("seen");
        image.onerror = () => done("failed");
        image.src = TARGET + "/pages/wall/faces0.jpg";
    })""",
    "a script": """new Promise(done => {
        const script = document.createElement("script");
        script.onload = () => done("run");
        script.onerror = () => done("failed");
        script.src = TARGET + "/site/script.js";
        document.head.append(script);
    })""",
    "a frame": """new Promise(done => {
        const frame = document.body.appendChild(document.createElement("iframe"));
        frame.onload = () => {
            try { done(frame.contentDocument ? "read" : "empty"); } catch { done("failed"); }
        };
        frame.src = TARGET + "/pages/wall/index.html";
    })""",
}
HARMLESS = {"failed", "sent", "opaque", "empty"}


class _Other(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><html lang='en'><title>Other</title><body>")

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def another_server() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Other) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    wall.extract(tmp_path / "shards", pictures=jpeg)
    with serving(tmp_path / "shards") as one:
        yield one


# The same site at another port, to which the cookie is sent along, and another site.
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_another_origin_can_do_nothing(served: Served, visit: Visit, host: str) -> None:
    desk = Desktop(visit, served)
    before = wall.contents(served.shards)
    with another_server() as port:
        other = desk.page.context.new_page()
        answers: list[tuple[str, int]] = []
        other.on("response", lambda one: answers.append((one.request.method, one.status)))
        for name, script in TRIES.items():
            other.goto(f"http://{host}:{port}/")
            answers.clear()
            written = script.replace("TARGET", repr(served.origin)).replace("DROP", repr(DROP))
            assert other.evaluate(written) in HARMLESS, name
            assert not [one for one in answers if one[1] < 400], name
    assert wall.contents(served.shards) == before
    assert not (served.shards / LEDGER_NAME).exists()
    # Of its own pages the same is taken.
    script = TRIES["a fetch of JSON"].replace("TARGET", repr(served.origin)).replace("DROP", repr(DROP))
    assert desk.page.evaluate(script) == 200
    assert wall.contents(served.shards) != before
