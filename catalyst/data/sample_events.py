"""The catalysts of the synthetic sample, and the edge planted in some of them.

A catalyst is a story about one company with a kind, a direction and a lead article. Every catalyst
makes the price jump when it is published and brings volume. Only the *eligible* ones, when an edge
is planted, go on in their direction after they are known: earnings, fda and merger stories led by a
tier 1 or 2 outlet with a clear message, early enough for the drift to end before the close. The
jump says nothing of the drift's size, and a story that looks the same from a lesser outlet drifts
not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from catalyst.data.calendar import MINUTE_NS, SECOND_NS
from catalyst.data.sample_market import HEALTH_CARE, STREAM_EVENTS, stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from catalyst.data.sample_market import Market
    from catalyst.data.sample_prices import Grid

KINDS = (
    "earnings",
    "fda",
    "merger",
    "analyst",
    "guidance",
    "product",
    "partnership",
    "legal",
    "insider",
    "dividend",
)
EARNINGS, FDA, MERGER = 0, 1, 2

# By tier, names that the table of source tiers knows; no outlet wrote any of these headlines.
OUTLETS = (
    ("Reuters", "Bloomberg", "Dow Jones", "AP"),
    ("WSJ", "Financial Times", "CNBC", "MarketWatch"),
    ("Benzinga", "Yahoo Finance", "Seeking Alpha"),
    ("Zacks", "TipRanks"),
)

DRIFT_SIGMA = (0.30, 0.60)
DRIFT_MINUTES = (60, 180)
_CLEAR_SHARE = 0.82
_MARGIN_MINUTES = 10

# Stories a symbol and session, earnings apart, in the order of KINDS; fda only in health care.
_RATES = (0.0, 0.040, 0.0080, 0.0090, 0.0035, 0.0045, 0.0035, 0.0030, 0.0025, 0.0015)
_TIER_SHARES = (0.42, 0.28, 0.20, 0.10)
_MINOR_TIER_SHARES = (0.08, 0.14, 0.50, 0.28)
# Before the open, in the session, after the close of the day before.
_WHEN_EARNINGS, _WHEN_OTHER = (0.55, 0.10, 0.35), (0.42, 0.44, 0.14)
_JUMP_SIGMA, _MINOR_JUMP_SIGMA, _JUMP_CAP = 1.55, 0.55, 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """Hold the catalysts, one row each, ascending by publication.

    Attributes
    ----------
    session, symbol, kind, tier, outlet : int64[events]
        The regular session that trades on it, the symbol, the index into `KINDS`, 1 to 4, and the
        index into that tier's `OUTLETS`.
    home : int64[events]
        The session whose grid holds the publication: the one before for a story after the close.
    minute : int64[events]
        Publication, minutes since 04:00 of `home`.
    published_ns, known_ns : int64[events]
        Publication of the lead article, and when it had been collected, ns UTC.
    direction : int64[events]
        +1, -1; 0 for a story without a clear message.
    jump_frac : float64[events]
        Signed simple return at publication.
    eligible : bool[events]
        Whether the edge, if planted, applies.
    drift_sigma : float64[events]
        Planted log drift in daily sigmas, signed; drawn for all, used for eligible ones.
    drift_from, drift_until : int64[events]
        First slot of the drift, in `session`, and the slot after its last.
    surge : float64[events]
        Extra volume just after publication, as a multiple of normal.
    """

    session: NDArray[np.int64]
    symbol: NDArray[np.int64]
    kind: NDArray[np.int64]
    tier: NDArray[np.int64]
    outlet: NDArray[np.int64]
    home: NDArray[np.int64]
    minute: NDArray[np.int64]
    published_ns: NDArray[np.int64]
    known_ns: NDArray[np.int64]
    direction: NDArray[np.int64]
    jump_frac: NDArray[np.float64]
    eligible: NDArray[np.bool_]
    drift_sigma: NDArray[np.float64]
    drift_from: NDArray[np.int64]
    drift_until: NDArray[np.int64]
    surge: NDArray[np.float64]

    def __len__(self) -> int:
        """Give the number of catalysts."""
        return len(self.session)


def collection_delay_ns(rng: np.random.Generator, n: int) -> NDArray[np.int64]:
    """Draw the time from publication to collection: seconds as a rule, minutes for one in thirty.

    Parameters
    ----------
    rng : Generator
        Source of the draws.
    n : int
        How many.
    """
    seconds = np.exp(np.log(9.0) + 0.8 * rng.standard_normal(n))
    late = rng.random(n) < 0.03
    seconds = seconds + np.where(late, rng.exponential(900.0, n), 0.0)
    whole: NDArray[np.int64] = np.ceil(np.clip(seconds, 1.0, 7200.0)).astype(np.int64)
    return whole * SECOND_NS


def draw_events(market: Market, grid: Grid, *, seed: int) -> Events:
    """Draw the catalysts.

    Parameters
    ----------
    market : Market
        The companies.
    grid : Grid
        Sessions and slots.
    seed : int
        Seed of the sample.
    """
    rng = stream(seed, STREAM_EVENTS)
    session, symbol, kind = _occurrences(market, rng)
    n = len(session)
    major = kind <= MERGER
    tier = 1 + np.where(major, _choose(rng, _TIER_SHARES, n), _choose(rng, _MINOR_TIER_SHARES, n))
    outlet = (rng.random(n) * np.array([len(names) for names in OUTLETS])[tier - 1]).astype(
        np.int64
    )
    clear = rng.random(n) < _CLEAR_SHARE
    sign = np.where(rng.random(n) < 0.5, 1, -1)
    size = np.abs(rng.standard_normal(n)) * np.where(major, _JUMP_SIGMA, _MINOR_JUMP_SIGMA)
    jump = sign * np.minimum(size * market.sigma_frac[symbol], _JUMP_CAP)
    drift = sign * rng.uniform(*DRIFT_SIGMA, n)
    horizon = rng.uniform(*DRIFT_MINUTES, n)
    surge = np.exp(0.35 * rng.standard_normal(n)) * np.where(major, 4.6, 1.3)

    when = np.where(kind == EARNINGS, _choose(rng, _WHEN_EARNINGS, n), _choose(rng, _WHEN_OTHER, n))
    when[(when == 2) & (session == 0)] = 0
    home = np.where(when == 2, session - 1, session)
    opening = (grid.sessions.open_ns - grid.sessions.pre_ns) // MINUTE_NS
    closing = (grid.sessions.close_ns - grid.sessions.pre_ns) // MINUTE_NS
    u = rng.random(n)
    minute = np.select(
        [when == 0, when == 1],
        [120.0 + 205.0 * u**0.8, opening[home] + 5.0 + u * (closing[home] - opening[home] - 15.0)],
        closing[home] + 1.0 + 140.0 * u**2,
    ).astype(np.int64)
    second = (rng.random(n) * 60.0).astype(np.int64)
    published = grid.sessions.pre_ns[home] + minute * MINUTE_NS + second * SECOND_NS
    known = published + collection_delay_ns(rng, n)

    # The drift begins with the first whole bar after the story is known, and not before the open.
    slot_ns = grid.bar_minutes * MINUTE_NS
    start = np.maximum(-((grid.sessions.pre_ns[session] - known) // slot_ns), grid.pre_slots)
    until = start + np.ceil(horizon / grid.bar_minutes).astype(np.int64)
    in_time = until * grid.bar_minutes <= closing[session] - _MARGIN_MINUTES
    trades = (session >= market.first[symbol]) & (session < market.stop[symbol])
    eligible = major & (tier <= 2) & clear & (when != 2) & in_time
    order = np.lexsort((symbol, published))
    order = order[trades[order] & (home >= market.first[symbol])[order]]
    return Events(
        session[order],
        symbol[order],
        kind[order],
        tier[order],
        outlet[order],
        home[order],
        minute[order],
        published[order],
        known[order],
        np.where(clear, sign, 0)[order],
        jump[order],
        eligible[order],
        drift[order],
        start[order],
        until[order],
        surge[order],
    )


def _occurrences(
    market: Market, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    n_sessions, n_symbols = market.factor.shape
    # Bigger names make more stories, but less than in proportion to the talk about them.
    weight = market.news_rate**0.4
    weight = weight / weight.mean()
    rates = np.outer(np.array(_RATES), weight)
    rates[FDA, market.sector != HEALTH_CARE] = 0.0
    hits = rng.random((len(KINDS), n_sessions, n_symbols)) < rates[:, None, :]
    kind, session, symbol = np.nonzero(hits)
    quarter = rng.integers(4, 66, n_symbols)
    jitter = rng.integers(-3, 4, (n_sessions // 62 + 1, n_symbols))
    days = quarter + 62 * np.arange(n_sessions // 62 + 1)[:, None] + jitter
    reports = (days >= 1) & (days < n_sessions)
    _, who = np.nonzero(reports)
    return (
        np.concatenate([session, days[reports]]).astype(np.int64),
        np.concatenate([symbol, who]).astype(np.int64),
        np.concatenate([kind, np.full(len(who), EARNINGS)]).astype(np.int64),
    )


def _choose(rng: np.random.Generator, shares: tuple[float, ...], n: int) -> NDArray[np.int64]:
    edges = np.cumsum(np.array(shares))[:-1]
    return np.searchsorted(edges, rng.random(n), side="right").astype(np.int64)
