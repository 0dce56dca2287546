"""Splits: unrecorded, unadjusted, adjusted twice, adjusted though called raw, on a wrong date."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from catalyst.data.checks.findings import Finding
from catalyst.data.checks.levels import Sessions, sessions_of, spread_of

if TYPE_CHECKING:
    from catalyst.data.checks.blocks import Series
    from catalyst.data.checks.known import Known
    from catalyst.data.checks.panel import Panel
    from catalyst.data.checks.thresholds import Thresholds

#: New shares per old of splits that happen; each also the other way round.
RATIOS = (
    *((new, 1) for new in (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 15, 16, 18, 20, 25, 30, 40, 50, 60)),
    *((3, 2), (4, 3), (5, 4), (5, 2), (5, 3), (7, 2), (7, 4), (8, 5)),
)
_LOGS = np.array(
    [np.log(a / b) for a, b in RATIOS] + [-np.log(a / b) for a, b in RATIOS], dtype=np.float64
)
_NAMES = [f"{a}:{b}" for a, b in RATIOS] + [f"{b}:{a}" for a, b in RATIOS]
_BEFORE, _AFTER = 20, 10
_NEAR = 5
_AROUND = 30


class _Jump(NamedTuple):
    """An overnight jump, and what came with it; None where it can't be known.

    `size` and `lasting` are logs of price; `volume_day` and `volume_after` logs of volume against
    the sessions before; `reach` the session's range as a multiple of theirs; `spread` that of
    overnight jumps around it.
    """

    at: int
    size: float
    lasting: float
    volume_day: float | None
    volume_after: float | None
    reach: float | None
    spread: float


def split_findings(panel: Panel, known: Known, t: Thresholds) -> Iterator[Finding]:
    """Compare jumps with the splits the lake knows, and splits with the jumps they should make."""
    for number, one in enumerate(panel.series):
        s = sessions_of(panel, number)
        if len(s.session) < 2:
            continue
        recorded = known.splits.get(one.symbol, [])
        explained: set[int] = set()
        for session, ratio in recorded:
            found, at = _at_split(panel, one, s, session, ratio, t)
            if at is not None:
                explained.add(at)
            yield from found
        yield from _unexplained(panel, one, s, explained, t)


def _at_split(
    panel: Panel, one: Series, s: Sessions, session: int, ratio: float, t: Thresholds
) -> tuple[list[Finding], int | None]:
    at = int(np.searchsorted(s.session, session))
    step = float(np.log(ratio))
    if not 0 < at < len(s.session) or not np.isfinite(s.jump[at]):
        return [], None
    tolerance = max(t.split_spreads * s.spread, t.split_tolerance_most)
    if abs(step) < 2.5 * tolerance:
        # A stock dividend of a few percent hides in ordinary jumps.
        return [], at
    jump = float(s.jump[at])
    name = _ratio_name(ratio)
    expected = -step if one.adjustment == "raw" else 0.0
    if abs(jump - expected) <= tolerance:
        return [], at
    kind, severity, said = "split_mismatch", 60, "neither raw nor adjusted prices move so"
    do = "look at the split and at the prices of both days"
    if abs(jump - step) <= tolerance:
        kind, severity = "split_adjusted_twice", 95
        said = "prices before it were divided once too often"
        do = "import the raw prices instead"
    elif abs(jump) <= tolerance:
        kind, severity = "split_adjusted_raw", 90
        said = "they are adjusted already though they are called raw"
        do = "import them with --adjustment split"
    elif abs(jump + step) <= tolerance:
        kind, severity = "split_unadjusted", 90
        said = "they are not adjusted though they are called so"
        do = "import them with --adjustment raw"
    else:
        near = _near_jump(s, at, -step, tolerance, t)
        if near is not None:
            kind, severity = "split_date", 75
            said = f"they move by it on {panel.date(int(s.session[near]))} instead"
            do = "correct the ex-date"
            at = near
    if kind == "split_adjusted_raw":
        near = _near_jump(s, at, -step, tolerance, t)
        if near is not None:
            kind, severity = "split_date", 75
            said = f"they move by it on {panel.date(int(s.session[near]))} instead"
            do = "correct the ex-date"
            at = near
    day = panel.date(session)
    before, after = float(s.close[at - 1]), float(s.open[at])
    text = (
        f"{one.symbol} was split {name} on {day}, and {panel.timeframe} prices of {one.source} "
        f"({one.adjustment}) go from {before:.2f} to {after:.2f} around it, expected "
        f"{before * np.exp(expected):.2f}: {said}; {do}"
    )
    return [_finding(panel, one, s, at, kind, severity, np.exp(expected), text)], at


def _near_jump(s: Sessions, at: int, step: float, tolerance: float, t: Thresholds) -> int | None:
    for row in range(max(at - t.split_date_sessions, 1), at + t.split_date_sessions + 1):
        if row != at and row < len(s.jump) and abs(float(s.jump[row]) - step) <= tolerance:
            return row
    return None


def _unexplained(
    panel: Panel,
    one: Series,
    s: Sessions,
    explained: set[int],
    t: Thresholds,
) -> Iterator[Finding]:
    least = min(float(np.abs(_LOGS).min()) - t.split_tolerance_most, t.break_log)
    for at in np.flatnonzero(np.abs(np.nan_to_num(s.jump)) > least).tolist():
        if at in explained:
            continue
        jump = _described(s, at)
        nearest = int(np.argmin(np.abs(_LOGS + jump.size)))
        away = abs(float(_LOGS[nearest] + jump.size))
        if _is_split(jump, s, nearest, t):
            yield _unrecorded(panel, one, s, jump, _NAMES[nearest], away)
        elif _is_break(jump, s, t):
            yield _level_break(panel, one, s, jump)


def _described(s: Sessions, at: int) -> _Jump:
    before = slice(max(at - _BEFORE, 0), at)
    after = slice(at, at + _AFTER)
    volume = np.log(np.maximum(s.volume, 1.0))
    level = float(np.median(volume[before]))
    day = after_level = None
    # A placeholder is the same every day and tells nothing.
    if spread_of(volume[before]) > 0 or at < 3:
        day = float(volume[at]) - level
        after_level = float(np.median(volume[after])) - level
    usual = float(np.median(s.reach[before]))
    reach = float(s.reach[at]) / usual if usual > 0 else None
    near = slice(max(at - _NEAR, 0), at)
    lasting = float(
        np.log(np.median(s.middle[at : at + _NEAR])) - np.log(np.median(s.middle[near]))
    )
    around = np.delete(s.jump[max(at - _AROUND, 0) : at + _AROUND], min(at, _AROUND))
    spread = max(spread_of(around), 0.5 * s.spread)
    return _Jump(at, float(s.jump[at]), lasting, day, after_level, reach, spread)


def _is_split(jump: _Jump, s: Sessions, nearest: int, t: Thresholds) -> bool:
    step = -float(_LOGS[nearest])
    tolerance = float(
        np.clip(t.split_spreads * s.spread, t.split_tolerance, t.split_tolerance_most)
    )
    small = abs(step) < t.split_small_log
    spreads = t.split_small_spreads if small else t.split_spreads_least
    if abs(jump.size - step) > (t.split_small_tolerance if small else tolerance):
        return False
    if abs(step) < spreads * jump.spread:
        return False
    if abs(jump.lasting - step) > max(0.1, t.lasting_frac * abs(step)):
        return False
    quiet = jump.reach is None or jump.reach < t.split_quiet_range
    if jump.volume_day is None or jump.volume_after is None:
        return quiet
    # Shares change hands as before, or as many times more as there are more of them.
    unlike = min(abs(jump.volume_day), abs(jump.volume_day + jump.size))
    return quiet and unlike < np.log(t.split_quiet_volume)


def _is_break(jump: _Jump, s: Sessions, t: Thresholds) -> bool:
    if abs(jump.size) < max(t.break_log, t.break_spreads * max(s.spread, jump.spread)):
        return False
    if abs(jump.lasting - jump.size) > t.lasting_frac * abs(jump.size):
        return False
    quiet = jump.reach is None or jump.reach < t.break_quiet_range
    if jump.volume_day is None:
        return quiet
    unlike = min(abs(jump.volume_day), abs(jump.volume_day + jump.size))
    return quiet and unlike < np.log(t.break_quiet_volume)


def _unrecorded(
    panel: Panel, one: Series, s: Sessions, jump: _Jump, name: str, away: float
) -> Finding:
    before, after = float(s.close[jump.at - 1]), float(s.open[jump.at])
    day = panel.date(int(s.session[jump.at]))
    ratio = np.exp(-jump.size)
    if one.adjustment == "raw":
        kind, severity = "split_unrecorded", 90
        do = (
            f"if it was split {name}, record it (catalyst data import actions), else the prices "
            "before are wrong"
        )
    else:
        kind, severity = "split_unadjusted", 92
        do = f"they should be adjusted: divide the prices before by {ratio:.4g} or import raw ones"
    text = (
        f"{one.symbol}'s {panel.timeframe} prices of {one.source} ({one.adjustment}) go from "
        f"{before:.2f} to {after:.2f} on {day}, {name} within {away:.1%}, on an ordinary day, and "
        f"no action in the lake says so: {do}"
    )
    return _finding(panel, one, s, jump.at, kind, severity, 1.0, text)


def _level_break(panel: Panel, one: Series, s: Sessions, jump: _Jump) -> Finding:
    before, after = float(s.close[jump.at - 1]), float(s.open[jump.at])
    day = panel.date(int(s.session[jump.at]))
    text = (
        f"{one.symbol}'s {panel.timeframe} prices of {one.source} ({one.adjustment}) go from "
        f"{before:.2f} to {after:.2f} on {day} for good, on a day whose range and volume are "
        "ordinary, and no action in the lake says why: expected news or an action; look for a "
        "spin-off, a wrong factor or another company"
    )
    return _finding(panel, one, s, jump.at, "level_break", 70, 1.0, text)


def _finding(
    panel: Panel,
    one: Series,
    s: Sessions,
    at: int,
    kind: str,
    severity: int,
    expected: float,
    text: str,
) -> Finding:
    day = panel.date(int(s.session[at]))
    return Finding(
        kind,
        severity,
        "bars",
        one.source,
        one.symbol,
        panel.timeframe,
        day,
        day,
        1,
        round(float(s.open[at] / s.close[at - 1]), 6),
        round(float(expected), 6),
        text,
    )


def _ratio_name(ratio: float) -> str:
    nearest = int(np.argmin(np.abs(_LOGS - np.log(ratio))))
    if abs(float(_LOGS[nearest]) - np.log(ratio)) < 1e-3:
        return _NAMES[nearest]
    return f"{ratio:g}:1"
