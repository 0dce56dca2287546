"""Narrative clusters: which headlines tell the same story on a symbol."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from functools import lru_cache

#: How long a cluster's first headline takes in copies.
WINDOW_NS = 24 * 3600 * 1_000_000_000
#: Least Jaccard similarity of word sets, as numerator and denominator: exact, no rounding at 0.6.
SIMILARITY = (3, 5)

_NO_WORDS = frozenset({""})


@dataclass(slots=True)
class _First:
    number: int
    known_ns: int
    cluster_id: str
    words: frozenset[str]
    prefix: tuple[str, ...]
    matches: list[frozenset[str]] = field(default_factory=list)


@dataclass(slots=True)
class _Stories:
    """The stories of one symbol: the firsts that still take in copies, and how many each has."""

    firsts: deque[_First] = field(default_factory=deque)
    by_number: dict[int, _First] = field(default_factory=dict)
    by_word: dict[str, dict[int, None]] = field(default_factory=dict)
    by_words: dict[frozenset[str], _First] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
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

    Copies of a known text cost one look-up. New texts are compared with the firsts that share one
    of their rarest words only (prefix filter of Chaudhuri, Ganti & Kaushik 2006, exact).
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
        post_id: str | None = None,
        retweet_of_id: str | None = None,
    ) -> tuple[str, int]:
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
        post_id, retweet_of_id
            The provider's id of the article, and of the post that it repeats.

        Returns
        -------
        cluster_id : str
            ``SYMBOL-`` and the `news_id` of the cluster's first.
        cluster_rank : int
            0 for the first, then 1, 2, ... in order.
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
        rank = stories.sizes.get(cluster_id, 0)
        _count(stories, cluster_id, rank, post_id, retweet_of_id)
        return cluster_id, rank

    def remember(
        self,
        symbol: str,
        known_ns: int,
        *,
        cluster_id: str,
        cluster_rank: int,
        words: frozenset[str] | None,
        post_id: str | None = None,
        retweet_of_id: str | None = None,
    ) -> None:
        """Take in a headline that was assigned before, in the same order as `assign`.

        Parameters are those of `assign` and what it returned; `words` are asked for only of firsts
        that later headlines can still join, None elsewhere.
        """
        stories = self._stories.setdefault(symbol, _Stories())
        if cluster_rank == 0 and words is not None:
            _open(stories, known_ns, cluster_id, words or _NO_WORDS)
        _count(stories, cluster_id, cluster_rank, post_id, retweet_of_id)


def _count(
    stories: _Stories, cluster_id: str, rank: int, post_id: str | None, retweet_of_id: str | None
) -> None:
    stories.sizes[cluster_id] = max(stories.sizes.get(cluster_id, 0), rank + 1)
    if post_id is not None:
        stories.posts.setdefault(post_id, cluster_id)
    if retweet_of_id is not None:
        stories.retweeted.setdefault(retweet_of_id, cluster_id)


def _joined(stories: _Stories, post_id: str | None, retweet_of_id: str | None) -> str | None:
    # Ids of two providers may be equal by chance, so an article is found by its own id only among
    # posts that were retweeted, and a retweet only by the id that it names.
    if retweet_of_id is not None:
        return stories.posts.get(retweet_of_id) or stories.retweeted.get(retweet_of_id)
    return None if post_id is None else stories.retweeted.get(post_id)


def _open(stories: _Stories, known_ns: int, cluster_id: str, words: frozenset[str]) -> _First:
    first = _First(stories.next_number, known_ns, cluster_id, words, _prefix(words))
    stories.next_number += 1
    stories.firsts.append(first)
    stories.by_number[first.number] = first
    for word in first.prefix:
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
        for word in first.prefix:
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
    candidates = {number for word in _prefix(words) for number in stories.by_word.get(word, ())}
    for number in sorted(candidates):
        first = stories.by_number[number]
        if _similar(words, first.words):
            _recall(stories, words, first)
            return first
    return None


def _similar(words: frozenset[str], others: frozenset[str]) -> bool:
    parts, whole = SIMILARITY
    shared = len(words & others)
    return whole * shared >= parts * (len(words) + len(others) - shared)


@lru_cache(maxsize=1 << 14)
def _prefix(words: frozenset[str]) -> tuple[str, ...]:
    # Two sets of similarity s share at least ceil(s * size) words of each, so one of the first
    # size - ceil(s * size) + 1 words of each, in any fixed order. Long words are the rare ones.
    parts, whole = SIMILARITY
    size = len(words)
    length = size - -(-parts * size // whole) + 1
    return tuple(sorted(words, key=lambda word: (-len(word), word))[:length])
