"""Corrections applied to the faces of a video, one after another: whose each face is then, and what became of each.

In the extraction that it was made for, a correction is about exactly the faces that it names. In any other these are
found by place and time; where that is not clear the correction is not applied, and told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rmset_builder.corrections.faces import NOBODY, VideoFaces
from rmset_builder.corrections.pieces import Found, Mask, find_group, same_faces
from rmset_builder.corrections.record import DROP, MERGE, SPLIT, SWAP, Correction

People = npt.NDArray[np.int64]

NOT_FOUND = "its faces are not found any more"
IN_PART = "applied to those tracks alone that are surely meant"
ALREADY = "it is so already"


@dataclass(frozen=True)
class Applied:
    """What became of a correction: ``people`` (n,) after it, the faces (n,) of those it was about, and a remark."""

    correction: Correction
    people: People
    touched: Mask
    remark: str = ""


def replay(faces: VideoFaces, corrections: Iterable[Correction], size: tuple[int, int] = (0, 0)) -> list[Applied]:
    """Apply ``corrections`` in their order, the first to what was extracted.

    Args:
        faces: of the video.
        corrections: those that count.
        size: width and height of the pictures that the faces' boxes lie in.

    Returns:
        One for each; people have any numbers, NOBODY where a face was left out.
    """
    people, found = faces.identity.astype(np.int64), list[Applied]()
    for one in corrections:
        same = [same_faces(faces, group) for group in one.groups]
        exact = [mask for mask in same if mask is not None]
        if len(exact) == len(same):
            found.append(_exactly(one, exact, people))
        else:
            groups = [find_group(faces, group, one, size) for group in one.groups]
            found.append(_SEARCHED[one.kind](one, groups, people, faces))
        people = found[-1].people
    return found


def people_after(faces: VideoFaces, applied: Sequence[Applied]) -> People:
    """Whose each face is in the end, (n,)."""
    return applied[-1].people if applied else faces.identity.astype(np.int64)


def _exactly(one: Correction, groups: Sequence[Mask], people: People) -> Applied:
    if any(group.any() and people[group].max() == NOBODY for group in groups):
        return _unclear(one, people, NOT_FOUND)
    after = people.copy()
    if one.kind == MERGE:
        touched = np.logical_or.reduce(groups)
        after[touched & (people != NOBODY)] = people[groups[0]].max()
    elif one.kind == SPLIT:
        touched = groups[0] | groups[1]
        after[groups[0] & (people != NOBODY)] = people.max() + 1
    elif one.kind == SWAP:
        own_kept, own, others_kept, others = groups
        touched = np.logical_or.reduce(groups)
        first, second = people[own_kept | own].max(), people[others_kept | others].max()
        after[own & (people != NOBODY)] = second
        after[others & (people != NOBODY)] = first
    else:
        touched = groups[0]
        after[touched] = NOBODY
    return Applied(one, after, touched)


def _unclear(one: Correction, people: People, remark: str, touched: Mask | None = None) -> Applied:
    return Applied(one, people, np.zeros(len(people), np.bool_) if touched is None else touched, remark)


def _search_merge(one: Correction, groups: Sequence[Found], people: People, faces: VideoFaces) -> Applied:
    owners = [group.owner(people) for group in groups]
    known = {owner for owner in owners if owner is not None}
    if None in owners:
        return _unclear(one, people, NOT_FOUND)
    touched = np.isin(people, list(known))
    if len(known) == 1:
        return _unclear(one, people, ALREADY, touched)
    return Applied(one, np.where(touched, min(known), people), touched)


def _search_split(one: Correction, groups: Sequence[Found], people: People, faces: VideoFaces) -> Applied:
    taken, rest = groups
    own, others = taken.owner(people), rest.owner(people)
    if own is None or others is None:
        return _unclear(one, people, NOT_FOUND)
    touched = np.isin(people, [own, others])
    if own != others:
        return _unclear(one, people, ALREADY, touched)
    mine, other = (_counts(faces, group, people == own) for group in (taken, rest))
    chosen = touched & (mine > 0)[faces.track] & (other == 0)[faces.track]
    mixed = bool(((mine > 0) & (other > 0)).any())
    if not chosen.any():
        return _unclear(one, people, NOT_FOUND, touched)
    return Applied(one, np.where(chosen, people.max() + 1, people), touched, IN_PART if mixed else "")


def _search_swap(one: Correction, groups: Sequence[Found], people: People, faces: VideoFaces) -> Applied:
    owners = [group.owner(people) for group in groups]
    # Where one of the two is seen only in the frames that were swapped, nothing says who else it was.
    own_kept, own, others_kept, others = (
        owner if group.noted else None for owner, group in zip(owners, groups, strict=True)
    )
    if any(owner is None and group.noted for owner, group in zip(owners, groups, strict=True)):
        return _unclear(one, people, NOT_FOUND)
    first_of_two, second = (own if own is not None else own_kept), (others if others is not None else others_kept)
    touched = np.isin(people, [side for side in (own_kept, own, others_kept, others) if side is not None])
    if own in (others_kept, None) and others in (own_kept, None) and own_kept != others_kept:
        return _unclear(one, people, ALREADY, touched)
    as_it_was = own_kept in (first_of_two, None) and others_kept in (second, None)
    if not as_it_was or first_of_two is None or second is None or first_of_two == second:
        return _unclear(one, people, NOT_FOUND, touched)
    first, last = _stretch(one, faces)
    within = (faces.time_s >= first) & (faces.time_s <= last)
    after = people.copy()
    after[within & (people == first_of_two)] = second
    after[within & (people == second)] = first_of_two
    return Applied(one, after, touched)


def _search_drop(one: Correction, groups: Sequence[Found], people: People, faces: VideoFaces) -> Applied:
    owner = groups[0].owner(people)
    if owner is None:
        return _unclear(one, people, NOT_FOUND)
    touched = people == owner
    # Somebody who has become far more than was dropped is not only the one who was meant.
    if touched.sum() <= 2 * sum(piece.faces for piece in one.groups[0]):
        return Applied(one, np.where(touched, NOBODY, people), touched)
    chosen = touched & (_counts(faces, groups[0], touched) > 0)[faces.track]
    return Applied(one, np.where(chosen, NOBODY, people), touched, IN_PART)


_SEARCHED: dict[str, Callable[[Correction, Sequence[Found], People, VideoFaces], Applied]] = {
    MERGE: _search_merge,
    SPLIT: _search_split,
    SWAP: _search_swap,
    DROP: _search_drop,
}


def _counts(faces: VideoFaces, group: Found, among: Mask) -> npt.NDArray[np.intp]:
    """How many faces of a group were found in each track, (tracks,), those ``among`` (n,) alone."""
    rows = group.rows[among[group.rows]]
    return np.bincount(faces.track[rows], minlength=int(faces.track.max()) + 1)


def _stretch(one: Correction, faces: VideoFaces) -> tuple[float, float]:
    """From when to when a swap holds, seconds; to the end where nothing of either was kept after it."""
    swapped = [seen.time_s for group in one.groups[1::2] for piece in group for seen in piece.seen]
    kept = [seen.time_s for group in one.groups[0::2] for piece in group for seen in piece.seen]
    first, last = min(swapped), max(swapped)
    later = [time_s for time_s in kept if time_s > last]
    return first, last if later else float(faces.time_s.max())
