from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from rmset_builder.pipeline import settings
from rmset_builder.pipeline.settings import ExtractSettings

# For every setting an allowed value that is hardly a default.
OTHER = {
    "image_size": 199,
    "jpeg_quality": 37,
    "det_size": 777,
    "det_threshold": 0.617,
    "det_threshold_low": 0.117,
    "detect_every": 7,
    "motion": 0.617,
    "faces_per_track": 97,
    "same_person": 0.617,
    "min_presence_s": 2.717,
}


def test_every_setting_changes_the_hash_and_no_two_alike() -> None:
    assert set(OTHER) == set(ExtractSettings.model_fields)
    hashes = [ExtractSettings(**{name: value}).sha256 for name, value in OTHER.items()]
    assert len({ExtractSettings().sha256, *hashes}) == len(OTHER) + 1
    assert all(len(found) == 64 and set(found) <= set("0123456789abcdef") for found in hashes)


def test_the_same_settings_have_one_hash_in_any_process() -> None:
    assert ExtractSettings(**OTHER).sha256 == ExtractSettings(**dict(reversed(OTHER.items()))).sha256
    assert ExtractSettings(motion=0).sha256 == ExtractSettings(motion=0.0).sha256
    program = (
        "from rmset_builder.pipeline.settings import ExtractSettings; print(ExtractSettings(image_size=224).sha256)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ExtractSettings(image_size=224).sha256


def test_another_algorithm_has_another_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    before = ExtractSettings().sha256
    monkeypatch.setattr(settings, "ALGORITHM", settings.ALGORITHM + 1)
    assert ExtractSettings().sha256 != before


@pytest.mark.parametrize("rules", ["KeyframeRules", "LinkRules", "PurityRules", "IdentityRules"])
def test_every_number_of_every_rule_is_in_the_hash(rules: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those that no setting changes: whoever changes one in the code has other shards."""
    before, kind = ExtractSettings().sha256, getattr(settings, rules)
    for field in dataclasses.fields(kind):
        with monkeypatch.context() as patched:
            patched.setattr(settings, rules, lambda **given: _changed(kind(**given), field.name))  # noqa: B023
            assert ExtractSettings().sha256 != before, field.name


def _changed(rules: Any, name: str) -> Any:
    return dataclasses.replace(rules, **{name: getattr(rules, name) + 1})


def test_settings_cannot_be_changed_and_have_no_others() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        ExtractSettings().image_size = 112  # type: ignore[misc]
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        ExtractSettings(image_sise=224)  # type: ignore[call-arg]


def test_settings_survive_json() -> None:
    changed = ExtractSettings(**OTHER)
    assert ExtractSettings.model_validate_json(changed.model_dump_json()) == changed


@pytest.mark.parametrize(
    ("name", "lowest", "highest"),
    [
        ("image_size", 16, 1024),
        ("jpeg_quality", 1, 100),
        ("det_size", 64, 4096),
        ("det_threshold", 0, 1),
        ("det_threshold_low", 0, 1),
        ("detect_every", 1, 8),
        ("motion", 0, 1),
        ("faces_per_track", 1, 100),
        ("same_person", 0, 1),
    ],
)
def test_bounds_belong_to_what_is_allowed_and_nothing_beyond(name: str, lowest: int, highest: int) -> None:
    for value in (lowest, highest):
        # Some have to agree with each other.
        rest = {"det_threshold_low": 0} if name == "det_threshold" else {}
        rest |= {"det_threshold": 1} if name == "det_threshold_low" else {}
        assert getattr(ExtractSettings(**{name: value, **rest}), name) == value
    for value in (lowest - 1, highest + 1, float("nan"), "many", None):
        with pytest.raises(ValidationError, match=name):
            ExtractSettings(**{name: value})


def test_no_detection_size_at_all_is_allowed_but_not_a_tiny_one() -> None:
    assert ExtractSettings(det_size=0).det_size == 0
    for side in (1, 63):
        with pytest.raises(ValidationError, match="must be 0 or at least 64"):
            ExtractSettings(det_size=side)


def test_presence_is_any_time_that_is_not_negative() -> None:
    assert ExtractSettings(min_presence_s=0).min_presence_s == 0
    assert ExtractSettings(min_presence_s=3600).min_presence_s == 3600
    for value in (-0.1, float("nan")):
        with pytest.raises(ValidationError, match="min_presence_s"):
            ExtractSettings(min_presence_s=value)


def test_the_image_size_is_the_papers() -> None:
    assert ExtractSettings().image_size == 260
