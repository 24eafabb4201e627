from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from show_runs import Rmset, extracted

# Ten frames at 25 a second, then fifteen at 5; a tone from 1.0 to 1.2 s.
UNEVEN = "settb=1/90000,setpts='if(lt(N,10),N/25,0.4+(N-10)/5)/TB'"
TONE = "aevalsrc='0.8*sin(2*PI*440*t)*between(t,1,1.2)':s=48000:d=3.4"


@pytest.fixture(scope="session")
def uneven(small_video: Path, make_clip: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of the demo at an uneven rate, with sound."""
    sound = ["-f", "lavfi", "-i", TONE]
    picture = ["-vf", UNEVEN, "-fps_mode", "passthrough", "-c:v", "libx264", "-threads", 1]
    return make_clip(tmp_path_factory.mktemp("uneven") / "uneven.mp4", "-i", small_video, *sound, *picture)


@pytest.fixture(scope="session")
def uneven_shards(uneven: Path, rmset: Rmset) -> Path:
    """The shards of `uneven`."""
    return extracted(rmset, uneven)
