from __future__ import annotations

import re
import sys
import time
from pathlib import Path

import pytest
import yaml
from papers_keywords import KEYWORDS
from pydantic import ValidationError

from rmset_builder.core.errors import RmsetError
from rmset_builder.manifest.schema import FAULTS_SHOWN, LARGEST_BYTES, Filters, Group, Manifest, load_manifest

# Table 1 of the supplement, copied from it cell by cell.
TABLE_1 = """
| Happiness, Surprise | K-pop, fan cam, action movie, hero movie, amazing football plays               |
| Sadness             | missing father, try not to cry, 911 call, touching                             |
| Fear, Surprise      | horror movies trailer, try not to get scared, do not watch at night, creepiest |
| Disgust, Contempt   | try not to look away, anime death, freakshow, racist, jocker, animal abuse     |
| Anger               | try not to get mad, racism, discrimination, 911                                |
"""

GROUP = "groups:\n  - name: Anger\n    keywords: [racism]\n"


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return tmp_path / "manifest.yaml"


def faults(path: Path, content: str | bytes) -> list[str]:
    """The lines of the refusal of ``content``, the path and its colon taken off each."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(RmsetError) as caught:
        load_manifest(path)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}:") for line in lines), lines
    return [line.removeprefix(f"{path}:") for line in lines]


def test_the_papers_keywords_are_complete_and_in_order() -> None:
    rows = [[cell.strip() for cell in line.split("|")[1:3]] for line in TABLE_1.strip().splitlines()]
    manifest = load_manifest(KEYWORDS)
    assert [(group.name, ", ".join(group.keywords)) for group in manifest.groups] == [tuple(row) for row in rows]
    assert manifest.base_query == "reaction mashup video"
    assert manifest.licence == "creative-commons"


def test_the_papers_keywords_spell_out_the_defaults() -> None:
    groups = load_manifest(KEYWORDS).groups
    assert load_manifest(KEYWORDS) == Manifest(groups=groups)
    assert set(yaml.safe_load(KEYWORDS.read_text())) == {f.alias or n for n, f in Manifest.model_fields.items()}


def test_the_papers_misspelling_is_marked_as_the_papers() -> None:
    (line,) = [line for line in KEYWORDS.read_text().splitlines() if "jocker" in line]
    assert "# sic" in line


def test_queries_are_base_and_keyword_in_order() -> None:
    queries = list(load_manifest(KEYWORDS).queries())
    assert len(queries) == 23
    assert queries[0] == ("Happiness, Surprise", "K-pop", "reaction mashup video K-pop")
    assert queries[-1] == ("Anger", "911", "reaction mashup video 911")
    assert [query.group for query in queries] == sorted(
        (query.group for query in queries), key=[group.name for group in load_manifest(KEYWORDS).groups].index
    )


def test_only_groups_must_be_given(manifest: Path) -> None:
    manifest.write_text(GROUP)
    loaded = load_manifest(manifest)
    assert loaded == Manifest(groups=(Group(name="Anger", keywords=("racism",)),))
    assert (loaded.per_keyword, loaded.filters) == (10, Filters(min_duration_s=60, max_duration_s=3600, min_height=720))


def test_every_field_is_read(manifest: Path) -> None:
    manifest.write_text(
        "schema: 1\nbase_query: mashup\nlicence: any\nper_keyword: 3\n"
        "filters: {min_duration_s: 1, max_duration_s: 2, min_height: 4}\n" + GROUP
    )
    loaded = load_manifest(manifest)
    assert (loaded.base_query, loaded.licence, loaded.per_keyword) == ("mashup", "any", 3)
    assert loaded.filters == Filters(min_duration_s=1, max_duration_s=2, min_height=4)
    assert [query.query for query in loaded.queries()] == ["mashup racism"]


def test_keywords_of_any_script_are_welcome(manifest: Path) -> None:
    keywords = (
        "진짜 웃긴",
        "नमस्ते",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "👩\u200d🚀",
        "what?! #1: 50% & more",
    )
    quoted = "".join(f"      - '{keyword}'\n" for keyword in keywords)
    manifest.write_text(f"groups:\n  - name: Freude\n    keywords:\n{quoted}", encoding="utf-8-sig")
    assert load_manifest(manifest).groups[0].keywords == keywords


def test_a_manifest_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_manifest(KEYWORDS).per_keyword = 4  # type: ignore[misc]


def test_each_fault_has_its_line_field_and_remedy(manifest: Path) -> None:
    text = """\
licenze: any
licence: creative
schema: 2
per_keyword: ten
filters:
  min_duration_s: 90.5
  min_heigth: 3
