"""The companies of the synthetic sample: tickers, sizes, sectors, splits, dividends, listings.

Nothing here is real: every ticker starts with ``ZQ`` (or ``ZX`` after a rename) and every name is
made of invented syllables. Figures marked F stand in ``datasets/targets.yaml``.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from string import ascii_uppercase
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# One stream of random numbers per subject, keyed (seed, stream, session): removing the drift, or
# shortening the history, must not change the other draws.
STREAM_MARKET, STREAM_STATE, STREAM_BARS, STREAM_EVENTS, STREAM_CHATTER, STREAM_TEXT = range(1, 7)

SECTORS = (
    "technology",
    "health care",
    "financials",
    "energy",
    "industrials",
    "consumer discretionary",
    "consumer staples",
    "communication",
)
HEALTH_CARE = SECTORS.index("health care")
MAX_SYMBOLS = 676

_SUFFIXES = (
    ("Systems", "Semiconductor", "Software"),
    ("Therapeutics", "Biopharma", "Medical"),
    ("Bancorp", "Financial", "Insurance"),
    ("Energy", "Petroleum", "Drilling"),
    ("Industries", "Aerospace", "Logistics"),
    ("Motors", "Apparel", "Restaurants"),
    ("Foods", "Beverage", "Household"),
    ("Media", "Telecom", "Networks"),
)
_HEADS = [
    "Avor",
    "Brel",
    "Corv",
    "Dray",
    "Elvo",
    "Fenn",
    "Gorm",
    "Havel",
    "Ilm",
    "Jorv",
    "Kest",
    "Lorn",
    "Mirr",
    "Nerv",
    "Oster",
    "Prev",
    "Quil",
    "Rhov",
    "Selv",
    "Torv",
    "Umbr",
    "Vask",
    "Wend",
    "Xant",
    "Yarv",
    "Zell",
]
_TAILS = [
    "aro",
    "bel",
    "cor",
    "dane",
    "eth",
    "fyr",
    "gon",
    "hurst",
    "ix",
    "jen",
    "kal",
    "lyn",
    "mond",
    "nova",
    "ora",
    "pyre",
    "quen",
    "rix",
    "sol",
    "tane",
    "ura",
    "vik",
    "wyn",
    "xis",
    "yra",
    "zen",
]

# F: rates across symbols are about lognormal, but the few largest hold half of all items.
_RATE_LOG_MEAN, _RATE_LOG_SD, _RATE_CAP = -1.24, 1.80, 42.0


@dataclass(frozen=True, slots=True, eq=False)
class Market:
    """Describe the companies; arrays are by symbol, ascending.

    Attributes
    ----------
    symbols, names : tuple of str
        Tickers and company names.
    sector : int64[symbols]
        Index into `SECTORS`.
    price_usd : float64[symbols]
        Price before the first session, unadjusted.
    sigma_frac : float64[symbols]
        Typical daily volatility as a fraction: the "daily sigma" of the planted edge.
    dollar_volume_usd : float64[symbols]
        Median dollar volume of a day.
    news_rate : float64[symbols]
        Mean items of chatter per session.
    first, stop : int64[symbols]
        First session with trades, and the first without them again (delisting).
    renamed : int64[symbols]
        First session under `new_symbols`; the number of sessions if there is none.
    new_symbols : tuple of str
        Ticker after the rename; the same ticker where there is none.
    factor : float64[sessions, symbols]
        Raw price per adjusted price: 1 before a split, 1/ratio from its ex-date on.
    dividend_usd : float64[sessions, symbols]
        Cash per share on the ex-date, raw dollars; else 0.
    """

    symbols: tuple[str, ...]
    names: tuple[str, ...]
    sector: NDArray[np.int64]
    price_usd: NDArray[np.float64]
    sigma_frac: NDArray[np.float64]
    dollar_volume_usd: NDArray[np.float64]
    news_rate: NDArray[np.float64]
    first: NDArray[np.int64]
    stop: NDArray[np.int64]
    renamed: NDArray[np.int64]
    new_symbols: tuple[str, ...]
    factor: NDArray[np.float64]
    dividend_usd: NDArray[np.float64]

    def trading(self) -> NDArray[np.bool_]:
        """Say which symbols trade in which session: bool[sessions, symbols]."""
        t = np.arange(len(self.factor))[:, None]
        return (t >= self.first) & (t < self.stop)

    def ticker(self, symbol: int, session: int) -> str:
        """Name a symbol as it is called in a session."""
        names = self.symbols if session < self.renamed[symbol] else self.new_symbols
        return names[symbol]


@dataclass(frozen=True, slots=True, eq=False)
class DayState:
    """Hold what makes a day calm or busy; none of it has a direction.

    Attributes
    ----------
    market_vol : float64[sessions]
        Volatility of the common factors relative to a usual day.
    own_vol : float64[sessions, symbols]
        The same of the symbol's own part.
    attention : float64[sessions, symbols]
        Multiplier of the rate of chatter, mean 1.
    log_volume : float64[sessions, symbols]
        Log of the day's volume relative to the symbol's median.
    """

    market_vol: NDArray[np.float64]
    own_vol: NDArray[np.float64]
    attention: NDArray[np.float64]
    log_volume: NDArray[np.float64]


def stream(seed: int, *key: int) -> np.random.Generator:
    """Give the generator of one subject; the same key gives the same draws.

    Parameters
    ----------
    seed : int
        Seed of the sample.
    *key : int
        One of the ``STREAM_`` constants, then a session where the subject is drawn day by day.
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *key])))


