from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rmset_builder.core.errors import RmsetError
from rmset_builder.fetching.candidates import (
    Search,
    SearchLog,
    batch_of_search,
    batches_of_folders,
    searches_of,
    take_results,
    video_url,
)
from rmset_builder.fetching.ledger import Ledger
from rmset_builder.manifest.schema import Manifest, load_manifest

KEYWORDS = Path(__file__).parents[3] / "manifests" / "keywords.yaml"
X, Y = Search("Anger", "x", "http://s/x"), Search("Sadness", "y", "http://s/y")


def manifest(**fields: Any) -> Manifest:
    return Manifest.model_validate({"groups": [{"name": "Anger", "keywords": ["911 & more"]}], **fields})


def test_youtube_is_asked_for_creative_commons_by_its_own_filter() -> None:
    found = searches_of(load_manifest(KEYWORDS))
    assert len(found) == 23
    assert found[0].url == ("https://www.youtube.com/results?search_query=reaction+mashup+video+K-pop&sp=EgIwAQ%3D%3D")
    (other,) = searches_of(manifest(licence="any"))
    assert (
        other.url == "https://www.youtube.com/results?search_query=reaction+mashup+video+911+%26+more&sp=EgIQAQ%3D%3D"
    )


def test_yt_dlp_knows_that_address_for_what_it_is() -> None:
    from yt_dlp.extractor import get_info_extractor  # noqa: PLC0415

    for search in searches_of(load_manifest(KEYWORDS)):
        assert get_info_extractor("YoutubeSearchURL").suitable(search.url)


def test_other_sites_are_searched_by_an_address() -> None:
    (page,) = searches_of(manifest(source="https://s/find?q={query}&l={licence}"))
    assert page.url == "https://s/find?q=reaction+mashup+video+911+%26+more&l=creative-commons"
    (own,) = searches_of(manifest(source="bilisearch{count}:{query}", per_keyword=3))
    assert own.url == "bilisearch20:reaction mashup video 911 & more"


def test_results_that_are_no_videos_are_passed_over() -> None:
    def entry(**fields: str) -> dict[str, str]:
        return {"ie_key": "Site", "id": "a", "url": "http://s/a", **fields}

    assert video_url(entry()) == "http://s/a"
    assert (
        video_url(entry(ie_key="Youtube", url="https://www.youtube.com/shorts/a"))
        == "https://www.youtube.com/watch?v=a"
    )
    for refused in ({"ie_key": "YoutubeTab"}, {"url": "file:///etc/passwd"}, {"url": "rtmp://x"}, {"url": "x" * 3000}):
        assert video_url(entry(**refused)) == ""
    assert video_url({}) == ""


def test_the_first_search_that_finds_a_video_has_it(tmp_path: Path) -> None:
    entries = [{"ie_key": "Site", "id": one, "url": f"http://s/{one}", "title": one} for one in "abc"]
    with Ledger(tmp_path) as ledger:
        first = take_results(ledger, X, entries[:2])
        second = take_results(ledger, Y, [entries[1], entries[2], entries[1]])
        assert (first, second) == (["a", "b"], ["b", "c"])
        batch = batch_of_search(ledger, Y, second, 5)
        assert (batch.ids, batch.elsewhere) == (("c",), 1)
        assert (ledger["b"].group, ledger["c"].group, ledger["c"].rank) == ("Anger", "Sadness", 2)
        assert [video.state for video in ledger] == ["found"] * 3


def test_two_videos_of_one_id_get_two_names(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ids = take_results(ledger, X, [{"ie_key": "S", "id": "a", "url": f"http://s/{n}"} for n in range(2)])
        assert ids[0] == "a" and ids[1].startswith("a--")
        (nameless,) = take_results(ledger, X, [{"url": "http://s/clip.html"}])
        assert nameless.startswith("video--")


def test_searches_are_remembered_for_what_they_were(tmp_path: Path) -> None:
    SearchLog.open(tmp_path).add(X, 20, ["a", "b"])
    with (tmp_path / "searches.jsonl").open("a") as log:
        log.write('{"group": "torn')
    log = SearchLog.open(tmp_path)
    assert log.results(X, 20) == ["a", "b"]
    assert log.results(X, 21) is None
    assert log.results(Search("Anger", "x", "http://elsewhere"), 20) is None


def test_folders_are_relative_to_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    for name in ("b.mp4", "a b.mkv", "notes.txt"):
        (tmp_path / "mine" / name).write_bytes(name.encode())
    folders = Manifest.model_validate({"source": "folder", "groups": [{"name": "Anger", "folders": ["mine"]}]})
    with Ledger(tmp_path / "videos") as ledger:
        (batch,) = batches_of_folders(ledger, folders, tmp_path)
        assert [ledger[one].title for one in batch.ids] == ["a b", "b"]
        assert batch.ids[1] == "b"
        (again,) = batches_of_folders(ledger, folders, tmp_path)
        assert again == batch
        with pytest.raises(RmsetError, match="the folder mine of the group 'Anger' cannot be listed"):
            list(batches_of_folders(ledger, folders, tmp_path / "elsewhere"))


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"source": "vimeo"}, "must be youtube, url, folder, or a search address with {query}"),
        ({"source": "file:///etc/{query}"}, "must be youtube"),
        ({"source": "url"}, "source url needs it"),
        ({"source": "folder", "groups": [{"name": "a", "keywords": ["x"]}]}, "has no use with source folder"),
        ({"source": "url", "groups": [{"name": "a", "urls": ["ftp://x"]}]}, "must be an address that begins with http"),
        ({"source": "url", "groups": [{"name": "a", "urls": ["http://x", "http://x"]}]}, "given twice"),
        ({"groups": [{"name": "a"}]}, "source youtube needs it"),
    ],
)
def test_sources_that_make_no_sense(fields: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        manifest(**fields)
    assert fault in str(caught.value)
