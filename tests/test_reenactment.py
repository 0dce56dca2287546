"""A session made again from a lake, a state and fills: the same to the bit, or told where not."""

from __future__ import annotations

import dataclasses
from functools import cache

import pytest
from recorded_sessions import SPAN, recorded, small_params, small_records
from worlds import LOOSE, action_lake, digests, small_lake

from catalyst import Lake, Params, replay
from catalyst.data.session_record import SessionRecord
from catalyst.data.state_codec import fill_from, state_from, state_json
from catalyst.errors import LakeError
from catalyst.research.followed_fills import FollowedFills
from catalyst.research.reenactment import Reenactment, market_before, reenact, reenacted
from catalyst.strategy.decisions import Fill


def _index(record: SessionRecord) -> dict[str, int]:
    return {name: place for place, name in enumerate(record.symbols)}


def _fills(record: SessionRecord) -> dict[int, tuple[Fill, ...]]:
    index = _index(record)
    return {
        one.asof_ns: tuple(fill_from(fill, index) for fill in one.fills)
        for one in record.decisions
        if one.fills
    }


def _again(
    record: SessionRecord,
    lake: Lake | None = None,
    params: Params | None = None,
    **changes: object,
) -> Reenactment:
    told: dict[str, object] = {
        "fills_at": _fills(record),
        "instants": [one.asof_ns for one in record.decisions],
    }
    return reenact(
        lake or small_lake(),
        params or small_params(),
        state_from(record.opening, _index(record)),
        record.day,
        timeframe=record.timeframe,
        symbols=record.symbols,
        **(told | changes),  # type: ignore[arg-type]
    )


def _digests(record: SessionRecord) -> list[str]:
    return [one.digest for one in record.decisions]


def test_what_was_recorded_is_what_replay_decides() -> None:
    run = replay(small_lake(), small_params(), timeframe="5m", start=SPAN[0], end=SPAN[1])

    assert [text for r in small_records() for text in _digests(r)] == [
        text for _, text in digests(run)
    ]


def test_every_decision_and_state_is_made_again_to_the_bit() -> None:
    for record in small_records():
        ran = _again(record)

        assert [(one.digest, state_json(one.state, ran.names)) for one in ran.decisions] == [
            (one.digest, one.state) for one in record.decisions
        ]


def test_an_instant_that_was_missed_is_not_made_up_for() -> None:
    record = small_records()[0]
    instants = [one.asof_ns for one in record.decisions]
    at = instants.index(next(one.asof_ns for one in record.decisions if one.fills)) - 1
    ran = _again(record, instants=[*instants[:at], *instants[at + 1 :]])

    assert ran.unanswered == (instants[at],)
    assert [one.digest for one in ran.decisions[:at]] == _digests(record)[:at]


def test_a_fill_of_an_order_that_nobody_sent_is_told_and_not_booked() -> None:
    record = small_records()[0]
    at = record.decisions[0].asof_ns
    strange = dataclasses.replace(
        next(fill for fills in _fills(record).values() for fill in fills), order_id="f" * 20
    )
    ran = _again(record, fills_at={**_fills(record), at: (strange,)})

    assert ran.unbooked == ((at, strange),)
    assert [one.digest for one in ran.decisions] == _digests(record)


def test_a_fill_that_is_left_out_is_noticed() -> None:
    record = small_records()[0]
    fills = _fills(record)
    ran = _again(record, fills_at=dict(list(fills.items())[1:]))

    assert [one.digest for one in ran.decisions] != _digests(record)


def test_a_lake_without_the_session_says_what_it_has() -> None:
    record = dataclasses.replace(small_records()[0], day=SPAN[0].replace(year=2024))
    with pytest.raises(LakeError) as told:
        _again(record)

    assert "no session 2024-06-20 of 5m bars" in str(told.value)


@cache
def _held() -> tuple[Params, tuple[SessionRecord, ...]]:
    """Sessions of a variant that holds overnight, in a market of splits and dividends."""
    held = Params.load("spec").replace(**LOOSE, exits=[])
    days = action_lake().days("5m")[13:15]
    return held, recorded(action_lake(), held, days[0], days[-1])


def test_the_fill_model_takes_up_positions_held_overnight_and_split() -> None:
    held = Params.load("spec").replace(**LOOSE, exits=[])
    days = action_lake().days("5m")[12:16]
    records = recorded(action_lake(), held, days[0], days[-1])
    open_at_start = [len(record.opening["entries"]) for record in records]
    adjusted = sum(len(one.adjustments) for r in records for one in r.decisions)
    again = []
    for record in records:
        market, session = market_before(
            action_lake(), held, record.day, timeframe="5m", symbols=record.symbols
        )
        state = state_from(record.opening, _index(record))
        fills = FollowedFills(state, record.symbols, {}, None)
        again += [one.digest for one in reenacted(market, session, state, fills).decisions]

    assert sum(open_at_start) > 0
    assert adjusted > 0
    assert again == [text for record in records for text in _digests(record)]


def test_what_was_held_while_live_was_away_is_split_and_paid_all_the_same() -> None:
    held, records = _held()
    left = records[-1].decisions[-1].state
    # Everyone pays a dividend on the second of the two days in between.
    day = action_lake().days("5m")[17]
    again = dataclasses.replace(records[-1], opening=left, day=day, decisions=())
    ran = _again(again, action_lake(), held, fills_at={}, instants=())
    adjusted = {ran.names[a.symbol] for a in ran.decisions[0].adjustments}
    filled = {e["symbol"] for e in left["entries"] if e["filled"] > e["exited"]}

    assert filled
    assert adjusted == filled
