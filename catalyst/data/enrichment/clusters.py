"""Narrative clusters: which headlines tell the same story on a symbol."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from catalyst.data.enrichment.sources import normalised_source, source_tier

#: How long a cluster's first headline takes in copies.
WINDOW_NS = 24 * 3600 * 1_000_000_000
#: Least Jaccard similarity of word sets, as numerator and denominator: exact, no rounding at 0.6.
SIMILARITY = (3, 5)

#: Tiers whose word confirms a story.
CONFIRMING_TIER = 2
#: E-folding time of the coordination score: a source half an hour behind the first counts 1/e.
COORDINATION_MINUTES = 30.0

_NO_WORDS = frozenset({""})
_MINUTE_NS = 60_000_000_000


class Membership(NamedTuple):
    """Say which cluster a headline belongs to, and what was known of that cluster by then.

    Attributes
    ----------
    cluster_id
        ``SYMBOL-`` and the `news_id` of the cluster's first.
    rank
        0 for the first, then 1, 2, ... in order.
    sources
        Distinct normalised sources so far, this one included; headlines without a source count as
        one source together.
    confirmed_by
        As given, the source of the first article of tier 1 or 2 in the cluster. None while there is
        none. A story that a source of tier 1 or 2 begins is confirmed by that source.
    confirm_minutes
        From when the cluster's first became known to when that article did; 0.0 if they are one.
    coordination
        0.0 for one source; else ``(1 - 1/S) * mean(exp(-m / 30))`` over the sources but the first,
        ``m`` the minutes from when the cluster's first became known to when the source first spoke,
        ``S`` the number of sources. What a source repeats doesn't count, so one bot that posts a
        text a thousand times has 0, and a thousand bots that post it within a minute nearly 1: it
        measures how concerted a story looks, not how true it is. Read it with `confirmed_by`.
    """

    cluster_id: str
    rank: int
    sources: int
    confirmed_by: str | None
    confirm_minutes: float | None
    coordination: float


@dataclass(slots=True)
class _Story:
    """What is known of a cluster so far."""

    cluster_id: str
    first_ns: int
    size: int = 0
    sources: set[str] = field(default_factory=set)
    closeness: float = 0.0
    confirmed_by: str | None = None
    confirm_minutes: float | None = None

    def take_in(self, known_ns: int, source: str | None) -> None:
        self.size += 1
        minutes = (known_ns - self.first_ns) / _MINUTE_NS
        name = normalised_source(source or "")
        if name not in self.sources:
            if self.sources:
                self.closeness += math.exp(-minutes / COORDINATION_MINUTES)
            self.sources.add(name)
        if self.confirm_minutes is None and source_tier(source) <= CONFIRMING_TIER:
            self.confirmed_by, self.confirm_minutes = source, minutes

    def seen_as(self, rank: int) -> Membership:
        count = len(self.sources)
        coordination = (1.0 - 1.0 / count) * (self.closeness / (count - 1)) if count > 1 else 0.0
        return Membership(
            self.cluster_id,
            rank,
            count,
            self.confirmed_by,
            self.confirm_minutes,
            coordination,
        )


@dataclass(slots=True)
class _First:
    number: int
    known_ns: int
    cluster_id: str
    words: frozenset[str]
    matches: list[frozenset[str]] = field(default_factory=list)


@dataclass(slots=True)
class _Stories:
    """The stories of one symbol: the firsts that still take in copies, and how many each has."""

    firsts: deque[_First] = field(default_factory=deque)
    by_number: dict[int, _First] = field(default_factory=dict)
    by_word: dict[str, dict[int, None]] = field(default_factory=dict)
    by_words: dict[frozenset[str], _First] = field(default_factory=dict)
    told: dict[str, _Story] = field(default_factory=dict)
    posts: dict[str, str] = field(default_factory=dict)
    retweeted: dict[str, str] = field(default_factory=dict)
    next_number: int = 0


class Clusters:
    """Assign headlines, given in the order in which they became known, to narrative clusters.

    A headline joins the oldest cluster of its symbol whose *first* headline became known at most
    24 hours before and has a Jaccard similarity of word sets of at least 0.6 with it; else it is
    the first of a new one. Later members count for nothing (no chaining), later headlines can't
    change earlier ones (no looking ahead), and a first that has expired stays the first. A retweet
    joins the cluster of its original, whatever its age, or of an earlier retweet of the same
    original. Two headlines without words (links and cashtags only) are equal.

    Copies of a known text cost one look-up. New texts are compared only with the firsts that share
    one of their rarest words (exact; after the prefix filter of Chaudhuri, Ganti & Kaushik 2006,
    with the words that are rare among the firsts of the symbol at the time, so that neither a
    company's name nor a flood that shares some words makes everything a candidate).
    """

    def __init__(self) -> None:
        self._stories: dict[str, _Stories] = {}

    def assign(
        self,
        symbol: str,
        known_ns: int,
        *,
        news_id: str,
        words: frozenset[str],
        source: str | None = None,
        post_id: str | None = None,
        retweet_of_id: str | None = None,
    ) -> Membership:
        """Assign the next headline of a symbol.

        Parameters
        ----------
        symbol
            Joined symbol.
        known_ns
            When it became known, nanoseconds UTC; never less than for the symbol's headline before.
        news_id
            The article's id.
        words
            Its word set.
        source
            Who says it, as given; for a retweet, the account that retweets.
        post_id, retweet_of_id
            The provider's id of the article, and of the post that it repeats.

        Returns
        -------
        Membership
            Its cluster, and the state of it with this headline and those before.
        """
        stories = self._stories.setdefault(symbol, _Stories())
        _expire(stories, known_ns - WINDOW_NS)
        cluster_id = _joined(stories, post_id, retweet_of_id)
        if cluster_id is None:
            words = words or _NO_WORDS
            first = _match(stories, words)
            if first is None:
                first = _open(stories, known_ns, f"{symbol}-{news_id}", words)
            cluster_id = first.cluster_id
        story = _told(stories, known_ns, cluster_id, source, post_id, retweet_of_id)
        return story.seen_as(story.size - 1)

    def remember(
        self,
        symbol: str,
        known_ns: int,
        *,
        cluster_id: str,
        words: frozenset[str] | None,
        source: str | None = None,
        post_id: str | None = None,
        retweet_of_id: str | None = None,
    ) -> None:
        """Take in a headline that was assigned before, in the same order as `assign`.

        Parameters are those of `assign` and what it returned; `words` are asked for only of firsts
        that later headlines can still join, None elsewhere. Exact for the clusters of which every
        headline is remembered.
        """
        stories = self._stories.setdefault(symbol, _Stories())
        if words is not None:
            _open(stories, known_ns, cluster_id, words or _NO_WORDS)
        _told(stories, known_ns, cluster_id, source, post_id, retweet_of_id)

    def state(self, symbol: str, cluster_id: str, *, rank: int) -> Membership:
        """Give what is known of a cluster by now to a member that is seen again."""
        return self._stories[symbol].told[cluster_id].seen_as(rank)


def _told(
    stories: _Stories,
    known_ns: int,
    cluster_id: str,
    source: str | None,
    post_id: str | None,
    retweet_of_id: str | None,
) -> _Story:
    story = stories.told.get(cluster_id)
    if story is None:
        story = stories.told[cluster_id] = _Story(cluster_id, known_ns)
    story.take_in(known_ns, source)
    if post_id is not None:
        stories.posts.setdefault(post_id, cluster_id)
    if retweet_of_id is not None:
        stories.retweeted.setdefault(retweet_of_id, cluster_id)
    return story


def _joined(stories: _Stories, post_id: str | None, retweet_of_id: str | None) -> str | None:
    # Ids of two providers may be equal by chance, so an article is found by its own id only among
    # posts that were retweeted, and a retweet only by the id that it names.
    if retweet_of_id is not None:
        return stories.posts.get(retweet_of_id) or stories.retweeted.get(retweet_of_id)
    return None if post_id is None else stories.retweeted.get(post_id)


def _open(stories: _Stories, known_ns: int, cluster_id: str, words: frozenset[str]) -> _First:
    first = _First(stories.next_number, known_ns, cluster_id, words)
    stories.next_number += 1
    stories.firsts.append(first)
    stories.by_number[first.number] = first
    for word in words:
        stories.by_word.setdefault(word, {})[first.number] = None
    _recall(stories, words, first)
    return first


def _recall(stories: _Stories, words: frozenset[str], first: _First) -> None:
    stories.by_words[words] = first
    first.matches.append(words)


def _expire(stories: _Stories, oldest_ns: int) -> None:
    firsts = stories.firsts
    while firsts and firsts[0].known_ns < oldest_ns:
        first = firsts.popleft()
        del stories.by_number[first.number]
        for words in first.matches:
            del stories.by_words[words]
        for word in first.words:
            numbers = stories.by_word[word]
            del numbers[first.number]
            if not numbers:
                del stories.by_word[word]


def _match(stories: _Stories, words: frozenset[str]) -> _First | None:
    # Once the oldest match of these very words is known it stays the oldest until it expires:
    # what came later is younger.
    known = stories.by_words.get(words)
    if known is not None:
        return known
    for number in _candidates(stories, words):
        first = stories.by_number[number]
        if _similar(words, first.words):
            _recall(stories, words, first)
            return first
    return None


def _similar(words: frozenset[str], others: frozenset[str]) -> bool:
    parts, whole = SIMILARITY
    shared = len(words & others)
    return whole * shared >= parts * (len(words) + len(others) - shared)


def _candidates(stories: _Stories, words: frozenset[str]) -> list[int]:
    # Two sets of similarity s share at least ceil(s * size) words of each, so any size -
    # ceil(s * size) + 1 words of one hold a word of the other. The rarest ask the fewest firsts.
    parts, whole = SIMILARITY
    known = [numbers for word in words if (numbers := stories.by_word.get(word)) is not None]
    asked = len(known) + 1 - -(-parts * len(words) // whole)
    if asked <= 0:
        return []
    known.sort(key=len)
    return sorted(set().union(*known[:asked]))
