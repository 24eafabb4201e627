"""OpenVINO in place of ONNX Runtime: the same numbers in float32, near ones in bfloat16, from many threads at once."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from watched import watch

from rmset_builder.core.errors import RmsetError
from rmset_builder.core.geometry import iou_matrix
from rmset_builder.detection.base import InputSize
from rmset_builder.detection.scrfd import Scrfd
from rmset_builder.doctor import engines
from rmset_builder.doctor.finding import Mark
from rmset_builder.faces.align import align_face, arcface_crop
from rmset_builder.identity.embedder import Embedder
from rmset_builder.inference import openvino
from rmset_builder.inference.session import OPENVINO, Device
from rmset_builder.pipeline.model_pack import ModelPack, load_pack
from rmset_builder.shards.metadata import read_metadata
from rmset_builder.shards.videos_table import read_videos
from rmset_builder.video.decode import FrameReader
from rmset_builder.video.info import VideoInfo

pytest.importorskip("openvino", reason="OpenVINO is not installed (the extra openvino)")

Finished = subprocess.CompletedProcess[str]
Rmset = Callable[..., Finished]
SIZE = InputSize(640, 384)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where compiled models are kept, for each test its own."""
    monkeypatch.setenv("RMSET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "openvino"


@pytest.fixture(scope="module")
def pack() -> ModelPack:
    return load_pack()


@pytest.fixture(scope="module")
def pictures(small_video: Path) -> list[np.ndarray]:
    """Some frames, as the decoder gives them."""
    found = []
    with FrameReader(VideoInfo.from_path(small_video), threads=1) as reader:
        buffer = np.empty(reader.shape, np.uint8)
        while reader.read_into(buffer):
            found.append(buffer.copy())
    return found[::6]


def detector(pack: ModelPack, device: Device, batch: int = 1) -> Scrfd:
    return Scrfd(pack.detector, size=SIZE, batch=batch, device=device, threshold=0.3)


@pytest.fixture
def precision(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The one that is asked for, where this processor has it."""
    if request.param == "bf16" and openvino.best_precision() != "bf16":
        pytest.skip("this processor does not compute in bfloat16")
    monkeypatch.setattr(openvino, "best_precision", lambda: str(request.param))
    return str(request.param)


@pytest.mark.parametrize(("precision", "moved"), [("f32", 1e-3), ("bf16", 0.04)], indirect=["precision"])
def test_faces_are_those_of_onnx_runtime(
    precision: str, moved: float, pack: ModelPack, pictures: list[np.ndarray]
) -> None:
    ours, theirs = detector(pack, Device()), detector(pack, Device(runtime=OPENVINO, threads=2))
    for picture in pictures:
        (mine,), (other,) = ours.detect([picture]), theirs.detect([picture])
        sure = mine[mine.scores >= 0.5]
        assert len(sure) >= 6
        overlap = iou_matrix(sure.boxes, other.boxes)
        assert overlap.max(axis=1).min() >= (0.999 if precision == "f32" else 0.9)
        assert np.abs(other.scores[overlap.argmax(axis=1)] - sure.scores).max() <= moved


@pytest.mark.parametrize(("precision", "least"), [("f32", 0.99999), ("bf16", 0.9985)], indirect=["precision"])
def test_embeddings_are_those_of_onnx_runtime(
    precision: str, least: float, pack: ModelPack, pictures: list[np.ndarray]
) -> None:
    faces = [
        np.ascontiguousarray(arcface_crop(align_face(picture, landmarks, side=260))[:, :, 2::-1])
        for picture in pictures
        for landmarks in detector(pack, Device()).detect([picture])[0].landmarks
    ]
    mine = Embedder(pack.recogniser, batch=1, device=Device()).embed(faces)
    other = Embedder(pack.recogniser, batch=1, device=Device(runtime=OPENVINO)).embed(faces)
    cosine = (mine * other).sum(axis=1) / np.linalg.norm(mine, axis=1) / np.linalg.norm(other, axis=1)
    assert len(faces) >= 20 and cosine.min() >= least


def test_callers_in_many_threads_get_their_own_answers_in_any_batch(
    pack: ModelPack, pictures: list[np.ndarray]
) -> None:
    alone = [detector(pack, Device(runtime=OPENVINO)).detect([picture])[0] for picture in pictures]
    shared = detector(pack, Device(runtime=OPENVINO, threads=3), batch=2)
    with ThreadPoolExecutor(8) as pool:
        asked = [number % len(pictures) for number in range(60)]
        answers = list(pool.map(lambda number: shared.detect([pictures[number]])[0], asked))
    for number, answer in zip(asked, answers, strict=True):
        np.testing.assert_allclose(answer.boxes, alone[number].boxes, atol=1.0)
        np.testing.assert_allclose(answer.scores, alone[number].scores, atol=0.01)
    together = shared.detect(pictures[:3])
    assert [len(faces) for faces in together] == [len(faces) for faces in alone[:3]]


def test_what_is_no_graph_is_one_line() -> None:
    with pytest.raises(RmsetError, match="OpenVINO cannot run the model") as caught:
        openvino.OpenVinoRunner(b"nothing", 1, callers=1)
    assert "\n" not in str(caught.value)


def damaged(content: bytes) -> list[bytes]:
    """A file cut, emptied, with a bit flipped, and another program's."""
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    return [content[: len(content) // 2], b"", bytes(flipped), hashlib.sha256(b"blob").digest() + b"blob"]


def test_what_is_compiled_is_kept_and_made_anew_where_it_is_not_whole(
    cache: Path, pack: ModelPack, pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    def scores() -> np.ndarray:
        return detector(pack, Device(runtime=OPENVINO)).detect(pictures[:1])[0].scores

    first = scores()
    (kept,) = cache.iterdir()
    content, written = kept.read_bytes(), kept.stat().st_mtime_ns
    np.testing.assert_array_equal(scores(), first)
    assert kept.stat().st_mtime_ns == written, "taken from there"
    for wrong in damaged(content):
        kept.write_bytes(wrong)
        np.testing.assert_array_equal(scores(), first)
        assert kept.read_bytes()[:32] == hashlib.sha256(kept.read_bytes()[32:]).digest()
        assert len(kept.read_bytes()) > 1_000_000
    detector(pack, Device(runtime=OPENVINO, threads=2))
    assert len(list(cache.iterdir())) == 1, "for any number of callers"
    other = "f32" if openvino.best_precision() == "bf16" else "bf16"
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(openvino, "best_precision", lambda: other)
        detector(pack, Device(runtime=OPENVINO))
    assert len(list(cache.iterdir())) == 2, "other settings, another file"
    (cache.parent / "file").touch()
    monkeypatch.setenv("RMSET_CACHE", str(cache.parent / "file"))
    np.testing.assert_array_equal(scores(), first)


def test_the_precision_is_the_processors() -> None:
    assert openvino.best_precision() == ("bf16" if engines.computes_in_bf16() else "f32")


# ---------------------------------------------------------------------------------------------------------- the command


def test_shards_say_what_made_them_and_are_stale_by_request_alone(
    small_video: Path, rmset: Rmset, tmp_path: Path
) -> None:
    def extract(out: Path, *more: object) -> Finished:
        done = rmset("extract", small_video, "--out", out, "--jobs", 1, *more)
        assert done.returncode == 0, done.stderr
        return done

    out, plain = tmp_path / "shards", tmp_path / "plain"
    shard = out / f"{small_video.stem}-00000.parquet"
    extract(out, "--engine", "openvino")
    engine = f"openvino {openvino.require_openvino()} {openvino.best_precision()}"
    assert read_metadata(shard)[1].engine == engine
    assert json.loads(read_videos(out)[small_video.stem].versions_json)["engine"] == engine
    assert rmset("verify", out).returncode == 0

    extract(plain)
    assert read_metadata(plain / shard.name)[1].engine is None
    assert "engine" not in json.loads(read_videos(plain)[small_video.stem].versions_json)
    for more in ([], ["--engine", "openvino", "--same-engine"], ["--engine", "openvino"]):
        assert "already done" in extract(out, *more).stdout
    assert "already done" not in extract(out, "--same-engine").stdout
    assert shard.read_bytes() == (plain / shard.name).read_bytes()
    assert "already done" not in extract(out, "--same-engine", "--engine", "openvino").stdout


def test_it_phones_nobody_and_leaves_nothing(small_video: Path, tmp_path: Path) -> None:
    line = ("extract", small_video, "--out", "shards", "--engine", "openvino", "--jobs", 1)
    found = watch(tmp_path / "run", "-m", "rmset_builder", *line)
    assert (found.done.returncode, found.calls) == (0, []), found
    assert found.left and all(name.startswith(".cache/rmset/openvino/") for name in found.left)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--engine", "openvino", "--gpu", "0"], "--engine openvino runs on CPUs: leave out --gpu"),
        (["--engine", "openvino,onnxruntime"], "'openvino,onnxruntime' names two of onnxruntime, openvino"),
        (["--engine", "local,ray"], "'local,ray' names two of local, ray"),
        (["--engine", ""], "'' is none of local, ray, onnxruntime, openvino"),
    ],
)
def test_engines_that_do_not_go_together(
    rmset: Rmset, small_video: Path, tmp_path: Path, options: list[str], words: str
) -> None:
    done = rmset("extract", small_video, "--out", tmp_path / "shards", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


# --------------------------------------------------------------------------------------------------------------- doctor


def test_doctor_says_what_it_brings_here(pack: ModelPack) -> None:
    found = engines.check_openvino(pack)
    assert found.mark is Mark.OK
    assert found.found.startswith(f"{openvino.require_openvino()} in {openvino.best_precision()}: detector ")
    assert "recogniser" in found.found and "times as fast as with ONNX Runtime" in found.found


@pytest.mark.parametrize(
    ("flags", "words"), [("avx2 avx512_bf16", "this processor computes in bfloat16"), ("avx2", "would bring little")]
)
def test_doctor_says_whether_it_is_worth_installing(
    flags: str, words: str, pack: ModelPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(f"flags : fpu {flags}\n")
    assert engines.computes_in_bf16(tmp_path / "cpuinfo") == ("bf16" in flags)
    monkeypatch.setattr(engines, "find_spec", lambda _: None)
    monkeypatch.setattr(engines, "computes_in_bf16", lambda: "bf16" in flags)
    found = engines.check_openvino(pack)
    assert found.mark is Mark.OK and found.found.startswith("not installed; ") and words in found.found
