from __future__ import annotations

import math
import time
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from catalyst.data.enrichment.clusters import WINDOW_NS, Clusters, Membership
from catalyst.data.enrichment.sources import normalised_source, source_tier

HOUR_NS = 3_600_000_000_000
MINUTE_NS = 60_000_000_000


class Headline(NamedTuple):
    symbol: str
    known_ns: int
    words: frozenset[str]
    post_id: str | None = None
    retweet_of_id: str | None = None
    source: str | None = None


SOURCES = (None, "", "bot", "BOT ", "other", "Benzinga", "Reuters", "WSJ", "fakeCNBC")

headlines = st.lists(
    st.builds(
        Headline,
        symbol=st.sampled_from(["A", "B"]),
        known_ns=st.integers(0, 60).map(lambda hours: hours * HOUR_NS),
        words=st.frozensets(st.sampled_from("abcdefghij"), max_size=7),
        post_id=st.none(),
        retweet_of_id=st.none(),
        source=st.sampled_from(SOURCES),
    ),
    max_size=40,
).map(lambda rows: sorted(rows, key=lambda row: row.known_ns))


def members(rows: list[Headline]) -> list[Membership]:
    clusters = Clusters()
    return [
        clusters.assign(
            row.symbol,
            row.known_ns,
            news_id=str(number),
            words=row.words,
            source=row.source,
            post_id=row.post_id,
            retweet_of_id=row.retweet_of_id,
        )
        for number, row in enumerate(rows)
    ]


def assigned(rows: list[Headline]) -> list[tuple[str, int]]:
    return [(member.cluster_id, member.rank) for member in members(rows)]


def told(*story: tuple[float, str | None]) -> list[Membership]:
    """Give the members of one story, told by sources after so many minutes."""
    words = frozenset("abc")
    return members(
        [Headline("A", int(minutes * MINUTE_NS), words, source=by) for minutes, by in story]
    )


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


@given(headlines)
def test_the_state_of_a_cluster_equals_what_its_members_so_far_say(rows: list[Headline]) -> None:
    found = members(rows)
    for number, member in enumerate(found):
        so_far = [
            row
            for row, other in zip(rows[: number + 1], found, strict=False)
            if other.cluster_id == member.cluster_id
        ]
        spoke: dict[str, float] = {}
        confirmed: tuple[str | None, float | None] = (None, None)
        for row in so_far:
            minutes = (row.known_ns - so_far[0].known_ns) / MINUTE_NS
            spoke.setdefault(normalised_source(row.source or ""), minutes)
            if confirmed == (None, None) and source_tier(row.source) <= 2:
                confirmed = (row.source, minutes)
        later = [math.exp(-minutes / 30) for minutes in list(spoke.values())[1:]]
        expected = (1 - 1 / len(spoke)) * sum(later) / len(later) if later else 0.0

        assert (member.sources, member.confirmed_by, member.confirm_minutes) == (
            len(spoke),
            *confirmed,
        )
        assert math.isclose(member.coordination, expected, rel_tol=1e-12, abs_tol=0.0)


@given(headlines, st.integers(0, 40))
def test_what_comes_later_changes_no_state_of_a_cluster(rows: list[Headline], kept: int) -> None:
    assert members(rows[:kept]) == members(rows)[:kept]


def test_a_story_of_an_unknown_source_waits_for_a_newsroom_to_confirm_it() -> None:
    story = told((0, "bot"), (1, "fakeCNBC"), (2, "Benzinga"), (7, "WSJ"), (9, "Reuters"))

    assert [(one.confirmed_by, one.confirm_minutes) for one in story] == [
        (None, None),
        (None, None),
        (None, None),
        ("WSJ", 7.0),
        ("WSJ", 7.0),
    ]


def test_a_story_that_a_newswire_begins_is_confirmed_by_it() -> None:
    story = told((0, "Reuters"), (5, "WSJ"))

    assert [(one.confirmed_by, one.confirm_minutes) for one in story] == [("Reuters", 0.0)] * 2


def test_a_source_counts_once_however_it_is_spelled() -> None:
    story = told((0, "Reuters"), (1, "@REUTERS "), (2, None), (3, ""), (4, "bot"))

    assert [one.sources for one in story] == [1, 1, 2, 2, 3]


def test_one_bot_that_repeats_itself_is_not_coordinated() -> None:
    story = told(*[(0.001 * at, "bot") for at in range(1_000)])

    assert {one.coordination for one in story} == {0.0}


def test_many_bots_in_one_minute_are_coordinated_and_unconfirmed() -> None:
    last = told(*[(0.001 * at, f"bot{at}") for at in range(1_000)])[-1]

    assert last.sources == 1_000
    assert last.coordination > 0.97
    assert last.confirmed_by is None


def test_sources_that_take_the_whole_day_are_hardly_coordinated() -> None:
    assert told((0, "a"), (300, "b"), (700, "c"))[-1].coordination < 0.001


def test_two_sources_at_once_are_half_coordinated() -> None:
    assert told((0, "a"), (0, "b"))[-1].coordination == 0.5


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
