"""What is served at which address."""

from __future__ import annotations

import functools
import sys
from collections.abc import Awaitable, Callable
from importlib.resources import files

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from rmset_builder.core.errors import RmsetError, one_line
from rmset_builder.review import api
from rmset_builder.review.asked import WrongRequestError
from rmset_builder.review.desk import Desk
from rmset_builder.review.guard import Door, Guard
from rmset_builder.review.live import LOOK
from rmset_builder.review.moment import NoSuchVideoError
from rmset_builder.site.folder import INDEX, PAGES, REVIEW
from rmset_builder.site.rendering import style_and_script
from rmset_builder.site.summary import PAGE

Answer = Callable[[Request, Desk], Awaitable[Response]]

_KINDS = {"js": "text/javascript", "css": "text/css"}


def make_app(desk: Desk, door: Door) -> Guard:
    """The pages of a folder and what they ask, for whoever is let in."""
    addresses: list[tuple[str, Answer]] = [
        ("/", _overview),
        (f"/{INDEX}", _overview),
        (f"/{REVIEW}", _review_list),
        ("/video/{video}", _shorter),
        (f"/{PAGES}/{{video}}/{PAGE}", _video),
        (f"/{PAGES}/{{video}}/{{name}}", _picture),
        ("/favicon.ico", _no_icon),
        ("/site/{name}", _file_of_site),
        ("/review/{name}", _own_file),
        ("/api/state", api.state),
        ("/api/corrections", api.corrections),
        ("/api/videos/{video}", api.people),
        ("/api/videos/{video}/identities/{identity:int}", api.tracks),
        ("/faces/{video}/{version}/{row:int}.jpg", api.face),
    ]
    routes = [Route(path, _told(answer, desk), methods=["GET"]) for path, answer in addresses]
    routes.append(Route("/api/corrections", _told(api.correct, desk), methods=["POST"]))
    return Guard(Starlette(routes=routes, exception_handlers={HTTPException: _refused}), door)


def _told(answer: Answer, desk: Desk) -> Callable[[Request], Awaitable[Response]]:
    """An answer whose failures are a status and a line."""

    @functools.wraps(answer)
    async def answered(request: Request) -> Response:
        try:
            return await answer(request, desk)
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

    return answered


def _fault(status: int, told: str) -> JSONResponse:
    return JSONResponse({"error": one_line(told)}, status)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _fault(error.status_code, error.detail)


async def _overview(request: Request, desk: Desk) -> Response:
    return HTMLResponse(await run_in_threadpool(desk.pages.overview))


async def _review_list(request: Request, desk: Desk) -> Response:
    return HTMLResponse(await run_in_threadpool(desk.pages.review_list))


async def _shorter(request: Request, desk: Desk) -> Response:
    return RedirectResponse(f"/{PAGES}/{api.video_of(request)}/{PAGE}")


async def _video(request: Request, desk: Desk) -> Response:
    return HTMLResponse(await run_in_threadpool(desk.pages.video, api.video_of(request)))


async def _picture(request: Request, desk: Desk) -> Response:
    found = await run_in_threadpool(desk.pages.picture, api.video_of(request), request.path_params["name"])
    if found is None:
        raise HTTPException(404, "there is no such picture")
    return Response(found, media_type="image/jpeg")


async def _no_icon(request: Request, desk: Desk) -> Response:
    return Response(status_code=204)  # every browser asks for one


async def _file_of_site(request: Request, desk: Desk) -> Response:
    name = request.path_params["name"]
    found = style_and_script(LOOK).get(name)
    if found is None:
        raise HTTPException(404, "there is no such file")
    return Response(found, media_type=_KINDS[name.rpartition(".")[2]])


async def _own_file(request: Request, desk: Desk) -> Response:
    name = request.path_params["name"]
    own = {one.name: one for one in files("rmset_builder.review").joinpath("static").iterdir() if one.is_file()}
    kind = _KINDS.get(name.rpartition(".")[2])
    if name not in own or kind is None:
        raise HTTPException(404, "there is no such file")
    return Response(own[name].read_bytes(), media_type=kind)
