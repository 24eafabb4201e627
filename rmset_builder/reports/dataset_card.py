"""The card of a data set, as hubs show it: Markdown under a header in YAML, made of facts alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import yaml

from rmset_builder.core.errors import one_line
from rmset_builder.reports import card_words as words
from rmset_builder.reports.card_facts import Facts
from rmset_builder.reports.card_words import Publication
from rmset_builder.reports.formats import as_text, markdown
from rmset_builder.shards.columns import table_of
from rmset_builder.shards.schema import COLUMNS

_SIZES = ((10**3, "1K"), (10**4, "10K"), (10**5, "100K"), (10**6, "1M"), (10**7, "10M"), (10**8, "100M"), (10**9, "1B"))


def dataset_card(facts: Facts, publication: Publication) -> str:
    """The text of README.md: a header for hubs and `datasets`, then what people should know.

    Args:
        facts: of the shards.
        publication: what the publisher adds.
    """
    sections = {
        "Contents": _contents(facts),
        "Loading": _loading(publication),
        "Columns": words.on_its_own(table_of(COLUMNS.values())),
        "Sources and licences": _sources(facts),
        "Making": _making(facts),
        "Limits": _listed((*words.LIMITS, *words.BIASES)),
        "Personal data and use": _listed((*words.PERSONAL, *words.USES)),
        "Removal": _removal(facts, publication),
        "Files": _files(facts, publication),
        "Citation": f"Cite the paper whose data set this rebuilds.\n\n```bibtex\n{words.BIBTEX}\n```",
    }
    head = f"---\n{_header(facts, publication)}---\n\n# {as_text(publication.name)}\n\n{words.summary(facts)}"
    told = f"Version {as_text(publication.version)}, {publication.day}."
    if publication.creator:
        told += f" Published by {as_text(publication.creator)}."
    return "\n\n".join([head, told, *(f"## {title}\n\n{text}" for title, text in sections.items())]) + "\n"


def size_category(rows: int) -> str:
    """The class of size that hubs know for so many rows.

    Example:
        >>> size_category(45_570_579)
        '10M<n<100M'
    """
    lower = ""
    for bound, name in _SIZES:
        if rows < bound:
            return f"{lower}<n<{name}" if lower else f"n<{name}"
        lower = name
    return f"n>{lower}"


def _header(facts: Facts, publication: Publication) -> str:
    configs = [{"config_name": "default", "data_files": [{"split": "train", "path": words.SHARDS_PATTERN}]}]
    if publication.with_embeddings:
        files = [{"split": "train", "path": words.EMBEDDINGS_PATTERN}]
        configs.append({"config_name": "identities", "data_files": files})
    header = {
        "pretty_name": one_line(publication.name),
        # No language: there are pictures and numbers. No `license_link`: hubs take only a LICENSE file or an address.
        "license": "other",
        "license_name": "of-each-video",
        "task_categories": ["image-feature-extraction"],
        "annotations_creators": ["machine-generated"],
        "source_datasets": ["original"],
        "size_categories": [size_category(facts.table.total.images)],
        "tags": list(words.KEYWORDS),
        "configs": configs,
    }
    return yaml.safe_dump(header, sort_keys=False, allow_unicode=True, width=120)


def _contents(facts: Facts) -> str:
    size = f" They lie in {facts.shards:,} Parquet files, {facts.bytes / 1e6:,.1f} MB." if facts.bytes else ""
    return (
        f"{markdown(facts.table)}\n\nA face # is a person of one video, an image # a picture of a face.{size} A group "
        "says for what its videos were searched; it is no label."
    )


def _loading(publication: Publication) -> str:
    more = ""
    if publication.with_embeddings:
        more = '\npeople = datasets.load_dataset(FOLDER, "identities", split="train")  # a mean embedding each'
    return f"""\
```python
import datasets

faces = datasets.load_dataset(FOLDER, split="train")  # this folder, or its name on a hub
faces[0]["image"]  # a picture{more}
```"""


def _sources(facts: Facts) -> str:
    rows = [f"| {as_text(licence) or 'unknown'} | {count:,} |" for licence, count in facts.licences]
    return "\n".join(
        [
            f"There is no licence for the whole: each video's own holds. `{words.SOURCES}` has a line for each video "
            "with its page and the licence stated there, and title and author where that licence, as CC BY, wants them "
            "named. Whoever passes faces on passes that file on.",
            "",
            "| licence, as stated | video # |",
            "|---|--:|",
            *rows,
            "",
            f"{words.collecting(facts)} A licence covers what is its giver's: reactions and film inside a mashup are "
            f"often other people's. {words.INSIGHTFACE}",
        ]
    )


def _making(facts: Facts) -> str:
    lines = [
        "Every frame is decoded; faces are found, linked to tracks, aligned by five landmarks, and tracks are "
        f"clustered to people within a video. {words.left_out(facts)}",
        "",
        *_table("made with", {"models": facts.models, **facts.versions}),
        *_table("setting", facts.settings),
    ]
    return "\n".join(lines).rstrip()


def _table(title: str, values: Mapping[str, tuple[str, ...]]) -> Iterable[str]:
    rows = [f"| {as_text(name)} | {as_text(', '.join(found))} |" for name, found in values.items() if found]
    return [f"| {title} | value |", "|---|---|", *rows, ""] if rows else []


def _removal(facts: Facts, publication: Publication) -> str:
    asking = words.asking(as_text(publication.contact))
    return (
        f"{asking} {words.removals(facts)} Who they were is not kept.\n\nWhoever uses the data set:\n\n"
        f"{_listed(words.DUTIES)}\n\n"
        "Whoever publishes it: `rmset prune SHARDS --video ID [--identity N] --why ...`, `rmset card SHARDS` with a "
        "higher `--version`, publish again, delete the older versions too: a hub's history keeps what was taken out."
    )


def _files(facts: Facts, publication: Publication) -> str:
    shown = "\n".join(f"    {pattern}" for pattern in publication.patterns)
    embeddings = (
        f"`{words.EMBEDDINGS_PATTERN}` has a mean embedding of each person, of {facts.embedding:,} numbers: a "
        "biometric by which people can be recognised elsewhere."
        if publication.with_embeddings
        else f"`{words.EMBEDDINGS_PATTERN}` is left out: a mean embedding of each person, by which people can be "
        "recognised elsewhere."
    )
    return (
        f"To the data set belong these, and nothing else of the folder:\n\n{shown}\n\n{embeddings} `videos.parquet` "
        "(paths of the machine that made it), `pruned.jsonl` (who was taken out, and why) and files whose names begin "
        "with a dot stay at home. So publish by these patterns and never the bare folder."
    )


def _listed(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)
