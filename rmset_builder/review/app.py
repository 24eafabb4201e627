"""What is served at which address."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rmset_builder.core.errors import RmsetError, one_line
from rmset_builder.review.asked import WrongRequestError, read_asked
from rmset_builder.review.desk import Desk
from rmset_builder.review.guard import MOST_BYTES, Door, Guard
from rmset_builder.review.moment import Moment, NoSuchVideoError, moment, steadily
from rmset_builder.review.people import people_of, tracks_of
from rmset_builder.shards.metadata import read_metadata
from rmset_builder.shards.reader import read_images, telling

Endpoint = Callable[[Request], Awaitable[Response]]

_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
_KINDS = {".js": "text/javascript", ".css": "text/css"}


def make_app(desk: Desk, door: Door) -> Guard:
    """The pages of a folder and what they ask, for whoever is let in."""
    addresses: list[tuple[str, str, Callable[[Request, Desk], Awaitable[Response]]]] = [
        ("/api/state", "GET", _state),
        ("/api/corrections", "GET", _corrections),
        ("/api/corrections", "POST", _correct),
        ("/api/videos/{video}", "GET", _people),
        ("/api/videos/{video}/identities/{identity:int}", "GET", _tracks),
        ("/faces/{video}/{version}/{row:int}.jpg", "GET", _face),
        ("/review/{name}", "GET", _own_file),
    ]
    routes = [Route(path, _told(endpoint, desk), methods=[method]) for path, method, endpoint in addresses]
    return Guard(Starlette(routes=routes, exception_handlers={HTTPException: _refused}), door)


def _told(endpoint: Callable[[Request, Desk], Awaitable[Response]], desk: Desk) -> Endpoint:
    """An endpoint whose failures are a status and a line."""

    @functools.wraps(endpoint)
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request, desk)
        except HTTPException:
            raise
        except WrongRequestError as error:
            return _fault(400, str(error))
        except NoSuchVideoError as error:
            return _fault(404, str(error))
        except RmsetError as error:
            return _fault(409, str(error))
        except Exception as error:
            told = f"a fault of the program: {type(error).__name__}: {error}"
            print(one_line(f"rmset review: {request.url.path}: {told}"), file=sys.stderr)
            return _fault(500, told)

    return answer


def _fault(status: int, told: str) -> JSONResponse:
    return JSONResponse({"error": one_line(told)}, status)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _fault(error.status_code, error.detail)


def _video(request: Request) -> str:
    video: str = request.path_params["video"]
    if not _ID.fullmatch(video):
        raise HTTPException(404, "that is no id of a video")
    return video


async def _state(request: Request, desk: Desk) -> Response:
    return JSONResponse(await run_in_threadpool(desk.state))


async def _corrections(request: Request, desk: Desk) -> Response:
    return JSONResponse(await run_in_threadpool(desk.corrections, request.query_params.get("video")))


async def _correct(request: Request, desk: Desk) -> Response:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise HTTPException(413, "too long")
    return JSONResponse(await desk.correct(read_asked(body)))


async def _people(request: Request, desk: Desk) -> Response:
    def told(video: str) -> dict[str, Any]:
        at, (people, order) = steadily(desk.shards, video, lambda at: people_of(desk.shards, at))
        return {
            "video": video,
            "as_of": at.as_of,
            "version": at.version,
            "identities": list(map(asdict, people)),
            "order": order,
        }

    return JSONResponse(await run_in_threadpool(told, _video(request)))


async def _tracks(request: Request, desk: Desk) -> Response:
    def told(video: str, identity: int) -> dict[str, Any]:
        at, tracks = steadily(desk.shards, video, lambda at: tracks_of(at, identity))
        return {"video": video, "as_of": at.as_of, "version": at.version, "tracks": list(map(asdict, tracks))}

    return JSONResponse(await run_in_threadpool(told, _video(request), request.path_params["identity"]))


async def _face(request: Request, desk: Desk) -> Response:
    def picture(video: str, version: str, row: int) -> bytes:
        at = moment(desk.shards, video)
        if at is None or at.version != version:  # other rows are other faces now
            raise HTTPException(404, "the video was corrected since")
        return _picture(at, row)

    video, version, row = _video(request), request.path_params["version"], request.path_params["row"]
    return Response(await run_in_threadpool(picture, video, version, row), media_type="image/jpeg")


def _picture(at: Moment, row: int) -> bytes:
    for shard in at.shards:
        with telling(shard):
            count, _ = read_metadata(shard.path)
            if row < count:
                return next(jpeg for _, jpeg in read_images(shard.path, [row]))
        row -= count
    raise HTTPException(404, "there is no such face")


async def _own_file(request: Request, desk: Desk) -> Response:
    name = request.path_params["name"]
    own = {one.name: one for one in files("rmset_builder.review").joinpath("static").iterdir() if one.is_file()}
    kind = _KINDS.get("." + name.rpartition(".")[2])
    if name not in own or kind is None:
        raise HTTPException(404, "there is no such file")
    return Response(own[name].read_bytes(), media_type=kind)
