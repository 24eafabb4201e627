"""No text ends in anything but a manifest or a refusal."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from papers_keywords import KEYWORDS

from rmset_builder.core.errors import RmsetError
from rmset_builder.manifest.schema import load_manifest

PIECES = st.sampled_from(
    [
        *"[]{}:-&*!|>'\"%@`#,?\\~=. \n\t\r",
        "\n  - ",
        ": ",
        "<<",
        "---\n",
        "911",
        "0x",
        "1:2:3",
        "1e999",
        "2024-99-99",
        "\\u",
    ]
)


@settings(max_examples=300, deadline=None)
@given(pieces=st.lists(PIECES | st.text(max_size=3), max_size=8), at=st.integers(0, 1600))
@example(pieces=["%YAML " + "9" * 5000 + ".1\n---\n"], at=0)
@example(pieces=['"\\ud800": 1\n'], at=0)
@example(pieces=["!!timestamp x"], at=0)
def test_no_text_whatever_ends_in_anything_but_a_manifest_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[str], at: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.yaml"
    text = KEYWORDS.read_text()
    path.write_bytes((text[:at] + "".join(pieces) + text[at:]).encode("utf-8", "surrogatepass"))
    try:
        assert all(query.query.isprintable() or "\u200c" in query.query for query in load_manifest(path).queries())
    except RmsetError as error:
        for line in str(error).splitlines():
            assert line.isprintable()
            assert line.startswith(str(path))