groups:
  - name: A
    keywords:
      - 911
      - yes
      - 2012-12-21
      - movie: the return
      - [x]
      -
      - ""
      - " x "
      - "\\e[31m"
      - "\\u202e"
      - null
  - nam: B
    keywords: []
  - 7
"""
    assert faults(manifest, text) == [
        "1: licenze: unknown field; allowed: schema, source, base_query, licence, per_keyword, filters, groups; "
        "did you mean licence?",
        "2: licence: must not be 'creative'; allowed: creative-commons, any; did you mean creative-commons?",
        "3: schema: must not be 2; allowed: 1",
        "4: per_keyword: must be a whole number, not 'ten'",
        "6: filters.min_duration_s: must be a whole number, not 90.5",
        "7: filters.min_heigth: unknown field; allowed: min_duration_s, max_duration_s, min_height, live, "
        "age_restricted; did you mean min_height?",
        '11: groups[0].keywords[0]: 911 is a number to YAML; if text is meant, write it in quotes: "911"',
        '12: groups[0].keywords[1]: yes is a boolean to YAML; if text is meant, write it in quotes: "yes"',
        '13: groups[0].keywords[2]: 2012-12-21 is a date to YAML; if text is meant, write it in quotes: "2012-12-21"',
        "14: groups[0].keywords[3]: must be text, not a mapping; if text is meant, write it in quotes",
        "15: groups[0].keywords[4]: must be text, not a list; if text is meant, write it in quotes",
        "16: groups[0].keywords[5]: is empty",
        "17: groups[0].keywords[6]: is empty",
        "18: groups[0].keywords[7]: begins or ends with a space; remove it",
        "19: groups[0].keywords[8]: holds the invisible character U+001B; remove it",
        "20: groups[0].keywords[9]: holds the invisible character U+202E; remove it",
        '21: groups[0].keywords[10]: null is nothing to YAML; if text is meant, write it in quotes: "null"',
        "22: groups[1].name: is missing",
        "22: groups[1].nam: unknown field; allowed: name, keywords, urls, folders; did you mean name?",
        "23: groups[1].keywords: is an empty list; it needs at least one item",
        "24: groups[2]: must be a mapping, not 7; allowed: name, keywords, urls, folders",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("per_keyword: 0\n" + GROUP, "1: per_keyword: must be at least 1, not 0"),
        ("per_keyword: 1001\n" + GROUP, "1: per_keyword: must be at most 1000, not 1001"),
        ("per_keyword: true\n" + GROUP, "1: per_keyword: must be a whole number, not true"),
        ("per_keyword: '5'\n" + GROUP, "1: per_keyword: must be a whole number, not '5'"),
        ("per_keyword:\n" + GROUP, "1: per_keyword: must be a whole number, not nothing"),
        ("filters: {min_height: -1}\n" + GROUP, "1: filters.min_height: must be at least 0, not -1"),
        (
            "filters:\n  min_duration_s: 9\n  max_duration_s: 8\n" + GROUP,
            "3: filters.max_duration_s: is 8, below min_duration_s, which is 9",
        ),
        (
            "\nfilters:\n  min_duration_s: 7200\n" + GROUP,
            "2: filters.max_duration_s: is 3600, below min_duration_s, which is 7200",
        ),
        ("base_query: ''\n" + GROUP, "1: base_query: is empty"),
        ("groups: []\n", "1: groups: is an empty list; it needs at least one item"),
        ("groups: x\n", "1: groups: must be a list, not 'x'"),
        ("schema: 1\n", "1: groups: is missing"),
        ("groups:\n- name: A\n  keywords: x\n", "3: groups[0].keywords: must be a list, not 'x'"),
        ("groups:\n- name: A\n  keywords:\n", "3: groups[0].keywords: must be a list, not nothing"),
        ("groups:\n- name: 7\n  keywords: [x]\n", '2: groups[0].name: 7 is a number to YAML; if text is meant, '
         'write it in quotes: "7"'),
        (
            "# note\n- a\n",
            "2: must be a mapping, not a list; allowed: schema, source, base_query, licence, per_keyword, filters, "
            "groups",
        ),
        (
            f"groups:\n- name: A\n  keywords:\n  - {'k' * 101}\n",
            "4: groups[0].keywords[0]: has 101 characters, at most 100 are allowed",
        ),
        (
            "groups:\n- name: Anger\n  keywords: [x]\n- name: Joy\n  keywords: [x]\n- name: anger\n  keywords: [y]\n",
            "6: groups[2].name: the same as groups[0].name on line 2",
        ),
    ],
)  # fmt: skip
def test_one_fault_alone(manifest: Path, text: str, expected: str) -> None:
    assert faults(manifest, text) == [expected]


def test_repeats_within_a_group_are_all_told(manifest: Path) -> None:
    text = "groups:\n- name: A\n  keywords:\n  - fan cam\n  - touching\n  - Fan  Cam\n  - touching\n"
    assert faults(manifest, text) == [
        "6: groups[0].keywords[2]: the same as groups[0].keywords[0] on line 4",
        "7: groups[0].keywords[3]: the same as groups[0].keywords[1] on line 5",
    ]


def test_fields_given_twice(manifest: Path) -> None:
    text = f"per_keyword: 1\n{GROUP}per_keyword: x\nlicence: none\n"
    assert faults(manifest, text) == [
        "5: per_keyword: given twice, first on line 1",
        "6: licence: must not be 'none'; allowed: creative-commons, any",
    ]
    text = "groups:\n- name: A\n  keywords: [x]\n  name: B\n"
    assert faults(manifest, text) == ["4: groups[0].name: given twice, first on line 2"]


def test_a_hostile_field_name_is_shown_harmless(manifest: Path) -> None:
    (fault,) = faults(manifest, GROUP + '"\\e[31m": 1\n')
    assert fault.startswith(r"4: '\x1b[31m': unknown field")
    (fault,) = faults(manifest, GROUP + f"? {'a' * 50_000}\n: 1\n")
    assert fault.startswith(f"4: '{'a' * 39}…': unknown field")
    assert len(fault) < 200


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &x 1", "1: anchors and aliases (& and *) are not allowed; if text is meant, write it in quotes"),
        ("a:\n - *x", "2: anchors and aliases (& and *) are not allowed; if text is meant, write it in quotes"),
        ("a:\n\n  !!python/object/apply:os.system [id]", "3: tags (!) are not allowed; if text is meant, "
         "write it in quotes"),
        ("a: [1,\n2", "2: not valid YAML: while parsing a flow sequence, expected ',' or ']', but got '<stream end>'"),
        ("a: 1\nb: c: d", "2: not valid YAML: mapping values are not allowed here"),
        ("a: 1\n---\nb: 2", "2: not valid YAML: expected a single document in the stream, but found another document"),
        ("a: 1\nb: \x07", "2: holds the control character U+0007; remove it"),
        ('a:\n  - "\\UFFFFFFFF"', "2: not valid YAML: a character or a number out of range"),
        ("? [a]\n: 1\n" + GROUP, "1: a field's name must be text, not a list or a mapping"),
        ("per_keyword: " + "9" * 5000 + "\n" + GROUP, f"1: per_keyword: '{'9' * 39}…' is not a number; "
         "if text is meant, write it in quotes"),
        (b"a: 1\n\xff\xfe", "2: not UTF-8; save the file as UTF-8"),
    ],
)  # fmt: skip
def test_what_is_not_plain_yaml(manifest: Path, text: str | bytes, expected: str) -> None:
    assert faults(manifest, text) == [expected]


def test_bombs_are_stopped_where_they_start(manifest: Path) -> None:
    start = time.perf_counter()
    assert faults(manifest, "a: &a [x, x]\nb: &b [*a, *a]\n")[0].startswith("1: anchors")
    assert faults(manifest, "a:\n  " + "[" * 500_000)[0].startswith("2: brackets or lists nested deeper")
    assert faults(manifest, "".join(f"{' ' * n}k:\n" for n in range(900)))[0].startswith("20: brackets or lists")
    assert time.perf_counter() - start < 5


def test_a_flood_of_faults_is_cut_short(manifest: Path) -> None:
    lines = faults(manifest, "groups:\n- name: A\n  keywords: [" + "1, " * 200 + "2]\n")
    assert len(lines) == FAULTS_SHOWN + 1
    assert lines[-1] == " and 151 more"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b"# nothing but a comment\n", "is empty"),
        (b"PK\x03\x04\x00\x00", "is a binary file"),
        (b"#" * (LARGEST_BYTES + 1), "is larger than 1,000,000 bytes"),
    ],
)
def test_files_that_are_no_manifest(manifest: Path, content: bytes, expected: str) -> None:
    manifest.write_bytes(content)
    with pytest.raises(RmsetError, match=f"^{re.escape(str(manifest))} {expected}"):
        load_manifest(manifest)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(RmsetError, match=r"no manifest at .*absent\.yaml; manifests/keywords\.yaml is an example"):
        load_manifest(tmp_path / "absent.yaml")
    with pytest.raises(RmsetError, match="is a folder, not a manifest; name the YAML file in it"):
        load_manifest(tmp_path)
    with pytest.raises(RmsetError, match="cannot be read"):
        load_manifest(tmp_path / ("n" * 300))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /dev/zero")
def test_an_endless_file_is_refused() -> None:
    with pytest.raises(RmsetError, match="larger than"):
        load_manifest(Path("/dev/zero"))
