"""Croissant 1.1 (http://mlcommons.org/croissant/1.1) with the properties of Croissant RAI 1.0, made of facts alone.

Croissant is schema.org's description of a data set with its files and columns, which data sets' search engines read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from rmset_builder.core.errors import one_line
from rmset_builder.reports import card_words as words
from rmset_builder.reports import sources_table
from rmset_builder.reports.card_facts import Facts
from rmset_builder.reports.card_words import Publication
from rmset_builder.shards.columns import PICTURES
from rmset_builder.shards.schema import COLUMNS

CONFORMS_TO = ("http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0")

_PARQUET = "application/x-parquet"

# Terms of Croissant's own that stand without a prefix.
_TERMS = (
    "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "excludes", "extract", "field",
    "fileProperty", "fileObject", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5",
    "parentField", "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate", "separator",
    "source", "subField", "transform",
)  # fmt: skip
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    "description": {"@container": "@language"},
    **{term: f"cr:{term}" for term in _TERMS},
}


def croissant(facts: Facts, publication: Publication, sources: str) -> str:
    """The text of croissant.json: JSON-LD. Croissant requires an address and a creator, which only a publisher knows.

    Args:
        facts: of the shards.
        publication: what the publisher adds.
        sources: the text of SOURCES.csv, whose hash is told.
    """
    described = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": list(CONFORMS_TO),
        "name": one_line(publication.name),
        "description": words.summary(facts),
        "version": publication.version,
        "datePublished": publication.day,
        "license": {
            "@type": "sc:CreativeWork",
            "name": "The licence of each video",
            "description": one_line(words.licensing(facts)),
        },
        "citeAs": words.BIBTEX,
        "keywords": [*words.KEYWORDS, *map(one_line, facts.groups)],
        **({"url": publication.address} if publication.address else {}),
        **({"creator": _organisation(publication)} if publication.creator else {}),
        "isLiveDataset": False,
        "distribution": _distribution(publication, sources),
        "recordSet": _record_sets(facts, publication),
        **_responsible(facts, publication),
    }
    # So that no title or name ends the script element of a page that the text is put into.
    return json.dumps(described, indent=2, ensure_ascii=False).replace("<", "\\u003c") + "\n"


def _organisation(publication: Publication) -> dict[str, str]:
    return {"@type": "sc:Organization", "name": one_line(publication.creator)}


def _distribution(publication: Publication, sources: str) -> list[dict[str, Any]]:
    files: list[dict[str, Any]] = [
        {
            "@type": "cr:FileSet",
            "@id": "shards",
            "name": "shards",
            "description": "The faces, one or several files a video.",
            "encodingFormat": _PARQUET,
            "includes": words.SHARDS_PATTERN,
            "excludes": [words.EMBEDDINGS_PATTERN, *words.PRIVATE_PATTERNS],
        },
        {
            "@type": "cr:FileObject",
            "@id": words.SOURCES,
            "name": words.SOURCES,
            "description": "The videos that the faces come from, with their licences.",
            "contentUrl": words.SOURCES,
            "encodingFormat": "text/csv",
            "sha256": hashlib.sha256(sources.encode()).hexdigest(),
        },
    ]
    if publication.with_embeddings:
        files.append(
            {
                "@type": "cr:FileSet",
                "@id": "embeddings",
                "name": "embeddings",
                "description": "A mean embedding of each person, a file a video.",
                "encodingFormat": _PARQUET,
                "includes": words.EMBEDDINGS_PATTERN,
            }
        )
    return files


def _record_sets(facts: Facts, publication: Publication) -> list[dict[str, Any]]:
    faces = [
        _field("faces", column.name, column.meaning, column.kind.croissant, _from("fileSet", "shards", column.name))
        for column in COLUMNS.values()
    ]
    for field, column in zip(faces, COLUMNS.values(), strict=True):
        if column.kind is PICTURES:
            field["source"]["transform"] = {"jsonPath": column.kind.leaf.removeprefix(".")}
    videos = [
        _field("sources", name, meaning, {"dataType": kind}, _from("fileObject", words.SOURCES, name))
        for name, (kind, meaning) in sources_table.COLUMNS.items()
    ]
    sets = [
        _record_set("faces", "A row for each aligned face.", ("video", "frame", "track"), faces),
        _record_set("sources", "A row for each video.", ("video",), videos),
    ]
    if publication.with_embeddings:
        sets.append(_record_set("identities", "A row for each person.", ("video", "identity"), _embeddings(facts)))
    return sets


def _embeddings(facts: Facts) -> list[dict[str, Any]]:
    columns = {
        "video": ("the id of the video", {"dataType": "sc:Text"}),
        "identity": ("the person's number in the video", {"dataType": "cr:Int32"}),
        "faces": ("how many faces the person has", {"dataType": "cr:Int64"}),
        "embedding": (
            "the mean of the person's embeddings",
            {"dataType": "cr:Float32", "isArray": True, "arrayShape": str(facts.embedding or -1)},
        ),
    }
    return [
        _field("identities", name, meaning, kind, _from("fileSet", "embeddings", name))
        for name, (meaning, kind) in columns.items()
    ]


def _record_set(name: str, description: str, key: Iterable[str], fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": description,
        "key": [{"@id": f"{name}/{part}"} for part in key],
        "field": fields,
    }


def _field(records: str, name: str, meaning: str, kind: Any, source: dict[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{records}/{name}",
        "name": name,
        "description": words.on_its_own(meaning).replace("`", ""),
        **kind,
        "source": source,
    }


def _from(kind: str, files: str, column: str) -> dict[str, Any]:
    return {kind: {"@id": files}, "extract": {"column": column}}


def _responsible(facts: Facts, publication: Publication) -> dict[str, Any]:
    """The properties of Croissant RAI that apply: no human annotated anything and nothing was imputed by hand."""
    from_sites = any(source.address for source in facts.sources)
    days = [day for day in facts.collected if day]
    settings = "; ".join(f"{name} {', '.join(values)}" for name, values in facts.settings.items())
    versions = [f"{name} {', '.join(values)}" for name, values in facts.versions.items()]
    told: dict[str, str | list[str]] = {
        "dataCollection": "Videos were searched for by keywords or given as files, each by its group; "
        + words.collecting(facts),
        "dataCollectionType": ["Web Scraping", "User-generated content data"] if from_sites else ["Others"],
        "dataCollectionRawData": f"Reaction mashup videos, listed in {words.SOURCES}. {words.licensing(facts)}",
        "dataCollectionTimeframe": days,
        "dataCollectionMissingData": words.left_out(facts),
        "dataPreprocessingProtocol": [
            "Every frame is decoded; faces are found, linked to tracks, aligned by five landmarks, encoded as JPEG, "
            "and tracks are clustered to people within a video.",
            *([f"Settings: {settings}."] if settings else []),
        ],
        "dataAnnotationProtocol": "Boxes, landmarks, scores, tracks and identities are a machine's; no human labelled "
        "or checked them.",
        "machineAnnotationTools": [*(f"models {model}" for model in facts.models), *versions],
        "dataBiases": list(words.BIASES),
        "dataLimitations": [*words.LIMITS, words.INSIGHTFACE],
        "dataUseCases": list(words.USES),
        "personalSensitiveInformation": [*words.PERSONAL, _embedding_note(publication)],
        "dataReleaseMaintenancePlan": " ".join(
            [words.asking(publication.contact), words.removals(facts), "Whoever uses the data set:", *words.DUTIES]
        ),
    }
    return {f"rai:{name}": _cleaned(value) for name, value in told.items() if value}


def _embedding_note(publication: Publication) -> str:
    there = "are part of it" if publication.with_embeddings else "are left out"
    return f"Embeddings, by which people could be recognised elsewhere, {there}."


def _cleaned(value: str | list[str]) -> str | list[str]:
    return one_line(value) if isinstance(value, str) else [one_line(one) for one in value]
