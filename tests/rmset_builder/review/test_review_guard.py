"""Who is let in, and that nobody else is: over a real socket, as browsers and others ask."""

from __future__ import annotations

import socket
from typing import Any

import httpx
import pytest
from corrections import wall
from review.serving import Served

from rmset_builder.review.guard import MOST_BYTES, Door

DROP = {"kind": "drop", "video": "wall", "identity": 2, "as_of": 0}


def test_the_token_is_exchanged_for_a_cookie_and_leaves_the_address(looked_at: Served) -> None:
    answer = looked_at.stranger.get(looked_at.door.address)
    assert (answer.status_code, answer.headers["location"], answer.content) == (303, "/", b"")
    (cookie,) = answer.headers.get_list("set-cookie")
    name, *attributes = cookie.lower().split("; ")
    assert name.startswith(f"rmset-review-{looked_at.door.port}=")
    assert {"httponly", "samesite=strict", "path=/"} <= set(attributes)
    assert looked_at.door.token not in str(answer.headers)
    assert looked_at.stranger.get("/api/state").status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/api/state", "/api/corrections", "/api/videos/wall", "/review/review.js", "/nix"]
)
def test_without_the_cookie_everything_is_refused(looked_at: Served, path: str) -> None:
    refused = {"error": "open the address that `rmset review` printed"}
    for query in ("", "?token=", "?token=wrong", f"?token={looked_at.door.key}", f"?tokens={looked_at.door.token}"):
        answer = looked_at.stranger.get(path + query)
        assert (answer.status_code, answer.json()) == (403, refused)
        assert "set-cookie" not in answer.headers
    for cookies in (
        "",
        "nix",
        f"rmset-review-1={looked_at.door.key}",
        f"{looked_at.door.cookie}={looked_at.door.token}",
        "a=\x07",
    ):
        answer = looked_at.stranger.get(path, headers={"cookie": cookies})
        assert (answer.status_code, answer.json()) == (403, refused)


def test_the_token_opens_the_first_page_alone(looked_at: Served) -> None:
    # Not where it would lead to another host.
    assert looked_at.raw(f"//other.example/?token={looked_at.door.token}")[0] == 404
    assert looked_at.stranger.get(f"/api/state?token={looked_at.door.token}").status_code == 403
    assert looked_at.stranger.post(f"/?token={looked_at.door.token}", json={}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "site.example"},
        {"host": "localhost"},
        {"host": ""},
        {"origin": "https://site.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_other_hosts_and_origins_are_refused_even_with_the_cookie(looked_at: Served, headers: dict[str, str]) -> None:
    before = wall.contents(looked_at.shards)
    for answer in (
        looked_at.client.get("/api/state", headers=headers),
        looked_at.client.post("/api/corrections", json=DROP, headers=headers),
    ):
        assert answer.status_code == 403
        assert answer.json().keys() == {"error"}
    assert wall.contents(looked_at.shards) == before


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_only_json_is_taken(looked_at: Served, kind: str) -> None:
    headers = {"content-type": kind} if kind else {}
    content = httpx.Request("POST", "http://x", json=DROP).content
    answer = looked_at.client.post("/api/corrections", content=content, headers=headers)
    assert (answer.status_code, answer.json()) == (415, {"error": "only application/json"})
    for right in ("application/json", "Application/JSON; charset=utf-8"):
        taken = looked_at.client.post("/api/corrections", content=b"{}", headers={"content-type": right})
        assert taken.status_code == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_only_get_and_post_are_answered(looked_at: Served, method: str) -> None:
    assert looked_at.client.request(method, "/api/corrections").status_code == 405


def test_a_large_request_is_not_read(looked_at: Served) -> None:
    headers = {"content-type": "application/json"}
    large = b" " * (MOST_BYTES + 1)
    assert looked_at.client.post("/api/corrections", content=large, headers=headers).status_code == 413
    assert looked_at.client.post("/api/corrections", content=iter([large]), headers=headers).status_code == 413


def test_every_answer_keeps_itself_to_itself(looked_at: Served) -> None:
    answers = [
        looked_at.client.get("/api/state"),
        looked_at.client.get("/nix"),
        looked_at.client.post("/api/corrections", json={}),
        looked_at.stranger.get("/"),
        looked_at.stranger.get(looked_at.door.address),
    ]
    assert [one.status_code for one in answers] == [200, 404, 400, 403, 303]
    for answer in answers:
        headers = answer.headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["form-action"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert not [name for name in headers if name.startswith("access-control")]


def test_a_web_socket_is_refused(looked_at: Served) -> None:
    with socket.create_connection((looked_at.door.host, looked_at.door.port), timeout=10) as raw:
        lines = (
            "GET /api/state HTTP/1.1",
            f"Host: {looked_at.door.host}:{looked_at.door.port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        )
        raw.sendall("\r\n".join([*lines, "", ""]).encode())
        assert raw.recv(100).startswith(b"HTTP/1.1 403")


@pytest.mark.parametrize(
    ("host", "port", "named", "others"),
    [
        ("127.0.0.1", 8000, ["127.0.0.1:8000"], ["127.0.0.1", "127.0.0.1:80", "localhost:8000", "[::1]:8000"]),
        ("[::1]", 8000, ["[::1]:8000"], ["::1:8000", "127.0.0.1:8000", "[::1]"]),
        ("Work", 80, ["work", "WORK"], ["work:80", "other"]),
        # All of a machine's addresses: a number cannot be made to point elsewhere, a name can.
        ("", 8000, ["10.0.0.7:8000", "[fe80::1]:8000"], ["site.example:8000", "10.0.0.7", "10.0.0.7:80", ":8000", ""]),
    ],
)
def test_the_host_that_was_bound_is_named(host: str, port: int, named: list[str], others: list[str]) -> None:
    door: Any = Door(host, port)
    assert [one for one in [*named, *others] if door.names(one)] == named


def test_no_two_doors_have_the_same_secrets() -> None:
    secrets = {secret for _ in range(50) for door in [Door("h", 1)] for secret in (door.token, door.key)}
    assert len(secrets) == 100
    assert min(map(len, secrets)) >= 40
