"""What the pages' scripts ask: corrections, and who is there to be corrected."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rmset_builder.review.asked import read_asked
from rmset_builder.review.desk import Desk
from rmset_builder.review.guard import MOST_BYTES
from rmset_builder.review.moment import Moment, moment, steadily
from rmset_builder.review.people import people_of, tracks_of
from rmset_builder.shards.metadata import read_metadata
from rmset_builder.shards.reader import read_images, telling
from rmset_builder.site.folder import is_id


def video_of(request: Request) -> str:
    """The id in an address; 404 where it is none."""
    video: str = request.path_params["video"]
    if not is_id(video):
        raise HTTPException(404, "that is no id of a video")
    return video


async def state(request: Request, desk: Desk) -> Response:
    """The last correction, and how many are not done yet."""
    return JSONResponse(await run_in_threadpool(desk.state))


async def corrections(request: Request, desk: Desk) -> Response:
    """All corrections, or those of one video."""
    return JSONResponse(await run_in_threadpool(desk.corrections, request.query_params.get("video")))


async def correct(request: Request, desk: Desk) -> Response:
    """A correction; the answer comes when it is done."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise HTTPException(413, "too long")
    return JSONResponse(await desk.correct(read_asked(body)))


async def people(request: Request, desk: Desk) -> Response:
    """The identities of a video."""

    def told(video: str) -> dict[str, Any]:
        at, (people, order) = steadily(desk.shards, video, lambda at: people_of(desk.shards, at))
        return {**_of(at), "identities": list(map(asdict, people)), "order": order}

    return JSONResponse(await run_in_threadpool(told, video_of(request)))


async def tracks(request: Request, desk: Desk) -> Response:
    """The tracks of an identity."""

    def told(video: str, identity: int) -> dict[str, Any]:
        at, tracks = steadily(desk.shards, video, lambda at: tracks_of(at, identity))
        return {**_of(at), "tracks": list(map(asdict, tracks))}

    return JSONResponse(await run_in_threadpool(told, video_of(request), request.path_params["identity"]))


async def face(request: Request, desk: Desk) -> Response:
    """A face as its shard has it, by its row; empty where the video was changed since, as rows are other faces then."""

    def picture(video: str, version: str, row: int) -> bytes | None:
        at = moment(desk.shards, video)
        return None if at is None or at.version != version else _picture(at, row)

    video, version, row = video_of(request), request.path_params["version"], request.path_params["row"]
    found = await run_in_threadpool(picture, video, version, row)
    return Response(status_code=204) if found is None else Response(found, media_type="image/jpeg")


def _of(at: Moment) -> dict[str, Any]:
    return {"video": at.record.id, "as_of": at.as_of, "version": at.version}


def _picture(at: Moment, row: int) -> bytes:
    for shard in at.shards:
        with telling(shard):
            count, _ = read_metadata(shard.path)
            if row < count:
                return next(jpeg for _, jpeg in read_images(shard.path, [row]))
        row -= count
    raise HTTPException(404, "there is no such face")
