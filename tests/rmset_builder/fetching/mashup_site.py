"""A video site on loopback: search pages, video pages, thumbnails and files with ranges; it misbehaves on demand."""

from __future__ import annotations

import base64
import contextlib
import html
import json
import re
import socket
import ssl
import threading
import time
import urllib.parse
from collections import Counter
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

RESULTS_A_PAGE = 5
CC = "Creative Commons Attribution license (reuse allowed)"


@dataclass(frozen=True)
class Clip:
    """A video of the site.

    ``fault`` is what goes wrong with its file, ``page_fault`` with its page: an HTTP status, or a word that
    `_Handler` knows. Faults go away after ``times`` requests; None means never. ``page_type`` is how the extractor
    raises the words of a page: "" as an error, "geo" and "login" by yt-dlp's own means. Whoever comes through a proxy
    as the user ``open_to`` meets no fault.
    """

    id: str
    content: bytes = b""
    title: str = "A reaction mashup"
    licence: str | None = CC
    duration: float | None = 120
    height: int = 720
    age_limit: int = 0
    live_status: str = "not_live"
    upload_date: str = "20230401"
    thumbnail: bytes = b""
    fault: int | str = ""
    page_fault: int | str = ""
    page_type: str = ""
    open_to: str = ""
    times: int | None = None
    retry_after: str = ""
    rate: int = 0
    query: str = ""
    formats: tuple[dict[str, Any], ...] = ()

    @property
    def path(self) -> str:
        return f"/watch/{urllib.parse.quote(self.id, safe='')}{self.query}"


@dataclass
class Site:
    """The server. ``searches`` leads from words to paths of clips, in rank order; ``clips`` from paths to clips.

    It is a proxy to itself, too. ``pages`` are other pages, by path. With ``certificate``, a file with its key in it,
    it speaks TLS, and ``refused`` counts the clients that did not trust it.
    """

    searches: dict[str, list[str]] = field(default_factory=dict)
    clips: dict[str, Clip] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)
    search_status: int = 200
    pages: dict[str, bytes] = field(default_factory=dict)
    certificate: Path | None = None
    refused: int = 0

    def __enter__(self) -> Self:
        self.server = _server(self)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self) -> str:
        return f"http{'s' if self.certificate else ''}://127.0.0.1:{self.server.server_address[1]}"

    @property
    def search_url(self) -> str:
        return self.url + "/results?q={query}&licence={licence}"

    def add(self, words: str, *clips: Clip) -> None:
        """Put clips at the end of a search's results."""
        for clip in clips:
            self.clips[clip.path] = clip
            self.searches.setdefault(words, []).append(clip.path)

    def mend(self, path: str) -> None:
        """Nothing goes wrong with a clip any more."""
        self.clips[path] = replace(self.clips[path], fault="", page_fault="")

    def asked_for(self, clip_id: str) -> int:
        """The requests that concern a clip."""
        name = urllib.parse.quote(clip_id, safe="")
        return sum(
            re.fullmatch(rf"/\w+/{re.escape(name)}(\?.*)?(\.mp4|\.jpg)?", path) is not None for path in self.requests
        )


