"""The news of the synthetic sample: stories, their copies, commentary, lists, tweets, retweets.

Chatter is over-dispersed and says nothing of the future: its rate goes with the day's volatility
and with the day before's, its side is drawn, and only commentary has a direction, that of the last
session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from catalyst.data import sample_headlines as words
from catalyst.data.calendar import MINUTE_NS, SECOND_NS
from catalyst.data.sample_events import KINDS, OUTLETS, collection_delay_ns
from catalyst.data.sample_market import SECTORS, STREAM_CHATTER, STREAM_TEXT, stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from catalyst.data.sample_events import Events
    from catalyst.data.sample_market import DayState, Market
    from catalyst.data.sample_prices import Grid

PROVIDER = "synthetic"
# A name reserved for addresses that can't exist (RFC 2606).
URL = "https://synthetic.invalid"

_HALF_HOUR_NS, _DAY_NS = 30 * MINUTE_NS, 48 * 30 * MINUTE_NS
_HALF_HOURS_TO_16, _HALF_HOURS_TO_04 = 32, 8

# F: weight per half hour of a New York weekday, from 00:00, by stretch of the day.
_TWEET_DAY = ((8, 9.37), (11, 20.94), (1, 3.88), (11, 33.16), (1, 3.43), (8, 17.53), (8, 11.69))
_WIRE_DAY = (
    (8, 0.9),
    (4, 3.0),
    (7, 36.0),
    (1, 4.5),
    (11, 33.0),
    (1, 2.2),
    (1, 7.0),
    (7, 12.0),
    (8, 1.4),
)
# F: a weekend day has about half the tweets of a weekday, and next to no wire.
_TWEET_WEEKEND, _WIRE_WEEKEND = 0.53, 0.05

_RETWEETS_PER_TWEET, _COPIES_PER_TWEET = 0.145, 0.042
_UNSEEN_RETWEET_SHARE = 0.165
_WIRE_RATE = 0.034
# F: people talk of today's move and, less, of yesterday's; of its size, not of its direction.
_TALK_TODAY, _TALK_YESTERDAY, _MOVE_CAP = 0.34, 0.30, 5.0
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Article(NamedTuple):
    """Hold one article as a vendor would deliver it.

    Attributes
    ----------
    published_ns, collected_ns : int
        Publication and arrival, ns UTC.
    headline, source, author, url : str
        As delivered; the source of a tweet is its account.
    symbols : tuple of str
        The provider's links.
    """

    published_ns: int
    collected_ns: int
    headline: str
    source: str
    author: str
    url: str
    symbols: tuple[str, ...]


class _Post(NamedTuple):
    """A tweet before it has a text: who, when, and in which session's window."""

    session: NDArray[np.int64]
    symbol: NDArray[np.int64]
    ts_ns: NDArray[np.int64]


def write_news(
    market: Market,
    grid: Grid,
    *,
    states: DayState,
    events: Events,
    session_return: NDArray[np.float64],
    seed: int,
) -> tuple[list[Article], list[str]]:
    """Write all articles, ascending by publication.

    Parameters
    ----------
    market : Market
        The companies.
    grid : Grid
        Sessions.
    states : DayState
        Attention of each day.
    events : Events
        Catalysts, whose lead articles are written first.
    session_return : float64[sessions, symbols]
        Log returns; commentary speaks of the last session's sign.
    seed : int
        Seed of the sample.

    Returns
    -------
    articles : list of Article
        All of them.
    leads : list of str
        Headline of each catalyst's lead article, in the order of `events`; its url ends in its
        number.
    """
    writer = _Writer(market, grid, seed=seed)
    leads = writer.write_catalysts(events)
    writer.write_commentary(states, session_return)
    writer.write_chatter(states, session_return)
    return sorted(writer.articles), leads


def lead_url(event: int) -> str:
    """Give the address of a catalyst's lead article."""
    return f"{URL}/wire/catalyst-{event:05d}"


