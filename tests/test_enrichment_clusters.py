from __future__ import annotations

import time
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from catalyst.data.enrichment.clusters import WINDOW_NS, Clusters

HOUR_NS = 3_600_000_000_000


class Headline(NamedTuple):
    symbol: str
    known_ns: int
    words: frozenset[str]
    post_id: str | None = None
    retweet_of_id: str | None = None


headlines = st.lists(
    st.builds(
        Headline,
        symbol=st.sampled_from(["A", "B"]),
        known_ns=st.integers(0, 60).map(lambda hours: hours * HOUR_NS),
        words=st.frozensets(st.sampled_from("abcdefghij"), max_size=7),
        post_id=st.none(),
        retweet_of_id=st.none(),
    ),
    max_size=40,
).map(lambda rows: sorted(rows, key=lambda row: row.known_ns))


def assigned(rows: list[Headline]) -> list[tuple[str, int]]:
    clusters = Clusters()
    return [
        clusters.assign(
            row.symbol,
            row.known_ns,
            news_id=str(number),
            words=row.words,
            post_id=row.post_id,
            retweet_of_id=row.retweet_of_id,
        )
        for number, row in enumerate(rows)
    ]


def naive(rows: list[Headline]) -> list[tuple[str, int]]:
    result: list[tuple[str, int]] = []
    for number, row in enumerate(rows):
        cluster = f"{row.symbol}-{number}"
        for before, (cluster_before, rank) in zip(rows, result, strict=False):
            union = len(before.words | row.words)
            alike = 10 * len(before.words & row.words) >= 6 * union
            recent = row.known_ns - before.known_ns <= 24 * HOUR_NS
            if rank == 0 and before.symbol == row.symbol and recent and alike:
                cluster = cluster_before
                break
        result.append((cluster, sum(name == cluster for name, _ in result)))
    return result


@given(headlines)
def test_clusters_equal_the_slow_obvious_ones(rows: list[Headline]) -> None:
    assert assigned(rows) == naive(rows)


def test_six_words_of_ten_are_enough_and_five_are_not() -> None:
    first = Headline("A", 0, frozenset("abcdefgh"))
    copy = Headline("A", 1, frozenset("abcdefxy"))
    other = Headline("A", 2, frozenset("abcdeuvw"))

    assert assigned([first, copy, other]) == [("A-0", 0), ("A-0", 1), ("A-2", 0)]


def test_a_copy_of_a_copy_is_compared_with_the_first_only() -> None:
    first = Headline("A", 0, frozenset("abcde"))
    copy = Headline("A", 1, frozenset("abcd"))
    chained = Headline("A", 2, frozenset("abc"))
    far = Headline("A", 3, frozenset("ab"))

    assert assigned([first, copy, chained, far]) == [("A-0", 0), ("A-0", 1), ("A-0", 2), ("A-3", 0)]


def test_a_cluster_takes_in_copies_for_24_hours_and_no_longer() -> None:
    words = frozenset("abc")
    rows = [Headline("A", at, words) for at in (0, WINDOW_NS - 1, WINDOW_NS, WINDOW_NS + 1)]

    assert assigned(rows) == [("A-0", 0), ("A-0", 1), ("A-0", 2), ("A-3", 0)]


def test_the_oldest_of_two_matching_clusters_wins() -> None:
    older = Headline("A", 0, frozenset("abcdefgh"))
    younger = Headline("A", 1, frozenset("defghijk"))
    like_both = Headline("A", 2, frozenset("cdefghi"))
    like_younger = Headline("A", 3, frozenset("efghijk"))

    assert assigned([older, younger, like_both, like_younger]) == [
        ("A-0", 0),
        ("A-1", 0),
        ("A-0", 1),
        ("A-1", 1),
    ]


def test_symbols_have_stories_of_their_own() -> None:
    words = frozenset("abc")

    assert assigned([Headline("A", 0, words), Headline("B", 1, words)]) == [("A-0", 0), ("B-1", 0)]


def test_headlines_without_words_are_one_story() -> None:
    none: frozenset[str] = frozenset()

    assert assigned([Headline("A", 0, none), Headline("A", 1, none)]) == [("A-0", 0), ("A-0", 1)]


def test_a_retweet_joins_its_original_after_any_time() -> None:
    original = Headline("A", 0, frozenset("abc"), "17")
    late = Headline("A", 30 * WINDOW_NS, frozenset("xyz"), "99", "17")

    assert assigned([original, late]) == [("A-0", 0), ("A-0", 1)]


def test_retweets_of_an_original_that_was_never_seen_are_one_story() -> None:
    rows = [
        Headline("A", at * WINDOW_NS * 2, frozenset(w), str(at), "17") for at, w in enumerate("xyz")
    ]

    assert assigned(rows) == [("A-0", 0), ("A-0", 1), ("A-0", 2)]


def test_an_original_that_arrives_after_its_retweet_joins_it() -> None:
    retweet = Headline("A", 0, frozenset("ab"), "99", "17")
    original = Headline("A", 1, frozenset("abcdefgh"), "17")

    assert assigned([retweet, original]) == [("A-0", 0), ("A-0", 1)]


def test_equal_ids_of_two_providers_join_nothing() -> None:
    rows = [Headline("A", 0, frozenset("abc"), "1"), Headline("A", 1, frozenset("xyz"), "1")]

    assert assigned(rows) == [("A-0", 0), ("A-1", 0)]


def test_a_flood_of_copies_is_one_cluster_and_costs_no_square() -> None:
    started = time.process_time()
    rows = [Headline("A", at, frozenset({"one", "same", "text"})) for at in range(100_000)]
    ranks = [rank for _, rank in assigned(rows)]

    assert ranks == list(range(100_000))
    assert time.process_time() - started < 20  # compared pair by pair it would take an hour


def test_a_flood_of_different_texts_costs_no_square() -> None:
    started = time.process_time()
    common = {"stock", "alert", "now", "buy"}
    rows = [
        Headline("A", at, frozenset(common | {f"word{at}x{part}" for part in range(6)}))
        for at in range(10_000)
    ]

    assert {rank for _, rank in assigned(rows)} == {0}
    assert time.process_time() - started < 20
