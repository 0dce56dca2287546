"""What each article weighs in a catalyst score: the kernel's product, factor by factor."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from catalyst.data.figures import (
    count,
    eastern,
    iso_utc,
    number,
    span,
)
from catalyst.data.lake import Lake
from catalyst.data.story import Fact, Section
from catalyst.data.visible import visible
from catalyst.errors import InputError
from catalyst.research.run_books import Row, RunBooks
from catalyst.research.walk import Known
from catalyst.strategy.clock import HOUR_NS
from catalyst.strategy.news import catalyst_scores, category_names, sign
from catalyst.strategy.params import CATEGORIES, Params
from catalyst.strategy.values import MarketState, NewsBatch

_TOLD_WHOLE, _TOLD = 5, 12
_SIGNS = {1: "positive", -1: "negative", 0: "neutral"}
_STATES = {state: state.label.replace("_", "-") for state in MarketState}


@dataclass(frozen=True)
class Weight:
    """Hold one article's weight; the product of the factors, in this order, is ``total``.

    ``tier``, ``decay``, ``category``, ``state`` and ``cluster`` are the factors; ``named`` is the
    category that gave its factor, empty for none of the special ones.
    """

    tier: float
    decay: float
    category: float
    state: float
    cluster: float
    total: float
    named: str

    @property
    def factors(self) -> tuple[float, float, float, float, float]:
        """Return the factors in the order in which they are multiplied."""
        return self.tier, self.decay, self.category, self.state, self.cluster


def weights(news: NewsBatch, asof_ns: int, params: Params) -> list[Weight]:
    """Return the weight of every row of a batch, as `catalyst_scores` multiplies it."""
    tiers, by_category, other, states, first, copy = params.catalyst.arrays
    tau_ns = params.catalyst.tau_hours * HOUR_NS
    out = []
    for r in range(len(news.symbol)):
        has = [b for b in range(len(CATEGORIES)) if int(news.categories[r]) >> b & 1]
        best = max((float(by_category[b]) for b in has), default=-1.0)
        named = next((CATEGORIES[b] for b in has if by_category[b] == best), "")
        category = best if best >= 0.0 else other
        tier = float(tiers[int(news.tier[r]) - 1])
        decay = math.exp(-(asof_ns - int(news.published_ns[r])) / tau_ns)
        state = float(states[int(news.state[r])])
        cluster = first if news.cluster_rank[r] == 0 else copy
        total = tier * decay * category * state * cluster
        out.append(Weight(tier, decay, category, state, cluster, total, named))
    return out


def only(news: NewsBatch, symbol: int, *, after_ns: int = -1) -> NewsBatch:
    """Return a symbol's rows, first known after an instant."""
    keep = np.flatnonzero((news.symbol == symbol) & (news.first_known_ns > after_ns))
    return replace(news, **{name: values[keep] for name, values in vars(news).items()})


def scored(news: NewsBatch, asof_ns: int, params: Params) -> tuple[float, float, float]:
    """Return the sum of the weights of one symbol's articles, score and direction.

    Raises
    ------
    InputError
        If the strategy's own function gives another score or direction.
    """
    total = lean = 0.0
    for r, weight in enumerate(weights(news, asof_ns, params)):
        total += weight.total
        lean += weight.total * float(news.sentiment[r])
    direction = lean / total if total > 0.0 else 0.0
    score = 100.0 * (1.0 - math.exp(-total))
    alone = replace(news, symbol=np.zeros(len(news.symbol), np.int32))
    own, own_direction = catalyst_scores(alone, 1, asof_ns, params)
    check("catalyst score", score, float(own[0]))
    check("direction", direction, float(own_direction[0]))
    return total, score, direction


def check(what: str, found: float, recorded: float) -> None:
    """Compare a number made again with the recorded one, to the bit.

    Raises
    ------
    InputError
        If they differ.
    """
    if found != recorded and not (math.isnan(found) and math.isnan(recorded)):
        raise InputError(
            f"the {what} comes out as {found!r}, and the run recorded {recorded!r}: the lake or "
            "the code is another than the run's; replay it again"
        )


