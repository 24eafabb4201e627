"""Draws docs/picture.png, the picture of the README: what `rmset show` draws over the demo's mashup.

    python docs/picture.py

Composes the mashup, extracts it and shows a frame before and one after its change of layout, every face blurred, as
nobody's face belongs in a repository. Nothing is drawn by hand. Takes a minute.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path

from PIL import Image

from rmset_builder.cli import main as rmset
from rmset_builder.demo.compose import encode, load_scene
from rmset_builder.demo.scene import CUT, draw_frames
from rmset_builder.video.ffmpeg import find_ffmpeg

OUT = Path(__file__).with_name("picture.png").absolute()
SHOWN = (CUT - 40, CUT + 20)
WIDTH, GAP, COLOURS = 600, 8, 160


def run(*words: str) -> None:
    """Run `rmset`; where it fails, so does this program."""
    try:
        rmset(list(words))
    except SystemExit as ended:
        if ended.code:
            raise


def main() -> None:
    """Draw the picture."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        encode(draw_frames(load_scene()), Path("mashup.mp4"), find_ffmpeg())
        run("extract", "mashup.mp4")
        shown = []
        for frame in SHOWN:
            run("show", "mashup.mp4", "--frame", str(frame), "--blur-faces", "--out", f"{frame}.png")
            with Image.open(f"{frame}.png") as picture:
                shown.append(picture.convert("RGB").resize((WIDTH, WIDTH * picture.height // picture.width)))
    both = Image.new("RGB", (2 * WIDTH + GAP, shown[0].height), "white")
    for number, picture in enumerate(shown):
        both.paste(picture, (number * (WIDTH + GAP), 0))
    both.quantize(COLOURS, dither=Image.Dither.NONE).save(OUT, optimize=True)
    print(f"{OUT}: {OUT.stat().st_size:,} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