def draw_market(seed: int, *, n_symbols: int, n_sessions: int) -> Market:
    """Draw the companies and what befalls their shares.

    Three symbols split forward (2:1, 3:1, 3:2), one in reverse (1:8), a fifth of them pay a
    dividend each quarter, one is listed late, one is delisted and one is renamed.

    Parameters
    ----------
    seed : int
        Seed of the sample.
    n_symbols, n_sessions : int
        Size of the sample.
    """
    rng = stream(seed, STREAM_MARKET)
    sector = rng.permutation(np.arange(n_symbols) % len(SECTORS))
    z_price, z_sigma, z_dollar = rng.standard_normal((3, n_symbols))
    # F: the cross-section of dollar volume is lognormal; prices mostly between 5 and 500 dollars.
    price = np.round(np.clip(np.exp(np.log(52.0) + 0.85 * z_price), 3.0, 700.0), 2)
    sigma = np.clip(0.0128 * np.exp(0.26 * z_sigma - 0.06 * z_price), 0.007, 0.04)
    dollar_volume = 10.0 ** (7.95 + 0.62 * z_dollar + 0.20 * z_price)
    quantile = (np.arange(n_symbols) + 0.5) / n_symbols
    # Quantiles and not draws, so that the shares of the largest don't hang on one draw; the large
    # get more.
    rate = np.minimum(np.exp(_RATE_LOG_MEAN + _RATE_LOG_SD * _normal_quantile(quantile)), _RATE_CAP)
    size_rank = np.argsort(np.argsort(z_dollar + 0.9 * rng.standard_normal(n_symbols)))
    rate = rate[size_rank]

    pairs = list(product(range(26), repeat=2))[:n_symbols]
    symbols = tuple(f"ZQ{ascii_uppercase[a]}{ascii_uppercase[b]}" for a, b in pairs)
    names = tuple(
        f"{_HEADS[a]}{_TAILS[b]} {_SUFFIXES[sector[i]][(a + b) % 3]}"
        for i, (a, b) in enumerate(pairs)
    )
    first = np.zeros(n_symbols, dtype=np.int64)
    stop = np.full(n_symbols, n_sessions, dtype=np.int64)
    renamed = np.full(n_symbols, n_sessions, dtype=np.int64)
    quiet = np.argsort(rate, kind="stable")
    late, delisted, rename = quiet[n_symbols // 3], quiet[n_symbols // 2], quiet[n_symbols // 2 + 1]
    first[late] = n_sessions // 5
    stop[delisted] = n_sessions - n_sessions // 5
    renamed[rename] = n_sessions // 2
    new_symbols = tuple("ZX" + s[2:] if i == rename else s for i, s in enumerate(symbols))

    dear = np.argsort(price, kind="stable")
    factor = np.ones((n_sessions, n_symbols))
    for symbol, ratio, share in (
        (dear[-2], 2.0, 0.30),
        (dear[-3], 3.0, 0.55),
        (dear[-5], 1.5, 0.75),
        (dear[0], 0.125, 0.45),
    ):
        factor[int(n_sessions * share) :, symbol] /= ratio
    dividend = np.zeros((n_sessions, n_symbols))
    for symbol in quiet[:: max(1, n_symbols // 24)]:
        for t in range(int(rng.integers(6, 62)), n_sessions, 62):
            dividend[t, symbol] = max(0.01, np.round(0.0055 * price[symbol] * factor[t, symbol], 2))
    dividend[
        (np.arange(n_sessions)[:, None] < first) | (np.arange(n_sessions)[:, None] >= stop)
    ] = 0.0
    return Market(
        symbols,
        names,
        sector.astype(np.int64),
        price,
        sigma,
        dollar_volume,
        rate,
        first,
        stop,
        renamed,
        new_symbols,
        factor,
        dividend,
    )


def draw_states(market: Market, seed: int) -> DayState:
    """Draw volatility, attention and volume of every symbol and session.

    Parameters
    ----------
    market : Market
        The companies.
    seed : int
        Seed of the sample.
    """
    n_sessions = market.factor.shape[0]
    shape = market.factor.shape
    rng = stream(seed, STREAM_STATE)
    market_log = _autoregress(rng.standard_normal((n_sessions, 1)), 0.9)[:, 0]
    market_tail = 5.0 / rng.chisquare(7.0, n_sessions)
    own_log = _autoregress(rng.standard_normal(shape), 0.85)
    surprise = 0.5 * np.log(1.6 / rng.chisquare(3.6, shape))
    burst = rng.gamma(1.9, 1.0 / 1.9, shape)
    slow_attention = _autoregress(rng.standard_normal(shape), 0.85)
    slow_volume = _autoregress(rng.standard_normal(shape), 0.9)
    market_volume = _autoregress(rng.standard_normal((n_sessions, 1)), 0.5)
    volume_noise = rng.standard_normal(shape)

    market_vol = np.exp(0.36 * market_log - 0.13) * np.sqrt(market_tail)
    own_vol = np.exp(0.36 * own_log + surprise - 0.13) * np.maximum(burst, 0.35) ** 0.40
    attention = burst * np.exp(0.60 * slow_attention + 0.5 * surprise)
    log_volume = (
        0.36 * slow_volume
        + 0.12 * market_volume
        + 0.10 * volume_noise
        + 0.24 * surprise
        + 0.12 * own_log
        + 0.20 * np.log(market_vol)[:, None]
    )
    return DayState(market_vol, own_vol, attention / attention.mean(), log_volume)


def _autoregress(shocks: NDArray[np.float64], phi: float) -> NDArray[np.float64]:
    series = np.empty_like(shocks)
    series[0] = shocks[0]
    for t in range(1, len(shocks)):
        series[t] = phi * series[t - 1] + np.sqrt(1.0 - phi * phi) * shocks[t]
    return series


def _normal_quantile(p: NDArray[np.float64]) -> NDArray[np.float64]:
    # Tukey's lambda (Joiner and Rosenblatt 1971), within 0.011 over 100 symbols: the rates need a
    # shape.
    quantile: NDArray[np.float64] = (p**0.135 - (1.0 - p) ** 0.135) / 0.1975
    return quantile