def _server(site: Site) -> ThreadingHTTPServer:
    class _Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            site.refused += 1

    server = _Server(("127.0.0.1", 0), _handler(site))
    if site.certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(site.certificate)
        # In the thread of each client, so that one that goes away does not end the server.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return server


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class _Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self) -> None:
            # A client that was killed is no fault of the site's.
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                super().handle()

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            # Whoever takes us for a proxy asks for whole addresses.
            self.path = self.path.removeprefix(site.url)
            site.requests.append(self.path)
            kind, _, rest = self.path.removeprefix("/").partition("/")
            try:
                if kind.startswith("results"):
                    self.results()
                elif self.path in site.pages:
                    self.answer(site.pages[self.path], "text/html")
                elif kind == "watch":
                    self.page(site.clips.get(self.path))
                else:
                    rest, _, suffix = rest.rpartition(".")
                    self.file(site.clips.get(f"/watch/{rest}"), suffix)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def results(self) -> None:
            if site.search_status != 200:
                self.fail(site.search_status)
                return
            asked = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
            words, licence, page = asked["q"][0], asked["licence"][0], int(asked.get("page", ["0"])[0])
            paths = site.searches.get(words, [])
            if licence == "creative-commons":
                # As on YouTube, not to be relied on: a licence that is not stated passes.
                paths = [path for path in paths if site.clips[path].licence in (CC, None, "Standard")]
            shown = paths[page * RESULTS_A_PAGE : (page + 1) * RESULTS_A_PAGE]
            links = "".join(
                f'<a class="video" data-id="{urllib.parse.quote(site.clips[path].id, safe="")}" href="{path}">'
                f"{html.escape(site.clips[path].title)}</a>\n"
                for path in shown
            )
            if len(paths) > (page + 1) * RESULTS_A_PAGE:
                following = urllib.parse.urlencode({"q": words, "licence": licence, "page": page + 1})
                links += f'<a class="next" href="/results?{html.escape(following)}">'
            self.answer(f"<html>{links}</html>".encode(), "text/html")

        def page(self, clip: Clip | None) -> None:
            if clip is None:
                self.fail(404)
            elif not self.opened(clip) and (fault := self.fault(clip, clip.page_fault)):
                if isinstance(fault, int):
                    self.fail(fault, clip.retry_after)
                elif fault == "loop":
                    self.redirect(self.path)
                else:
                    heading = f'<h1 class="{clip.page_type}">{html.escape(fault)}</h1>'
                    self.answer(f"<html>{heading}</html>".encode(), "text/html")
            else:
                self.answer(self.about(clip), "text/html")

        def opened(self, clip: Clip) -> bool:
            """Whether a clip that is shown to some alone is shown to this one."""
            _, _, credentials = self.headers.get("Proxy-Authorization", "").partition(" ")
            user = base64.b64decode(credentials).decode().partition(":")[0]
            return bool(clip.open_to) and user == clip.open_to

        def about(self, clip: Clip) -> bytes:
            name = clip.path.removeprefix("/watch/")
            own = {"url": f"{site.url}/files/{name}.mp4", "ext": "mp4", "acodec": "none", "filesize": len(clip.content)}
            formats = clip.formats or (
                {"format_id": "hd", "vcodec": "avc1.64001f", "height": clip.height, "width": clip.height * 16 // 9},
            )
            about = {
                "title": clip.title, "license": clip.licence, "duration": clip.duration, "age_limit": clip.age_limit,
                "live_status": clip.live_status, "upload_date": clip.upload_date, "channel": "The channel",
                "thumbnail": f"{site.url}/thumbs/{name}.jpg" if clip.thumbnail else None,
                "formats": [{**own, **form} for form in formats],
            }  # fmt: skip
            text = json.dumps(about).replace("</", "<\\/")
            return f'<html><script id="video" type="application/json">{text}</script></html>'.encode()

        def file(self, clip: Clip | None, suffix: str) -> None:
            if clip is None:
                self.fail(404)
            elif suffix == "jpg":
                self.answer(clip.thumbnail, "image/jpeg")
            elif fault := self.fault(clip, clip.fault):
                self.misbehave(clip, fault)
            else:
                self.ranged(clip)

        def misbehave(self, clip: Clip, fault: int | str) -> None:
            word, _, number = str(fault).partition(":")
            match word:
                case "loop":
                    self.redirect(self.path)
                case "html":
                    self.answer(b"<html><h1>Please enable JavaScript</h1></html>" * 9, "video/mp4")
                case "cut":
                    self.ranged(clip, stop_after=int(number))
                case "long":
                    self.ranged(clip, claim=int(number))
                case "short":
                    self.ranged(clip, claim=-int(number))
                case "drip":
                    self.ranged(clip, drip=float(number))
                case _:
                    self.fail(int(fault), clip.retry_after)

        def ranged(self, clip: Clip, *, stop_after: int | None = None, claim: int = 0, drip: float = 0) -> None:
            content, start = clip.content, 0
            if match := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
                start = int(match[1])
                if start >= len(content):
                    self.fail(416)
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1 + claim}/{len(content) + claim}")
            else:
                self.send_response(200)
            self.send_header("Content-Type", "video/mp4")
            self.send_header("Content-Length", str(len(content) - start + claim))
            self.end_headers()
            body = content[start:] if stop_after is None else content[start : start + stop_after]
            step = 1 if drip else 8192
            for place in range(0, len(body), step):
                piece = body[place : place + step]
                self.wfile.write(piece)
                site.sent[clip.id] += len(piece)
                if drip or clip.rate:
                    time.sleep(drip or len(piece) / clip.rate)
            if stop_after is not None or claim:
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True

        def fault(self, clip: Clip, fault: int | str) -> int | str:
            if fault and clip.times is not None:
                left = replace(clip, times=clip.times - 1)
                site.clips[clip.path] = left
                return fault if clip.times > 0 else ""
            return fault

        def fail(self, status: int, retry_after: str = "") -> None:
            self.send_response(status)
            if retry_after:
                self.send_header("Retry-After", retry_after)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def redirect(self, path: str) -> None:
            self.send_response(302)
            self.send_header("Location", path)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def answer(self, content: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return _Handler
