"""A journalled session run again: on its own inputs, on a vendor's, by the fill model."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from zoneinfo import ZoneInfo

from catalyst.data.decision_words import decision_difference, state_difference
from catalyst.data.lake import Lake
from catalyst.data.parity import Course, Parity, course
from catalyst.data.session_record import RecordedDecision, SessionRecord, digest_of_digests
from catalyst.data.state_codec import decision_json, fill_from, state_from, state_json
from catalyst.data.variants import from_mapping
from catalyst.errors import InputError
from catalyst.research.followed_fills import FollowedFills
from catalyst.research.reenactment import (
    Fills,
    Reenacted,
    Reenactment,
    ToldFills,
    market_before,
    reenacted,
)
from catalyst.strategy.decisions import Fill
from catalyst.strategy.params import Params

_NEW_YORK = ZoneInfo("America/New_York")


def judge(
    record: SessionRecord, own: Lake, vendor: Lake | None, *, params: Params | None = None
) -> Parity:
    """Run a journalled session again, and compare.

    Parameters
    ----------
    record
        The journal's session.
    own
        What live wrote down of what it saw.
    vendor
        The history that a backtest of the day reads. None, or one without bars of the day, leaves
        the difference in data unjudged.
    params
        Others than the journal's.

    Returns
    -------
    Parity
        Its definitions stand in `catalyst.data.parity`.

    Raises
    ------
    InputError
        If the variant can't be rebuilt, or a lake lacks the session's symbols.
    """
    params = params or params_of(record)
    names = tuple(sorted(record.symbols))
    index = {name: place for place, name in enumerate(names)}
    fills_at = {
        one.asof_ns: tuple(fill_from(f, index) for f in one.fills)
        for one in record.decisions
        if one.fills
    }
    instants = {d.asof_ns for d in record.decisions}
    start = _Start(record, own, params)
    told = start.run(ToldFills(fills_at), instants=instants)
    first = first_difference(record, told)
    missed = {*told.unanswered, *record.missed} - instants
    followed = told
    if first:
        # Where decisions differ, a fill may belong to an order that only live has.
        followed = start.run(start.follow(fills_at), instants=instants)
    courses = {"live": _live(record, index, fills_at), "own": _course(followed)}
    judged = vendor is not None and record.day in vendor.days(record.timeframe)
    if vendor is not None and judged:
        start = _Start(record, vendor, params)
        courses["vendor"] = _course(start.run(start.follow(fills_at), missed=missed))
    courses["modelled"] = _course(start.run(start.model(), missed=missed))
    courses["backtest"] = _course(start.run(start.model())) if missed else courses["modelled"]
    return Parity(
        identical=not first,
        decisions=len(record.decisions),
        first_difference=first,
        decision_digest=record.decision_digest,
        replayed_digest=digest_of_digests([one.digest for one in told.decisions]),
        courses=courses,
        own_digest=own.digest(),
        vendor_digest=vendor.digest() if vendor is not None and judged else "",
        unjudged="" if judged else _why_unjudged(record, vendor),
        n_fills=sum(map(len, fills_at.values())),
        missed=len(missed),
    )


def params_of(record: SessionRecord) -> Params:
    """Rebuild the variant that a session traded.

    Raises
    ------
    InputError
        If a component or a default is not what it was.
    """
    params = from_mapping(record.params, f"of session {record.day}")
    if params.hash != record.params_hash:
        raise InputError(
            f"the variant {record.variant} has the hash {params.hash}, session {record.day} was "
            f"traded with {record.params_hash}: a component's code or a default has changed since; "
            f"check out the code of then ({record.code_version})"
        )
    return params


class _Start:
    # A lake's market and the state before the session; each course runs on a copy.
    def __init__(self, record: SessionRecord, lake: Lake, params: Params) -> None:
        self._record = record
        self._market, self._session = market_before(
            lake, params, record.day, timeframe=record.timeframe, symbols=record.symbols
        )
        self._names = self._market.feed.names
        index = {name: place for place, name in enumerate(self._names)}
        self._state = state_from(record.opening, index)

    def run(
        self,
        fills: Fills,
        *,
        instants: Collection[int] | None = None,
        missed: Collection[int] = (),
    ) -> Reenactment:
        market = self._market.twin()
        return reenacted(
            market, self._session, self._state, fills, instants=instants, missed=missed
        )

    def follow(self, fills_at: Mapping[int, tuple[Fill, ...]]) -> FollowedFills:
        return FollowedFills(self._state, self._names, fills_at, self._record)

    def model(self) -> FollowedFills:
        return FollowedFills(self._state, self._names, {}, None)


def _course(ran: Reenactment) -> Course:
    adjusted = [
        (ran.names[a.symbol], a.cash_micro) for one in ran.decisions for a in one.adjustments
    ]
    return course(ran.names, ran.opening, ran.closing, fills=ran.fills, adjusted=adjusted)


def _live(
    record: SessionRecord,
    index: Mapping[str, int],
    fills_at: Mapping[int, tuple[Fill, ...]],
) -> Course:
    last = record.decisions[-1].state if record.decisions else record.opening
    return course(
        tuple(index),
        state_from(record.opening, index),
        state_from(last, index),
        fills=[fill for fills in fills_at.values() for fill in fills],
        adjusted=[(a["symbol"], a["cash_micro"]) for d in record.decisions for a in d.adjustments],
        strict=False,
    )


def first_difference(record: SessionRecord, ran: Reenactment) -> str:
    """Say where a replay first decides something else than live did; empty if nowhere."""
    unbooked = dict(ran.unbooked[:1])
    for mine, theirs in zip(record.decisions, ran.decisions, strict=False):
        at = _clock(mine.asof_ns)
        if (mine.asof_ns, mine.scan) != (theirs.asof_ns, theirs.decision.scan):
            return (
                f"{at}{_scan(mine.scan)} was decided by live, {_clock(theirs.asof_ns)}"
                f"{_scan(theirs.decision.scan)} by the replay"
            )
        found = _differs(mine, theirs, ran.names)
        lost = unbooked.get(mine.asof_ns)
        if lost is not None:
            found = (
                f"a fill of {lost.quantity} {ran.names[lost.symbol]} belongs to order "
                f"{lost.order_id}, which the replay does not have"
            )
        if found:
            return f"{at}{_scan(mine.scan)}: {found}"
    count, other = len(record.decisions), len(ran.decisions)
    if count == other:
        return ""
    more, fewer = ("live", "the replay") if count > other else ("the replay", "live")
    extra = record.decisions[other].asof_ns if count > other else ran.decisions[count].asof_ns
    return f"{_clock(extra)} was decided by {more}, and not by {fewer}"


def _differs(mine: RecordedDecision, theirs: Reenacted, names: tuple[str, ...]) -> str:
    if mine.digest != theirs.digest:
        again = decision_json(theirs.decision, names)
        return decision_difference(mine.decision, again) or (
            f"digest {mine.digest} in the journal, {theirs.digest} in the replay, though every "
            "field is the same: the journal's digest is not that of its own decision"
        )
    return state_difference(mine.state, state_json(theirs.state, names)) or ""


def _why_unjudged(record: SessionRecord, vendor: Lake | None) -> str:
    if vendor is None:
        return f"there is no lake at {record.lake}; name one with --vendor-lake"
    return (
        f"the lake {vendor.root} has no {record.timeframe} bars of {record.day}; pull them, and "
        "run catalyst parity again"
    )


def _scan(scan: bool) -> str:  # noqa: FBT001 - one of two words
    return " (scan)" if scan else ""


def _clock(asof_ns: int) -> str:
    at = dt.datetime.fromtimestamp(asof_ns // 10**9, _NEW_YORK)
    return f"{at:%Y-%m-%d %H:%M} New York time"
