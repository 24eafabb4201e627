"""The sentences that a data set's card and its Croissant file share, plain text both, and what its publisher adds."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rmset_builder.reports.card_facts import Facts
from rmset_builder.shards.videos_table import TABLE_NAME

CARD, CROISSANT, SOURCES = "README.md", "croissant.json", "SOURCES.csv"
# By name and not `*.parquet`: `videos.parquet` has one row a video.
SHARDS_PATTERN = "*-[0-9][0-9][0-9][0-9][0-9].parquet"
EMBEDDINGS_PATTERN = "identities/*.parquet"
# A hub's * goes into folders too, where a file may be named like a shard.
PRIVATE_PATTERNS = ("embeddings/*.parquet", "dropped/*.parquet")

PAPER = (
    "RMFER: Semi-supervised Contrastive Learning for Facial Expression Recognition with Reaction Mashup Video "
    "(Cho et al., WACV 2024)"
)
BIBTEX = """\
@inproceedings{cho2024rmfer,
  title = {RMFER: Semi-supervised Contrastive Learning for Facial Expression Recognition with Reaction Mashup Video},
  author = {Cho, Yunseong and Kim, Chanwoo and Cho, Hoseong and Ku, Yunhoe and Kim, Eunseo and Boboev, Muhammadjon and
            Lee, Joonseok and Baek, Seungryul},
  booktitle = {IEEE/CVF Winter Conference on Applications of Computer Vision (WACV)},
  year = {2024}
}"""
KEYWORDS = ("facial-expression-recognition", "faces", "reaction-mashup", "contrastive-learning", "video", "rmset")

# What is left out by which rule, as `Facts.dropped` names it.
REASONS = {
    "unsure": "faces of which the detector was never sure",
    "in-transition": "faces that a fade or wipe leaves half one person, half another",
    "upside-down": "faces that stand on their heads",
    "short-lived": "faces of people who are on screen too shortly",
    "never-clear": "things that look like faces",
    "pruned": "faces of people who were taken out",
    "corrected": "faces that somebody looked at and took out",
}

LIMITS = (
    "There are no labels of expressions. A group says with which words its videos were searched for, not what a face "
    "shows.",
    "Identities count within a video: the same person in two videos has two of them. They come from a recogniser and "
    "can be wrong, most of all for small faces and people who look alike.",
    "People of the film inside a mashup are identities like any other; nothing marks them as film.",
    "On steady shots the detector sees one frame in detect_every (a setting), and more where things move; boxes, "
    "landmarks and scores between are interpolated.",
    "Left out are faces upside down, faces half faded into others, people on screen for less than min_presence_s (a "
    "setting), and faces of which the detector was never sure. What the detector misses is missing.",
    "A picture whose size changes within a video is scaled to the size of the first; where such a video is interlaced, "
    "frames are lost at the change. Telecine and wrongly marked interlacing are not undone.",
    "Transport streams and recordings that promise no length may have been cut unnoticed before they were read.",
)
BIASES = (
    "Videos that were searched for are what a search engine gave for a few words, under the licences asked for: their "
    "people are no sample of any population.",
    "Detector and recogniser have errors of their own, which very likely differ between ages, skin colours, poses and "
    "cameras; that was not measured.",
    "People who react for an audience show more than others do, and expressions that suit the searched words.",
)
USES = (
    "Research on facial expressions without labels, as contrastive learning over the faces of one moment.",
    "Not for recognising, finding or naming people.",
    "Not for deciding about people, in hiring, schools, policing, insurance or care; an expression is no proof of an "
    "emotion.",
)
PERSONAL = (
    "Every row is the face of a person: personal data, and biometric data once people are told apart by it. Whoever "
    "keeps a copy needs a lawful basis of their own (in the EU, the GDPR, Articles 6 and 9).",
    "Whether the people consented is not known to the program that wrote this. Attributes such as age, gender or "
    "origin are not noted.",
)
DUTIES = (
    "Use the newest version, and look for a newer one before each publication and each training.",
    "When a version takes out a video or a person, delete them from every copy: shards, exports, indexes, backups. "
    "Shards of a changed video are replaced as a whole, as the numbers of its other people move up.",
    "Train anew what must not remember them, or say with which version a model was trained.",
    "Pass requests that reach you on to the publisher, and nothing about who asked to anybody else.",
)
INSIGHTFACE = (
    "The weights of the models that found and told apart the faces may have terms of their own; those of insightface "
    "are for non-commercial research only."
)


def on_its_own(meaning: str) -> str:
    """What the documentation says of a column, for a page without its headings and a folder without its tables."""
    without_links = re.sub(r":? ?\[[^\]]*\]\(#[^)]*\)", "", meaning)
    return without_links.replace(TABLE_NAME, SOURCES)


@dataclass(frozen=True, kw_only=True)
class Publication:
    """What only the publisher knows; empty where it is not said.

    ``day`` is that of the card, ``contact`` an address for whoever wants to be removed; ``with_embeddings`` that the
    identities' embeddings are published too.
    """

    name: str
    version: str
    day: str
    address: str = ""
    creator: str = ""
    contact: str = ""
    with_embeddings: bool = False

    @property
    def patterns(self) -> list[str]:
        """The files that are published, and no others."""
        return [CARD, CROISSANT, SOURCES, SHARDS_PATTERN, *([EMBEDDINGS_PATTERN] if self.with_embeddings else [])]

    @property
    def excluded(self) -> list[str]:
        """Files that a pattern of `patterns` might take in, and that stay at home."""
        return [*PRIVATE_PATTERNS, *([] if self.with_embeddings else [EMBEDDINGS_PATTERN])]


def summary(facts: Facts) -> str:
    """What the data set is, in a few sentences."""
    total = facts.table.total
    length = f", {facts.seconds / 3600:,.1f} hours" if facts.seconds else ""
    return (
        f"{total.images:,} aligned faces of {total.faces:,} people, counted by video, in {total.frames:,} frames of "
        f"{total.videos:,} videos{length}: reaction mashups, in which several people are seen reacting to the same "
        f"film. Each row has a face with its video, frame, identity, track, time, box and landmarks. Built with "
        f"rmset-builder after {PAPER}; its authors' own data set is not published and is not this one."
    )


def licensing(facts: Facts) -> str:
    """Whose the contents are."""
    stated = "; ".join(f"{licence or 'unknown'}: {count:,}" for licence, count in facts.licences)
    return (
        f"There is no licence for the whole. Each video's own holds, as its page stated it ({SOURCES}). Videos by "
        f"licence: {stated}."
    )


def collecting(facts: Facts) -> str:
    """When the videos were collected."""
    first, last = facts.collected
    known = sum(bool(source.collected) for source in facts.sources)
    if not known:
        return "When the videos were collected is not known."
    part = "" if known == len(facts.sources) else f" (known of {known:,} of {len(facts.sources):,} videos)"
    return f"The videos were collected from {first} to {last}{part}."


def left_out(facts: Facts) -> str:
    """What was seen and is not here."""
    told = [
        f"{count:,} {REASONS.get(reason, 'faces for another reason')}"
        for reason, count in sorted(facts.dropped.items())
    ]
    videos = [f"{facts.not_done:,} whole videos, which could not be extracted"] if facts.not_done else []
    return f"Left out: {'; '.join([*told, *videos])}." if told or videos else "Nothing is recorded as left out."


def removals(facts: Facts) -> str:
    """How much was taken down, and never who."""
    return f"Taken down so far: whole videos {facts.videos_removed:,}, single people {facts.people_removed:,}."


def asking(contact: str) -> str:
    """Where to ask for a removal."""
    return (
        f"Whoever is seen here, or made a video, may ask to be taken out, without giving reasons: {contact}."
        if contact
        else "The publisher has not said where to ask to be taken out; it is the place where this was published."
    )
