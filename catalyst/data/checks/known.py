"""What the lake itself says that explains a jump, an end or a new name."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from catalyst.data import calendar

if TYPE_CHECKING:
    from catalyst.data.lake import Lake


@dataclass(frozen=True, slots=True)
class Known:
    """Hold corporate actions and memberships by symbol.

    Attributes
    ----------
    splits : dict
        Symbol -> (session, new shares per old), ascending and without repeats.
    renamed : dict
        Old symbol -> (session, new symbol).
    names : frozenset of (str, str)
        Old and new symbols of renames, both ways round.
    members : dict
        Symbol -> (first, last) days of its memberships; the last is None while it lasts.
    """

    splits: dict[str, list[tuple[int, float]]]
    renamed: dict[str, list[tuple[int, str]]]
    names: frozenset[tuple[str, str]]
    members: dict[str, list[tuple[dt.date, dt.date | None]]]

    def ends_at(self, symbol: str, day: dt.date, *, slack_days: int) -> bool:
        """Tell whether a symbol's life is known to end at about a day."""
        slack = dt.timedelta(days=slack_days)
        ends = [last for _, last in self.members.get(symbol, []) if last is not None]
        ends += [_day(session) for session, _ in self.renamed.get(symbol, [])]
        return any(abs(end - day) <= slack for end in ends)

    def begins_at(self, symbol: str, day: dt.date, *, slack_days: int) -> bool:
        """Tell whether a symbol's life is known to begin at about a day."""
        slack = dt.timedelta(days=slack_days)
        begins = [first for first, _ in self.members.get(symbol, [])]
        begins += [
            _day(session)
            for renames in self.renamed.values()
            for session, new in renames
            if new == symbol
        ]
        return any(abs(begin - day) <= slack for begin in begins)


def read_known(lake: Lake) -> Known:
    """Read actions and memberships of a lake."""
    every = calendar.sessions()
    splits: dict[str, dict[tuple[int, float], None]] = {}
    renamed: dict[str, dict[tuple[int, str], None]] = {}
    columns = ("symbol", "ex_date", "kind", "value", "new_symbol")
    for symbol, ex_date, kind, value, new_symbol in lake.actions().select(columns).iter_rows():
        session = int(np.searchsorted(every.day, calendar.date_to_day(ex_date)))
        if kind == "split" and value:
            splits.setdefault(symbol, {})[session, round(float(value), 6)] = None
        elif kind == "rename" and new_symbol:
            renamed.setdefault(symbol, {})[session, new_symbol] = None
    members: dict[str, dict[dt.date, dt.date | None]] = {}
    for symbol, first, last in lake.universe().select("symbol", "from", "to").iter_rows():
        # A later row with the same `from` ends the membership.
        if last is not None or first not in members.get(symbol, {}):
            members.setdefault(symbol, {})[first] = last
    pairs = [(old, new) for old, changes in renamed.items() for _, new in changes]
    return Known(
        {symbol: sorted(found) for symbol, found in splits.items()},
        {symbol: sorted(found) for symbol, found in renamed.items()},
        frozenset(pairs) | frozenset((new, old) for old, new in pairs),
        {symbol: sorted(found.items(), key=lambda m: m[0]) for symbol, found in members.items()},
    )


def _day(session: int) -> dt.date:
    every = calendar.sessions()
    return calendar.day_to_date(int(every.day[min(session, len(every) - 1)]))
