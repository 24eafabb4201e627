"""Draws docs/picture.svg, the picture of the README: what `rmset show` draws over the demo's mashup.

    python docs/picture.py

Composes the mashup, extracts it and shows a frame before and one after its change of layout, every face blurred, as
nobody's face belongs in a repository. Nothing is drawn by hand. The SVG holds a JPEG, as the film's colours would take
three times as much in a PNG. Takes a minute.
"""

from __future__ import annotations

import base64
import contextlib
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

from rmset_builder.cli import main as rmset
from rmset_builder.demo.compose import encode, load_scene
from rmset_builder.demo.scene import CUT, draw_frames
from rmset_builder.video.ffmpeg import find_ffmpeg

OUT = Path(__file__).with_name("picture.svg").absolute()
SHOWN = (CUT - 40, CUT + 20)
WIDTH, GAP, QUALITY = 600, 8, 85


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
    jpeg = io.BytesIO()
    both.save(jpeg, "JPEG", quality=QUALITY, subsampling=0, optimize=True)
    size = f'width="{both.width}" height="{both.height}"'
    data = base64.b64encode(jpeg.getvalue()).decode()
    OUT.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {both.width} {both.height}" {size}>\n'
        f'  <image {size} href="data:image/jpeg;base64,{data}"/>\n</svg>\n'
    )
    print(f"{OUT}: {OUT.stat().st_size:,} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