class Headlines:
    """Look up the stored rows of articles, one day of the lake at a time."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._days: dict[object, dict[tuple[str, str, int], Row]] = {}

    def of(self, symbol: str, news: NewsBatch) -> list[Row]:
        """Return the stored row of each of a symbol's articles.

        Raises
        ------
        InputError
            If the lake doesn't hold one.
        """
        out = []
        for news_id, known_ns in zip(news.news_id.tolist(), news.known_ns.tolist(), strict=True):
            key = (f"{news_id:016x}", symbol, known_ns)
            found = self._day(known_ns).get(key)
            if found is None:
                raise InputError(
                    f"the lake {self._lake.root} has no article {key[0]} about {symbol}; name the "
                    "lake of the run with --lake"
                )
            out.append(found)
        return out

    def _day(self, known_ns: int) -> dict[tuple[str, str, int], Row]:
        import datetime as dt

        day = dt.datetime.fromtimestamp(known_ns // 10**9, dt.UTC).date()
        if day not in self._days:
            columns = (
                "news_id",
                "symbol",
                pl.col("known_at").cast(pl.Int64),
                "known_is_assumed",
                "headline",
                "source",
                "provider",
                "url",
                "cluster_id",
                "confirmed_by",
            )
            rows = self._lake.read_news(day).select(columns).to_dicts()
            self._days[day] = {(r["news_id"], r["symbol"], r["known_at"]): r for r in rows}
        return self._days[day]


def news_section(
    books: RunBooks, headlines: Headlines, known: Known, symbol: str, recorded: Mapping[str, float]
) -> Section:
    """Tell which articles made a symbol's catalyst score.

    Parameters
    ----------
    recorded
        ``catalyst_score`` and ``direction`` of the run's table; empty where it has none.
    """
    params, asof_ns = books.rules(known.asof_ns), known.asof_ns
    news = only(known.survey.news, known.index(symbol))
    rows = headlines.of(symbol, news)
    title = f"News: {count(len(rows), 'article')} that counted at {eastern(asof_ns)}"
    own = params.catalyst_score
    if own.function is not None:
        facts = [article_fact(row, news, r, asof_ns, weight=None) for r, row in enumerate(rows)]
        if recorded:
            score, direction = recorded["catalyst_score"], recorded["direction"]
            said = f"{own.name} made of these the score {number(score)}, direction {direction:+.2f}"
            facts.append(Fact(said, {**recorded, "component": own.name}))
        return Section(f"{title}, scored by {own.name}", tuple(facts))
    if not rows:
        return Section(title, (Fact("none, so the score is 0", {"catalyst_score": 0.0}),))
    facts = [*article_facts(rows, news, asof_ns, weights(news, asof_ns, params))]
    total, score, direction = scored(news, asof_ns, params)
    for name, value in (("catalyst_score", score), ("direction", direction)):
        if name in recorded:
            check(f"{name.replace('_', ' ')} of {symbol}", value, recorded[name])
    facts.append(sum_fact(total, score, direction, params))
    return Section(title, tuple(facts))


def sum_fact(total: float, score: float, direction: float, params: Params) -> Fact:
    """Tell how the weights became score and direction."""
    band = params.catalyst.neutral_band
    side = _SIGNS[sign(direction, params)]
    where = "within" if side == "neutral" else "beyond"
    return Fact(
        f"weights sum to {number(total, 3)}: score 100 × (1 − e^−{number(total, 3)}) = "
        f"{number(score)}; mean tone by weight {direction:+.3f}, {where} ±{number(band)}: {side}",
        {
            "weight_sum": total,
            "catalyst_score": score,
            "direction": direction,
            "neutral_band": band,
        },
    )


def article_facts(
    rows: list[Row], news: NewsBatch, asof_ns: int, every: list[Weight]
) -> tuple[Fact, ...]:
    """Tell of all articles, the heaviest first; from the sixth on in short, then folded."""
    heaviest = sorted(range(len(rows)), key=lambda r: (-every[r].total, r))
    facts = tuple(
        article_fact(rows[r], news, r, asof_ns, weight=every[r], short=place >= _TOLD_WHOLE)
        for place, r in enumerate(heaviest)
    )
    if len(facts) <= _TOLD + 1:
        return facts
    lighter = sum(every[r].total for r in heaviest[_TOLD:])
    n = len(facts) - _TOLD
    said = f"and {n} lighter ones, their weights sum to {_weight(lighter)}"
    rest = Fact(said, {"articles": n, "weight_of_the_rest": lighter}, folded=facts[_TOLD:])
    return (*facts[:_TOLD], rest)


def article_fact(
    row: Row,
    news: NewsBatch,
    r: int,
    asof_ns: int,
    *,
    weight: Weight | None,
    short: bool = False,
) -> Fact:
    """Tell of one article: what it said, when it could be known, what it weighs."""
    published, known_ns = int(news.published_ns[r]), int(news.known_ns[r])
    first_ns = int(news.first_known_ns[r])
    tier, tone = int(news.tier[r]), float(news.sentiment[r])
    rank = int(news.cluster_rank[r])
    categories = category_names(int(news.categories[r]))
    same_day = eastern(published)[:10] == eastern(known_ns)[:10]
    known_text = eastern(known_ns, date=not same_day)
    assumed = " (assumed)" if row["known_is_assumed"] else ""
    source = visible(row["source"]) or "no source"
    when = f"published {eastern(published, marked=False)}, known {known_text}{assumed}"
    about = Fact(
        f"{source}, tier {tier} · {when} · {span(asof_ns - published)} old · "
        f"{' + '.join(categories) or 'no category'} · tone {tone:+.2f}"
    )
    details = [about]
    if known_ns > first_ns:
        details.append(
            Fact(
                f"revised: this version is known since {eastern(known_ns)}, the first since "
                f"{eastern(first_ns)}",
                mark="warning",
            )
        )
    if known_ns - published > HOUR_NS:
        late = f"late: known {span(known_ns - published)} after publication, so born old"
        details.append(Fact(late, mark="warning"))
    values: dict[str, object] = {
        "news_id": row["news_id"],
        "headline": row["headline"],
        "source": row["source"],
        "url": row["url"],
        "published_at": iso_utc(published),
        "known_at": iso_utc(known_ns),
        "first_known_at": iso_utc(first_ns),
        "known_is_assumed": row["known_is_assumed"],
        "tier": tier,
        "categories": categories,
        "sentiment": tone,
        "cluster_id": row["cluster_id"],
        "cluster_rank": rank,
        "market_state": MarketState(int(news.state[r])).label,
    }
    if weight is not None:
        details.append(_product(weight, news, r))
        values |= {
            "weight": weight.total,
            "tier_weight": weight.tier,
            "decay": weight.decay,
            "category_weight": weight.category,
            "state_weight": weight.state,
            "cluster_weight": weight.cluster,
        }
    if weight is not None and short:
        text = (
            f"{_weight(weight.total)} = {' × '.join(map(_weight, weight.factors))}: {source}, tier "
            f"{tier}, known {eastern(known_ns)}{assumed}, “{visible(row['headline'])}”"
        )
        return Fact(text, values, details=tuple(details[1:-1]))  # type: ignore[arg-type]
    return Fact(f"“{visible(row['headline'])}”", values, details=tuple(details))  # type: ignore[arg-type]


def _weight(x: float) -> str:
    return f"{x:.3f}".rstrip("0").rstrip(".") if x >= 0.1 else f"{x:.3g}"


def _product(weight: Weight, news: NewsBatch, r: int) -> Fact:
    rank = int(news.cluster_rank[r])
    story = "first of its story" if rank == 0 else f"copy {rank} of its story"
    state = _STATES[MarketState(int(news.state[r]))]
    return Fact(
        f"weight {_weight(weight.total)} = {number(weight.tier)} tier × "
        f"{_weight(weight.decay)} age × {number(weight.category)} "
        f"{weight.named or 'no category'} × {number(weight.state)} {state} × "
        f"{number(weight.cluster)} {story}"
    )
