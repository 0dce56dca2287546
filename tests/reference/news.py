"""Article weights and the catalyst score (section 3)."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reference.presets import Numbers
from reference.sessions import HOUR_NS, Calendar


@dataclass(frozen=True)
class Version:
    """What one row said of an article, and since when."""

    known_at: int
    published_at: int
    tier: int
    categories: tuple[str, ...]
    sentiment: float
    market_state: str
    cluster_rank: int


@dataclass(frozen=True)
class Article:
    """An article on one symbol: first known at `known_at`, with its later corrections."""

    news_id: str
    known_at: int
    versions: tuple[Version, ...]

    def at(self, asof: int) -> Version:
        """Return the newest version known at `asof`, which is not before the first."""
        return [version for version in self.versions if version.known_at <= asof][-1]


@dataclass(frozen=True)
class Catalyst:
    """The score (0 to 100), the direction (-1 to 1) and what made them."""

    score: float
    direction: float
    news_ids: tuple[str, ...]
    leading_category: str

    def sign(self, band: float) -> int:
        """Return 1 for a positive catalyst, -1 for a negative, 0 for a neutral one."""
        if self.direction > band:
            return 1
        return -1 if self.direction < -band else 0


class Newsroom:
    """All articles by symbol, each list in the order (known_at, news_id)."""

    def __init__(self, rows: Iterable[dict[str, Any]]) -> None:
        versions: dict[tuple[str, str], list[Version]] = {}
        for row in rows:
            version = Version(
                row["known_at"],
                row["published_at"],
                int(row["tier"]),
                tuple(row["categories"] or ()),
                float(row["sentiment"]),
                row["market_state"],
                int(row["cluster_rank"]),
            )
            versions.setdefault((row["symbol"], row["news_id"]), []).append(version)
        self.by_symbol: dict[str, list[Article]] = {}
        for (symbol, news_id), told in versions.items():
            told.sort(key=lambda version: version.known_at)
            article = Article(news_id, told[0].known_at, tuple(told))
            self.by_symbol.setdefault(symbol, []).append(article)
        for articles in self.by_symbol.values():
            articles.sort(key=lambda article: (article.known_at, article.news_id))

    @property
    def symbols(self) -> list[str]:
        """Return the symbols that any article names, ascending."""
        return sorted(self.by_symbol)

    def window(
        self, symbol: str, *, asof: int, calendar: Calendar, numbers: Numbers, daily: bool
    ) -> list[Article]:
        """Return the articles on `symbol` that count at `asof`, by (known_at, news_id)."""
        articles = self.by_symbol.get(symbol, [])
        if daily:
            session = calendar.latest(asof)
            since = calendar.sessions[session - 1].close
            first = bisect.bisect_right(articles, since, key=lambda article: article.known_at)
            last = bisect.bisect_right(articles, asof, key=lambda article: article.known_at)
            return articles[first:last]
        oldest = asof - int(numbers["news"]["window_hours"] * HOUR_NS)
        # Nothing is known before it is published, so that no article before this place can count.
        first = bisect.bisect_left(articles, oldest, key=lambda article: article.known_at)
        chosen = []
        for article in articles[first:]:
            if article.known_at > asof:
                break
            if article.at(asof).published_at >= oldest:
                chosen.append(article)
        return chosen


def weight(version: Version, *, asof: int, numbers: Numbers) -> float:
    """Return the weight of an article at `asof`."""
    news = numbers["news"]
    age_hours = (asof - version.published_at) / HOUR_NS
    known = [news["category_weights"].get(name) for name in version.categories]
    applying = [value for value in known if value is not None]
    category = max(applying) if applying else news["other_category_weight"]
    cluster = news["first_weight"] if version.cluster_rank == 0 else news["copy_weight"]
    value: float = (
        news["tier_weights"][version.tier]
        * math.exp(-age_hours / news["decay_hours"])
        * category
        * news["state_weights"][version.market_state]
        * cluster
    )
    return value


def catalyst_of(articles: list[Article], *, asof: int, numbers: Numbers) -> Catalyst:
    """Return the score and direction of `articles` at `asof`; none of them is score 0."""
    total = 0.0
    total_sentiment = 0.0
    heaviest = 0.0
    leading = ""
    for article in articles:
        version = article.at(asof)
        w = weight(version, asof=asof, numbers=numbers)
        total += w
        total_sentiment += w * version.sentiment
        if version.categories and w > heaviest:
            heaviest = w
            leading = version.categories[0]
    ids = tuple(article.news_id for article in articles)
    if total <= 0.0:
        return Catalyst(0.0, 0.0, ids, leading)
    score = 100.0 * (1.0 - math.exp(-total))
    return Catalyst(score, total_sentiment / total, ids, leading)