class _Writer:
    def __init__(self, market: Market, grid: Grid, *, seed: int) -> None:
        self.market = market
        self.grid = grid
        self.times = stream(seed, STREAM_CHATTER)
        self.text = stream(seed, STREAM_TEXT)
        self.articles: list[Article] = []
        self.last_ns = int(grid.sessions.post_ns[-1])
        # Windows of news run from 16:00 to 16:00; the first begins with its session's day.
        midnight = grid.sessions.pre_ns - _HALF_HOURS_TO_04 * _HALF_HOUR_NS
        self.window_end = midnight + _HALF_HOURS_TO_16 * _HALF_HOUR_NS
        self.window_start = np.concatenate([midnight[:1], self.window_end[:-1]])
        self.trading = market.trading()
        weight = np.cumsum(market.news_rate)
        self.mention = weight / weight[-1]

    def write_catalysts(self, events: Events) -> list[str]:
        leads = []
        rate = self.market.news_rate[events.symbol]
        n_copies = self.times.poisson(np.where(events.tier <= 2, 1.6, 0.9))
        n_tweets = self.times.negative_binomial(1.0, 1.0 / (1.0 + 2.5 * np.sqrt(rate)))
        for e in range(len(events)):
            headline = self._catalyst_headline(events, e)
            leads.append(headline)
            published = int(events.published_ns[e])
            source = OUTLETS[events.tier[e] - 1][events.outlet[e]]
            i, session = int(events.symbol[e]), int(events.session[e])
            symbol = self.market.ticker(i, session)
            collected = int(events.known_ns[e])
            author = "staff"
            self.articles.append(
                Article(published, collected, headline, source, author, lead_url(e), (symbol,))
            )
            self._copies(headline, symbol, published=published, n=int(n_copies[e]))
            self._reactions(
                headline,
                symbol,
                published=published,
                n=int(n_tweets[e]),
                side=int(events.direction[e]),
            )
        return leads

    def _catalyst_headline(self, events: Events, e: int) -> str:
        kind = KINDS[events.kind[e]]
        templates = words.CATALYSTS[kind][int(events.direction[e])]
        r = self.text.random(8)
        i = int(events.symbol[e])
        other = (i + 1 + int(r[0] * (len(self.market.symbols) - 1))) % len(self.market.symbols)
        return _pick(templates, r[1]).format(
            co=self.market.names[i],
            other=self.market.names[other],
            q=1 + int(r[2] * 3),
            n=2 + int(r[3] * 48),
            pct=5 + int(r[4] * 45),
            px=f"{self.market.price_usd[i] * (0.8 + 0.5 * r[5]):.2f}",
            drug=_pick(words.DRUG_HEADS, r[6]) + _pick(words.DRUG_TAILS, r[7]),
            firm=_pick(words.FIRMS, r[6]),
        )

    def _copies(self, headline: str, symbol: str, *, published: int, n: int) -> None:
        delays = self.times.exponential(1500.0, n) + 45.0
        r = self.text.random((n, 3))
        for delay, (a, b, c) in zip(delays, r, strict=True):
            source = _pick(OUTLETS[(0, 1, 2, 2, 3)[int(a * 5)]], b)
            self._wire(
                _pick(words.COPY_FORMS, c).format(headline), source, (symbol,), published, delay
            )

    def _wire(
        self, headline: str, source: str, symbols: tuple[str, ...], base: int, delay: float
    ) -> None:
        published = base + int(delay) * SECOND_NS
        arrival = published + int(collection_delay_ns(self.times, 1)[0])
        url = f"{URL}/wire/{len(self.articles):06d}"
        self.articles.append(Article(published, arrival, headline, source, "staff", url, symbols))

    def _reactions(self, headline: str, symbol: str, *, published: int, n: int, side: int) -> None:
        # Most of the talk comes within the hour, some of it a day later.
        delays = 20.0 + self.times.exponential(3600.0, n) * np.where(
            self.times.random(n) < 0.15, 8.0, 1.0
        )
        r = self.text.random((n, 4))
        for delay, (a, b, c, d) in zip(delays, r, strict=True):
            said = (
                f"${symbol} {headline}"
                if a < 0.5
                else f"${symbol} {_pick(words.REACTIONS[side], b)}"
            )
            if a >= 0.5:
                said += (
                    f" {_pick(words.TAILS, d).format(px=round(5 + 90 * b, 1), n=int(2 + 60 * c))}"
                )
            self._tweet(said, _handle(c, d), (symbol,), published + int(delay) * SECOND_NS)

    def _tweet(self, text: str, handle: str, symbols: tuple[str, ...], published: int) -> None:
        arrival = published + int(collection_delay_ns(self.times, 1)[0])
        url = f"{URL}/post/{len(self.articles):06d}"
        self.articles.append(Article(published, arrival, text, handle, handle, url, symbols))

    def write_commentary(self, states: DayState, session_return: NDArray[np.float64]) -> None:
        rate = _WIRE_RATE * self.market.news_rate**0.6 * states.attention**0.5 * self.trading
        posts = self._arrivals(rate, _WIRE_DAY, _WIRE_WEEKEND)
        r = self.text.random((len(posts.ts_ns), 8))
        for k in range(len(posts.ts_ns)):
            t, i, ts = int(posts.session[k]), int(posts.symbol[k]), int(posts.ts_ns[k])
            sign = session_return[max(t - 1, 0), i]
            headline = _pick(words.COMMENTARY, r[k, 0]).format(
                co=self.market.names[i],
                did=_pick(words.ROSE if sign >= 0 else words.FELL, r[k, 1]),
                day=self._weekday(max(t - 1, 0)),
                n=3 + int(r[k, 2] * 7),
                px=f"{self.market.price_usd[i] * (0.8 + 0.4 * r[k, 3]):.0f}",
                sector=SECTORS[self.market.sector[i]],
                month=_pick(words.MONTHS, r[k, 4]),
            )
            tier = (0, 1, 2, 2, 2, 3, 3, 3)[int(r[k, 5] * 8)]
            self._wire(
                headline, _pick(OUTLETS[tier], r[k, 6]), (self.market.ticker(i, t),), ts, 0.0
            )
        self._lists(states)

    def _lists(self, states: DayState) -> None:
        for t in range(len(self.window_end)):
            if self.text.random() < 0.90:
                weight = np.where(
                    self.trading[t], states.attention[t] * self.market.news_rate**0.5, 0.0
                )
                edges = np.cumsum(weight)
                draws = self.text.random(int(self.text.integers(2, 5))) * edges[-1]
                who = sorted({int(i) for i in np.searchsorted(edges, draws, side="right")})
                r = self.text.random(3)
                minute = 7 * 60 + 30 + int(r[0] * 300)
                base = int(self.window_end[t]) - 16 * 60 * MINUTE_NS + minute * MINUTE_NS
                headline = _pick(words.LISTS, r[1]).format(
                    n=5 + int(r[2] * 20), day=self._weekday(t)
                )
                self._wire(
                    headline, "Benzinga", tuple(self.market.ticker(i, t) for i in who), base, 0.0
                )

    def _weekday(self, t: int) -> str:
        return _DAYS[(int(self.grid.sessions.day[t]) + 3) % 7]

    def _arrivals(
        self, rate: NDArray[np.float64], day: tuple[tuple[int, float], ...], weekend: float
    ) -> _Post:
        weights = np.concatenate([np.full(n, share / n) for n, share in day])
        weights = weights / weights.sum()
        sessions, symbols, times = [], [], []
        for t in range(len(rate)):
            starts = np.arange(self.window_start[t], self.window_end[t], _HALF_HOUR_NS)
            # Clock changes fall on weekends and shift the last nights' half hours by two: no
            # matter.
            back = -(-(self.window_end[t] - starts) // _HALF_HOUR_NS)
            of_day = (_HALF_HOURS_TO_16 - back) % 48
            days_back = (back - _HALF_HOURS_TO_16 + 47) // 48
            weekday = (int(self.grid.sessions.day[t]) + 3 - days_back) % 7
            at = weights[of_day] * np.where(weekday >= 5, weekend, 1.0)
            edges = np.cumsum(at)
            counts = self.times.poisson(rate[t] * edges[-1])
            n = int(counts.sum())
            where = np.searchsorted(edges, self.times.random(n) * edges[-1], side="right")
            seconds = (self.times.random(n) * 1800.0).astype(np.int64)
            times.append(starts[np.minimum(where, len(starts) - 1)] + seconds * SECOND_NS)
            symbols.append(np.repeat(np.arange(len(counts)), counts))
            sessions.append(np.full(n, t))
        return _Post(np.concatenate(sessions), np.concatenate(symbols), np.concatenate(times))

    def write_chatter(self, states: DayState, session_return: NDArray[np.float64]) -> None:
        moved = np.minimum(np.abs(session_return) / self.market.sigma_frac, _MOVE_CAP) - 0.7
        before = np.vstack([np.zeros((1, moved.shape[1])), moved[:-1]])
        talk = states.attention * np.exp(_TALK_TODAY * moved + _TALK_YESTERDAY * before)
        rate = self.market.news_rate * talk / talk.mean() * self.trading
        posts = self._arrivals(rate, _TWEET_DAY, _TWEET_WEEKEND)
        n = len(posts.ts_ns)
        collected = collection_delay_ns(self.times, n)
        r = self.text.random((n, 10))
        # Some originals are repeated, a few of them very often.
        retweets = self.times.negative_binomial(0.25, 0.25 / (0.25 + _RETWEETS_PER_TWEET), n)
        copies = self.times.poisson(_COPIES_PER_TWEET, n)
        texts, linked = [], []
        for k in range(n):
            t, i = int(posts.session[k]), int(posts.symbol[k])
            text, symbols = self._chat(t, i, r[k])
            handle = _handle(r[k, 8], r[k, 9])
            if r[k, 7] < _UNSEEN_RETWEET_SHARE:
                text = f"RT @{_handle(r[k, 6], r[k, 8])}: {text}"
            texts.append(text)
            linked.append(symbols)
            ts = int(posts.ts_ns[k])
            url = f"{URL}/post/{len(self.articles):06d}"
            self.articles.append(
                Article(ts, ts + int(collected[k]), text, handle, handle, url, symbols)
            )
        self._repeat(posts, retweets, texts=texts, linked=linked, retweeted=True)
        self._repeat(posts, copies, texts=texts, linked=linked, retweeted=False)

    def _chat(self, t: int, i: int, r: NDArray[np.float64]) -> tuple[str, tuple[str, ...]]:
        symbol = self.market.ticker(i, t)
        px = self.market.price_usd[i] * self.market.factor[t, i] * (0.85 + 0.3 * r[0])
        text = " ".join(
            (
                _pick(words.OPENERS, r[1]),
                f"${symbol}",
                _pick(words.MIDDLES, r[2]),
                _pick(words.TAILS, r[3]),
            )
        ).format(px=f"{px:.1f}", n=int(10 + 80 * r[4]))
        if r[5] > 0.15:
            return text, (symbol,)
        j = int(np.searchsorted(self.mention, r[6]))
        if j == i or not self.trading[t, j]:
            return text, (symbol,)
        other = self.market.ticker(j, t)
        # One link in ten is the provider's error: the text names the first symbol only.
        text = text if r[5] < 0.015 else f"{text} ${other}"
        return text, (symbol, other)

    def _repeat(
        self,
        posts: _Post,
        times: NDArray[np.int64],
        *,
        texts: list[str],
        linked: list[tuple[str, ...]],
        retweeted: bool,
    ) -> None:
        rows = np.repeat(np.arange(len(times)), times)
        n = len(rows)
        # F: half of the retweets come within an hour, a tenth after a day and a half.
        middle, spread = (np.log(3400.0), 2.7) if retweeted else (np.log(200.0), 1.8)
        delay = np.exp(middle + spread * self.times.standard_normal(n))
        published = posts.ts_ns[rows] + np.ceil(np.minimum(delay, 2e6)).astype(np.int64) * SECOND_NS
        collected = collection_delay_ns(self.times, n)
        r = self.text.random((n, 4))
        for k, row in enumerate(rows):
            ts = int(published[k])
            if ts > self.last_ns:
                continue
            text = texts[row]
            if retweeted:
                text = f"RT @{_handle(r[k, 2], r[k, 3])}: {text}"
            handle = _handle(r[k, 0], r[k, 1])
            url = f"{URL}/post/{len(self.articles):06d}"
            self.articles.append(
                Article(ts, ts + int(collected[k]), text, handle, handle, url, linked[row])
            )


def _pick(options: tuple[str, ...], u: float) -> str:
    return options[int(u * len(options))]


def _handle(a: float, b: float) -> str:
    # A few accounts write much, most write little.
    number = int(1.0 / (0.004 + 0.996 * b))
    return f"{_pick(words.HANDLE_HEADS, a)}_{_pick(words.HANDLE_TAILS, (a * 97.0) % 1.0)}{number}"
