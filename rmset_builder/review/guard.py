"""Who is let in: whoever has the address with its token, from pages of this server alone.

Any page of the web may send requests to 127.0.0.1, and any name may be made to point there. So a request needs the
cookie that the token was exchanged for, which browsers send along from no other site; it must name the host that was
bound; and it must not say that another origin's page made it.
"""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 65_536
"""The largest request that is read."""

_POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


def _secret() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True)
class Door:
    """What a request must know and name.

    Attributes:
        host: the address that is bound, as an URL has it, ``127.0.0.1`` or ``[::1]``; empty for all of the machine's.
        port: the port that is bound.
        token: what the printed address holds.
        key: what the cookie holds, which the token is exchanged for.
    """

    host: str
    port: int
    token: str = field(default_factory=_secret)
    key: str = field(default_factory=_secret)

    @property
    def cookie(self) -> str:
        """The cookie's name; a browser has the same cookies for all ports of a machine."""
        return f"rmset-review-{self.port}"

    @property
    def address(self) -> str:
        """What is printed, and opened in a browser."""
        return f"http://{self._authority(self.host or '127.0.0.1')}/?token={self.token}"

    def names(self, host: str) -> bool:
        """Whether a request's Host header is this server; any number of a machine, where all are bound, but no name."""
        if self.host:
            return host.lower() == self._authority(self.host.lower())
        number = host.removesuffix(self._authority(""))
        try:
            ipaddress.ip_address(number.removeprefix("[").removesuffix("]"))
        except ValueError:
            return False
        return host == self._authority(number)

    def _authority(self, host: str) -> str:
        # Browsers leave out the port that is usual.
        return host if self.port == 80 else f"{host}:{self.port}"

    def opens(self, token: str) -> bool:
        """Whether this is the token."""
        return secrets.compare_digest(token.encode(), self.token.encode())

    def knows(self, cookies: str) -> bool:
        """Whether a Cookie header holds the key."""
        try:
            found = SimpleCookie(cookies).get(self.cookie)
        except CookieError:
            return False
        return found is not None and secrets.compare_digest(found.value.encode(), self.key.encode())


def refusal(door: Door, method: str, headers: Headers) -> tuple[int, str] | None:
    """Why a request is not let in, as a status and a line; None where it is, but for the cookie."""
    host = headers.get("host", "")
    if not door.names(host):
        return 403, "this is not the host that the address names"
    ours = headers.get("origin", f"http://{host}") == f"http://{host}"
    if not ours or headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return 403, "a page of another origin asks"
    if method not in ("GET", "HEAD", "POST"):
        return 405, "only GET and POST"
    if method == "POST":
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return 415, "only application/json"
        length = headers.get("content-length", "")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            return 413, f"a request has a length, of {MOST_BYTES:,} bytes at most"
    return None


class Guard:
    """Lets nobody in who may not, and sends the headers that keep a page to itself with every answer."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app, self._door = app, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as ASGI has it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            answer = self._stopped(scope) or self._app
            await answer(scope, receive, _with_headers(send))
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _stopped(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        refused = refusal(self._door, scope["method"], headers)
        if refused is not None:
            return JSONResponse({"error": refused[1]}, refused[0])
        token = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if scope["path"] == "/" and scope["method"] == "GET" and self._door.opens(token):
            # Away with it from the address, which histories and screens show.
            answer = Response(status_code=303, headers={"location": "/"})
            answer.set_cookie(self._door.cookie, self._door.key, path="/", httponly=True, samesite="strict")
            return answer
        if not self._door.knows("; ".join(headers.getlist("cookie"))):
            return JSONResponse({"error": "open the address that `rmset review` printed"}, 403)
        return None


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
        await send(message)

    return sent
