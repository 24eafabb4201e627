"""The pictures of one page: small faces, and the files that they are put together in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rmset_builder.reports.exemplars import VideoPlan
from rmset_builder.reports.measures import FaceColumns
from rmset_builder.shards.layout import ShardFile
from rmset_builder.site.charts import moment
from rmset_builder.site.look import LINES, STRIP_FACES, STRIP_SIZE, Faces, Look
from rmset_builder.site.pictures import Pixels, data_address, small_faces, sprite
from rmset_builder.site.summary import Strip, Tile


class Album:
    """The faces of a video that a page shows. In a single file each is an address that holds it, else a file's part.

    Args:
        look: how the report looks; without faces the album stays empty.
        faces: the columns of the video's rows.
        shards: of the video.
        rows: those whose faces will be asked for.

    Attributes:
        files: the content of the files that are to lie beside the page, by their names.

    Raises:
        RmsetError: a shard is damaged.
    """

    def __init__(self, look: Look, faces: FaceColumns, shards: Sequence[ShardFile], rows: Iterable[int]) -> None:
        self._look, self._faces = look, faces
        shown = look.faces is not Faces.ABSENT
        blur = look.faces is Faces.BLURRED
        self._small: dict[int, Pixels] = small_faces(shards, set(rows), look.size, blur=blur) if shown else {}
        self.files: dict[str, bytes] = {}

    def tiles(self, name: str, lines: Mapping[int, Sequence[int]]) -> dict[int, tuple[Tile, ...]]:
        """The faces of each line of rows, in sprites called ``name``; none where no faces are shown."""
        if not self._small:
            return {}
        if self._look.single:
            return {key: tuple(map(self._alone, rows)) for key, rows in lines.items()}
        found = {}
        for first in range(0, len(lines), LINES):
            keys = list(lines)[first : first + LINES]
            file = f"{name}{first // LINES}.jpg"
            self.files[file] = sprite(self._small, [lines[key] for key in keys], self._look.size)
            for line, key in enumerate(keys):
                found[key] = tuple(
                    Tile(
                        src=file,
                        alt=self._told(row),
                        line=line,
                        column=column,
                        track=int(self._faces.track[row]),
                        frame=int(self._faces.frame[row]),
                    )
                    for column, row in enumerate(lines[key])
                )
        return found

    def strip(self, plan: VideoPlan) -> Strip | None:
        """A face each of the people with the most."""
        most = sorted(plan.rows, key=lambda row: -row.faces)[:STRIP_FACES]
        rows = [row.picks[len(row.picks) // 2] for row in sorted(most, key=lambda row: row.identity)]
        if not self._small or not rows:
            return None
        picture = sprite(self._small, [rows], STRIP_SIZE)
        if self._look.single:
            src = data_address(picture)
        else:
            src = "strip.jpg"
            self.files[src] = picture
        alt = f"Faces of {len(rows)} of {plan.identities:,} identities"
        return Strip(src=src, alt=alt, width=len(rows) * STRIP_SIZE, height=STRIP_SIZE)

    def _alone(self, row: int) -> Tile:
        return Tile(src=data_address(sprite(self._small, [[row]], self._look.size)), alt=self._told(row))

    def _told(self, row: int) -> str:
        identity, at = int(self._faces.identity[row]), float(self._faces.time_s[row])
        blurred = "blurred, " if self._look.faces is Faces.BLURRED else ""
        return f"identity {identity}, {blurred}at {moment(at)}, frame {int(self._faces.frame[row])}"
