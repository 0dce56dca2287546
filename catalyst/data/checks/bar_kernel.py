"""One pass over bars: what each series did in each session, as a few numbers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

# Columns of `prices`: US dollars and shares.
OPEN, HIGH, LOW, CLOSE, MIDDLE, VOLUME, OUTSIDE_VOLUME, COMMON_VOLUME, AFTER_CLOSE, FIRST_VOLUME = (
    range(10)
)
N_PRICES = 10
# Columns of `facts`: counts, slots and log ratios.
(
    N_REGULAR,
    N_OUTSIDE,
    N_ZERO_VOLUME,
    N_FLAT,
    N_COMMON_VOLUME,
    STUCK_RUN,
    STUCK_AT,
    CONSTANT_RUN,
    CONSTANT_AT,
    RANGE,
    SPIKE_UP,
    SPIKE_UP_AT,
    SPIKE_DOWN,
    SPIKE_DOWN_AT,
    JUMP,
    JUMP_AT,
) = range(16)
N_FACTS = 16
#: Half hours from 04:00 to 20:00 New York time, in which volume is counted.
N_HALF_HOURS = 32

_HALF_HOUR_NS = 1_800_000_000_000
_FNV_OFFSET = np.uint64(14_695_981_039_346_656_037)
_FNV_PRIME = np.uint64(1_099_511_628_211)


@njit(cache=True, nogil=True)
def summarise_nb(
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    ts_ns: NDArray[np.int64],
    open_: NDArray[np.float64],
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    volume: NDArray[np.float64],
    pre_ns: NDArray[np.int64],
    open_ns: NDArray[np.int64],
    n_slots: NDArray[np.int64],
    length_ns: int,
    prices: NDArray[np.float64],
    facts: NDArray[np.float32],
    present: NDArray[np.uint8],
    profile: NDArray[np.float32],
    content: NDArray[np.uint64],
) -> None:
    """Summarise groups of bars, one series and session each, ascending by time within a group.

    Parameters
    ----------
    starts, ends : int64[g]
        Rows of each group.
    ts_ns, open_, high, low, close, volume : [n]
        Bars.
    pre_ns, open_ns, n_slots : int64[g]
        04:00 and the open of the group's session, and the bars that its regular hours have.
    length_ns : int
        Length of a bar. The first regular slot is that of the bar which ends in it: bars on the
        clock (09:00 for 09:30 to 10:00) and bars from the open are counted alike.
    prices, facts, present, profile, content : [g, ...]
        Written: see the constants of this module; `present` has a bit for each regular slot,
        `profile` the volume of each half hour, `content` a hash of all values and slots.
    """
    for group in range(len(starts)):
        start, end = starts[group], ends[group]
        p, f = prices[group], facts[group]
        p[:] = np.nan
        p[VOLUME] = p[OUTSIDE_VOLUME] = p[AFTER_CLOSE] = p[FIRST_VOLUME] = 0.0
        f[:] = 0.0
        slots = (ts_ns[start:end] + length_ns - 1 - open_ns[group]) // length_ns
        hours = (ts_ns[start:end] - pre_ns[group]) // _HALF_HOUR_NS
        o, h, lo, c = open_[start:end], high[start:end], low[start:end], close[start:end]
        v = volume[start:end]
        content[group] = _hash_nb(slots, o, h, lo, c, v)
        for i in range(len(slots)):
            if 0 <= hours[i] < profile.shape[1]:
                profile[group, hours[i]] += v[i]
        _jump_nb(slots, h, lo, c, f)
        _stuck_nb(slots, o, h, lo, c, v, f)
        first, last = _regular_nb(slots, v, n_slots[group], p, f)
        if first == last:
            # A session outside regular hours only still has a level.
            p[MIDDLE] = np.median(c)
            continue
        for slot in slots[first:last]:
            if slot < present.shape[1] * 8:
                present[group, slot >> 3] |= np.uint8(1 << (slot & 7))
        inside = slice(first, last)
        _outline_nb(o[inside], h[inside], lo[inside], c[inside], v[inside], p, f)
        _constant_nb(slots[inside], h[inside], lo[inside], c[inside], f)
        _spikes_nb(slots[inside], o[inside], h[inside], lo[inside], c[inside], f)


@njit(cache=True, nogil=True)
def _jump_nb(
    slots: NDArray[np.int64],
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    f: NDArray[np.float32],
) -> None:
    largest = 1.0
    for i in range(1, len(slots)):
        jump = max(high[i] / close[i - 1], close[i - 1] / low[i], high[i] / low[i])
        if jump > largest:
            largest = jump
            f[JUMP], f[JUMP_AT] = np.log(jump), slots[i]


@njit(cache=True, nogil=True)
def _regular_nb(
    slots: NDArray[np.int64],
    volume: NDArray[np.float64],
    n_slots: int,
    p: NDArray[np.float64],
    f: NDArray[np.float32],
) -> tuple[int, int]:
    first = last = 0
    for i in range(len(slots)):
        if 0 <= slots[i] < n_slots:
            if first == last:
                first = i
            if slots[i] == 0:
                p[FIRST_VOLUME] += volume[i]
            last = i + 1
            continue
        f[N_OUTSIDE] += 1
        p[OUTSIDE_VOLUME] += volume[i]
        if slots[i] == n_slots:
            p[AFTER_CLOSE] += volume[i]
    return first, last


@njit(cache=True, nogil=True)
def _outline_nb(
    open_: NDArray[np.float64],
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    volume: NDArray[np.float64],
    p: NDArray[np.float64],
    f: NDArray[np.float32],
) -> None:
    n = len(close)
    p[OPEN], p[HIGH], p[LOW], p[CLOSE] = open_[0], high.max(), low.min(), close[n - 1]
    p[MIDDLE] = np.median(close)
    f[N_REGULAR] = n
    ranges, lead, common = 0.0, 0, 0.0
    for i in range(n):
        p[VOLUME] += volume[i]
        f[N_ZERO_VOLUME] += volume[i] == 0
        f[N_FLAT] += high[i] == low[i]
        ranges += np.log(high[i] / low[i])
        # The volume that more than half of the bars have, if there is one, survives this.
        if lead == 0:
            common, lead = volume[i], 1
        else:
            lead += 1 if volume[i] == common else -1
    f[RANGE] = ranges / n
    p[COMMON_VOLUME] = common
    f[N_COMMON_VOLUME] = (volume == common).sum()


@njit(cache=True, nogil=True)
def _stuck_nb(
    slots: NDArray[np.int64],
    open_: NDArray[np.float64],
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    volume: NDArray[np.float64],
    f: NDArray[np.float32],
) -> None:
    run = 1
    f[STUCK_RUN] = 1
    for i in range(1, len(close)):
        same = close[i] == close[i - 1] and high[i] == high[i - 1] and low[i] == low[i - 1]
        same = same and open_[i] == open_[i - 1] and volume[i] == volume[i - 1]
        run = run + 1 if same and volume[i] > 0 and high[i] > low[i] else 1
        if run > f[STUCK_RUN]:
            f[STUCK_RUN], f[STUCK_AT] = run, slots[i - run + 1]


@njit(cache=True, nogil=True)
def _constant_nb(
    slots: NDArray[np.int64],
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    f: NDArray[np.float32],
) -> None:
    run = 1
    f[CONSTANT_RUN] = 1
    for i in range(1, len(close)):
        same = close[i] == close[i - 1] and high[i] == high[i - 1] and low[i] == low[i - 1]
        run = run + 1 if same and high[i] == low[i] else 1
        if run > f[CONSTANT_RUN]:
            f[CONSTANT_RUN], f[CONSTANT_AT] = run, slots[i - run + 1]


@njit(cache=True, nogil=True)
def _spikes_nb(
    slots: NDArray[np.int64],
    open_: NDArray[np.float64],
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    f: NDArray[np.float32],
) -> None:
    highest = lowest = 1.0
    for i in range(1, len(close) - 1):
        # Above both neighbours' highs, or below both lows: it came back within a bar.
        up = high[i] / max(high[i - 1], high[i + 1], close[i - 1], open_[i + 1])
        down = min(low[i - 1], low[i + 1], close[i - 1], open_[i + 1]) / low[i]
        if up > highest:
            highest = up
            f[SPIKE_UP], f[SPIKE_UP_AT] = np.log(up), slots[i]
        if down > lowest:
            lowest = down
            f[SPIKE_DOWN], f[SPIKE_DOWN_AT] = np.log(down), slots[i]


@njit(cache=True, nogil=True)
def _hash_nb(
    slots: NDArray[np.int64],
    open_: NDArray[np.float64],
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    volume: NDArray[np.float64],
) -> np.uint64:
    hashed = _FNV_OFFSET
    for i in range(len(slots)):
        # Millionths of a dollar: more than any feed has, and exact in 64 bits.
        for value in (open_[i], high[i], low[i], close[i]):
            hashed = _mixed_nb(hashed, int(np.rint(value * 1e6)))
        hashed = _mixed_nb(hashed, int(np.rint(volume[i])))
        hashed = _mixed_nb(hashed, int(slots[i]))
    return hashed


@njit(cache=True, nogil=True)
def _mixed_nb(hashed: np.uint64, value: int) -> np.uint64:
    mixed = (hashed ^ np.uint64(value)) * _FNV_PRIME
    return mixed ^ (mixed >> np.uint64(29))


@njit(cache=True, nogil=True)
def order_nb(
    session: NDArray[np.int32], series: NDArray[np.int32], ts_ns: NDArray[np.int64]
) -> tuple[bool, bool]:
    """Tell whether rows ascend by session, series and time, and whether two share all three."""
    repeated = False
    for i in range(1, len(ts_ns)):
        if session[i] != session[i - 1]:
            if session[i] < session[i - 1]:
                return False, True
        elif series[i] != series[i - 1]:
            if series[i] < series[i - 1]:
                return False, True
        elif ts_ns[i] == ts_ns[i - 1]:
            repeated = True
        elif ts_ns[i] < ts_ns[i - 1]:
            return False, True
    return True, repeated


class Groups(NamedTuple):
    """Hold what `summarise_nb` writes: arrays [groups, ...]."""

    prices: NDArray[np.float64]
    facts: NDArray[np.float32]
    present: NDArray[np.uint8]
    profile: NDArray[np.float32]
    content: NDArray[np.uint64]


def group_arrays(n: int, n_slots: int, *, profiled: bool) -> Groups:
    """Make the arrays that `summarise_nb` writes."""
    return Groups(
        np.empty((n, N_PRICES)),
        np.empty((n, N_FACTS), np.float32),
        np.zeros((n, (n_slots + 7) // 8), np.uint8),
        np.zeros((n, N_HALF_HOURS if profiled else 0), np.float32),
        np.empty(n, np.uint64),
    )
