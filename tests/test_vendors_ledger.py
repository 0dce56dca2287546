"""What was pulled: spans, what may still change, and how work is divided."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalyst.data.calendar import DAY_NS, SECOND_NS
from catalyst.data.vendors.chunks import date_of, divided, last_finished_session, span_of
from catalyst.data.vendors.ledger import Ledger, merged, only_pull, without
from catalyst.data.vendors.protocol import Span
from catalyst.errors import LakeError

DAY = Span(0, DAY_NS)
SPANS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda one: Span(one[0], sum(one)))
)


def covered(spans: list[Span]) -> set[int]:
    return {point for span in spans for point in range(span.start_ns, span.end_ns)}


@given(spans=SPANS)
def test_merged_spans_hold_the_same_points_and_never_touch(spans: list[Span]) -> None:
    found = merged(spans)

    assert covered(found) == covered(spans)
    assert all(before.end_ns < after.start_ns for before, after in pairwise(found))


@given(spans=SPANS)
def test_what_is_missing_and_what_is_done_are_the_whole(spans: list[Span]) -> None:
    whole = Span(5, 70)
    missing = without(whole, merged(spans))

    assert covered(missing) == covered([whole]) - covered(spans)


def test_settled_spans_are_done_for_good_and_younger_ones_for_an_hour(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "vendor")
    at_ns = 10 * DAY_NS
    ledger.add("bars", ["AAA"], Span(0, 9 * DAY_NS), fetched_ns=at_ns, settled_ns=3 * DAY_NS)
    wanted = Span(0, 9 * DAY_NS)

    def again_at(now_ns: int) -> dict[str, list[Span]]:
        found = Ledger(tmp_path, "vendor").missing(
            "bars", ["AAA"], wanted, fetched_ns=now_ns, now_ns=now_ns
        )
        return found.again

    assert again_at(at_ns + 1800 * SECOND_NS) == {}
    assert again_at(at_ns + 7200 * SECOND_NS) == {"AAA": [Span(7 * DAY_NS, 9 * DAY_NS)]}


def test_what_was_never_pulled_is_told_from_what_may_have_changed(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "vendor")
    ledger.add("bars", ["AAA"], DAY, fetched_ns=2 * DAY_NS, settled_ns=0)
    wanted, now_ns = Span(0, 3 * DAY_NS), 5 * DAY_NS
    found = ledger.missing("bars", ["AAA", "BBB"], wanted, fetched_ns=now_ns, now_ns=now_ns)
    all_of_it = ledger.missing(
        "bars", ["AAA"], wanted, fetched_ns=now_ns, now_ns=now_ns, refresh=True
    )

    assert found == ({"AAA": [Span(DAY_NS, 3 * DAY_NS)], "BBB": [wanted]}, {})
    assert all_of_it == ({"AAA": [Span(DAY_NS, 3 * DAY_NS)]}, {"AAA": [DAY]})


def test_a_refresh_that_was_cut_short_does_not_look_twice(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "vendor")
    ledger.add("bars", ["AAA"], Span(0, 4 * DAY_NS), fetched_ns=9 * DAY_NS, settled_ns=0)
    ledger.add("bars", ["AAA"], Span(0, DAY_NS), fetched_ns=20 * DAY_NS, settled_ns=0)
    found = ledger.missing(
        "bars",
        ["AAA"],
        Span(0, 4 * DAY_NS),
        fetched_ns=20 * DAY_NS,
        now_ns=20 * DAY_NS,
        refresh=True,
    )

    assert found == ({}, {"AAA": [Span(DAY_NS, 4 * DAY_NS)]})


@pytest.mark.parametrize(("hours", "began_h"), [(1, 24), (11, 24), (13, 37)])
def test_a_pull_that_goes_on_keeps_its_instant_for_half_a_day(
    tmp_path: Path, hours: int, began_h: int
) -> None:
    hour_ns = 3600 * SECOND_NS
    Ledger(tmp_path, "vendor").begin("these words", DAY_NS)
    found_ns = Ledger(tmp_path, "vendor").begin("these words", DAY_NS + hours * hour_ns)

    assert found_ns == began_h * hour_ns


def test_a_pull_that_is_through_begins_anew(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "vendor")
    ledger.begin("these words", DAY_NS)
    ledger.end("these words")

    assert Ledger(tmp_path, "vendor").begin("these words", DAY_NS + 1) == DAY_NS + 1


def test_a_torn_ledger_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / ".pulled").mkdir()
    (tmp_path / ".pulled" / "vendor.json").write_text('{"begun": {')

    with pytest.raises(LakeError, match="remove it, and the next pull asks for everything"):
        Ledger(tmp_path, "vendor")


def test_two_pulls_from_a_vendor_into_a_lake_do_not_meet(tmp_path: Path) -> None:
    with (
        only_pull(tmp_path, "vendor"),
        pytest.raises(LakeError, match="another process pulls"),
        only_pull(tmp_path, "vendor"),
    ):
        pass


def test_chunks_lie_on_months_wherever_a_request_begins() -> None:
    first, last = dt.date(2024, 1, 17), dt.date(2024, 3, 5)
    found = divided("bars", {"AAA": [span_of(first, last)]}, months=1, symbols=40)

    assert [(date_of(c.span.start_ns), date_of(c.span.end_ns)) for c in found] == [
        (dt.date(2024, 1, 17), dt.date(2024, 2, 1)),
        (dt.date(2024, 2, 1), dt.date(2024, 3, 1)),
        (dt.date(2024, 3, 1), dt.date(2024, 3, 6)),
    ]


def test_symbols_that_miss_the_same_span_share_a_chunk() -> None:
    span, later = span_of(dt.date(2024, 1, 2), dt.date(2024, 1, 5)), Span(DAY_NS, 2 * DAY_NS)
    missing = {"C": [span], "A": [span], "B": [span], "D": [later]}
    found = divided("bars", missing, months=1, symbols=2)

    assert [chunk.symbols for chunk in found] == [("D",), ("A", "B"), ("C",)]


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        ("2024-01-02T21:30:00+00:00", dt.date(2023, 12, 29)),
        ("2024-01-03T04:59:00+00:00", dt.date(2023, 12, 29)),
        ("2024-01-03T05:00:00+00:00", dt.date(2024, 1, 2)),
        ("2024-07-06T12:00:00+00:00", dt.date(2024, 7, 5)),
    ],
)
def test_a_session_has_finished_when_its_day_is_over_in_new_york(
    instant: str, expected: dt.date
) -> None:
    now_ns = int(dt.datetime.fromisoformat(instant).timestamp()) * SECOND_NS

    assert last_finished_session(now_ns) == expected
