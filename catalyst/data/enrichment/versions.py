"""Versions of an article on a symbol: what is a correction and what was only seen again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Link(IntEnum):
    """Say how a symbol came to an article, the best evidence first.

    ``ACCEPTED`` is the provider's link that a person took although the text speaks against it.
    """

    PROVIDER = 0
    CASHTAG = 1
    NAME = 2
    NONE = 3
    ACCEPTED = 4

    @property
    def label(self) -> str:
        """Give the name used in files, as in ``provider`` or ``cashtag``."""
        return self.name.lower()


#: What a version tells: headline, url, author, as given.
Content = tuple[str | None, ...]


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """Hold one report of an article on one symbol; ordered as versions are weighed.

    Attributes
    ----------
    known_ns
        When it became known, nanoseconds UTC.
    link
        How the symbol came to it.
    order
        Everything else that the row holds, as text: makes the choice among equals independent of
        the order of the rows. A row stored before comes before an equal new one.
    row
        Position in the frame given.
    content
        What it tells.
    """

    known_ns: int
    link: Link
    order: tuple[str, ...]
    row: int
    content: Content


def kept_versions(versions: Iterable[Version], *, settled: Sequence[Content] = ()) -> list[Version]:
    """Select the versions of an article on a symbol that are worth a row.

    The earliest is kept. A later one is a correction, and kept, if it tells something that none
    before it told: another wording (the article's identity allows only case, spaces and entities
    to differ), another url, another author. If not, it is the same article seen again; so is a
    second version known at the same instant. A missing url or author tells nothing.

    Parameters
    ----------
    versions
        Of one `news_id` and symbol, in any order.
    settled
        Contents of versions known before all of these.

    Returns
    -------
    list of Version
        In order of `known_ns`. The set doesn't depend on the order in which reports arrive, as long
        as no two with different content were known at the same instant.
    """
    told = list(settled)
    kept: list[Version] = []
    for version in sorted(versions):
        same_instant = bool(kept) and kept[-1].known_ns == version.known_ns
        if not same_instant and not any(_covers(before, version.content) for before in told):
            kept.append(version)
            told.append(version.content)
    return kept


def _covers(before: Content, content: Content) -> bool:
    return all(new is None or new == old for old, new in zip(before, content, strict=True))
