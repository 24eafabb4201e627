from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import small_benchmarks
from small_benchmarks import face, save, zip_of

from rmfer.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_counts_as_table_10_has_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small_benchmarks.ferplus(tmp_path)
    code, out, err = run(capsys, "benchmark", tmp_path)
    assert (code, err) == (0, "")
    assert out == (
        f"{tmp_path}: FERPlus (ferplus), 8 expressions\n"
        "\n"
        "Expression  Training  Validation  Testing\n"
        "Neutral            3           1        2\n"
        "Happiness          3           1        1\n"
        "Sadness            3           1        1\n"
        "Surprise           3           1        1\n"
        "Fear               3           1        1\n"
        "Disgust            3           1        1\n"
        "Anger              3           1        1\n"
        "Contempt           3           1        1\n"
        "Total             24           8        9\n"
        "Majority           0           0        0\n"
        "\n"
        "left out of training: 3 unknown, 3 NF, 3 no picture\n"
        "left out of validation: 1 unknown, 1 NF, 1 no picture\n"
        "left out of testing: 1 unknown, 1 NF, 1 no picture\n"
    )
    code, out, _ = run(capsys, "benchmark", tmp_path, "--classes", "7", "--json")
    told = json.loads(out)
    assert (code, told["kind"], len(told["classes"])) == (0, "ferplus", 7)
    assert told["splits"]["test"]["counts"]["neutral"] == 2
    assert told["splits"]["train"]["left_out"] == {"contempt": 3, "unknown": 3, "NF": 3, "no picture": 3}


def test_duplicates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "set"
    small_benchmarks.folders(folder, counts=(3, 1, 2))
    for name in ("test/fear/0.png", "valid/anger/0.png", "train/anger/2.png", "train/anger/1.png"):
        save(folder / name, face(7777))
    code, out, err = run(capsys, "benchmark", folder, "--duplicates")
    assert code == 0
    assert err == "48 pictures\n"
    assert out.endswith(
        "the very same pixels:\n"
        "  training: 1 of 24 are there before\n"
        "  validation: 0 of 8 are there before\n"
        "  testing: 0 of 16 are there before\n"
        "  validation: 1 of 8 are in training too\n"
        "  testing: 1 of 16 are in training too\n"
        "  testing: 1 of 16 are in validation too\n"
        "  1 of 1 such pictures have more than one label\n"
    )
    (folder / "train/fear/0.png").write_bytes(b"nothing")
    code, out, err = run(capsys, "benchmark", zip_of(folder, tmp_path / "a.zip"), "--duplicates", "--json")
    assert code == 1
    assert err.endswith("a.zip:train/fear/0.png: cannot be decoded; put the picture there as it was distributed\n")
    found = json.loads(out)["duplicates"]
    assert found["across"] == {"train, valid": 1, "train, test": 1, "valid, test": 1}
    assert [name.partition(":")[2] for name in found["groups"][0]] == [
        "train/anger/1.png",
        "train/anger/2.png",
        "valid/anger/0.png",
        "test/fear/0.png",
    ]


def test_identities(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small_benchmarks.celeba(tmp_path)
    code, out, _ = run(capsys, "benchmark", tmp_path)
    assert code == 0
    assert f"{tmp_path}: CelebA (celeba), no expressions, identities instead\n" in out
    assert "Identities         4           2        2\n" in out
    assert json.loads(run(capsys, "benchmark", tmp_path, "--json")[1])["classes"] == []


def test_nothing_there(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "holiday").mkdir()
    (tmp_path / "notes.txt").write_text("none")
    for where, message in (
        ((), "data/: does not exist; put a benchmark there or name one; "),
        ((tmp_path,), f"{tmp_path}: is no benchmark and has none; what lies there: holiday/, notes.txt; "),
        ((tmp_path / "notes.txt",), f"{tmp_path / 'notes.txt'}: is neither a folder nor a whole zip; fetch it again"),
        ((tmp_path / "none",), f"{tmp_path / 'none'}: is not there; name a benchmark's folder or zip"),
    ):
        code, out, err = run(capsys, "benchmark", *where)
        assert (code, out) == (2, "")
        assert err.startswith(f"rmfer: {message}")
    code, _, err = run(capsys, "benchmark")
    for told in ("EmoLabel/list_patition_label.txt", "https://github.com/microsoft/FERPlus", "img_align_celeba/"):
        assert told in err


def test_it_does_without_torch() -> None:
    code = "import sys; import rmfer.commands.benchmark, rmfer.labelled.synthetic; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
