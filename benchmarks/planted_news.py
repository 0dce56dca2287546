"""Faults of news feeds, planted in clean articles before import."""
# ruff: noqa: ARG001 - all changes to rows have one signature, whatever they need of it

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.random import Generator

from benchmarks.planted_faults import Expected, Plant, World
from catalyst.data.calendar import date_to_day, sessions

OUTLETS = ("Reuters", "Bloomberg", "WSJ", "MarketWatch", "Benzinga")
_WORDS = [
    *("amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "harbor", "inlet"),
    *("jasper", "kelp", "lagoon", "marsh", "nectar", "orchard", "prairie", "quartz", "river"),
    *("summit", "tundra", "upland", "valley", "willow", "yarrow", "zephyr", "anchor", "beacon"),
    *("canyon"),
]
# Share of each New York hour in a day's news, from 00:00.
_HOURS = np.array(
    (
        *(1.5, 1.2, 1.0, 1.2, 3.3, 2.8, 3.4, 6.1, 8.0, 8.3, 7.9, 6.3),
        *(6.1, 4.7, 4.8, 5.0, 7.8, 4.3, 3.3, 2.3, 1.7, 1.9, 1.5, 1.3),
    )
)


def clean_news(
    *, n_symbols: int, n_days: int, a_day: float, seed: int, first: dt.date = dt.date(2022, 1, 3)
) -> World:
    """Invent articles of two providers, each with words of its own and nothing wrong."""
    rng = np.random.default_rng(seed)
    symbols = [f"QA{chr(65 + n // 26)}{chr(65 + n % 26)}" for n in range(n_symbols)]
    parts = []
    for provider, sources, share in (
        ("wire", OUTLETS, 0.5),
        ("social", [f"{a}_{b}" for a in _WORDS[:12] for b in _WORDS[12:20]], 0.5),
    ):
        for number in range(n_days):
            day = first + dt.timedelta(number)
            quiet = (0.1 if provider == "wire" else 0.5) if day.weekday() >= 5 else 1.0
            n = int(rng.negative_binomial(12, 12 / (12 + a_day * share * quiet)))
            hours = rng.choice(24, n, p=_HOURS / _HOURS.sum())
            seconds = hours * 3600 + rng.integers(0, 3600, n)
            local = dt.datetime(day.year, day.month, day.day)  # noqa: DTZ001 - New York time
            who = [str(rng.choice(sources)) for _ in range(n)]
            about = [str(rng.choice(symbols)) for _ in range(n)]
            parts.append(
                pl.DataFrame(
                    {
                        "headline": [f"${one} {_sentence(rng)}" for one in about],
                        "published_at": [local + dt.timedelta(seconds=int(s)) for s in seconds],
                        "symbol": about,
                        "source": who,
                        "provider": [provider] * n,
                    },
                    schema_overrides={"published_at": pl.Datetime("us")},
                )
            )
    news = pl.concat(parts).with_columns(
        pl.col("published_at")
        .dt.replace_time_zone("America/New_York", ambiguous="earliest", non_existent="null")
        .dt.convert_time_zone("UTC")
    )
    return World(news=news.drop_nulls("published_at"))


def _sentence(rng: Generator) -> str:
    words = " ".join(rng.choice(_WORDS, 7))
    return f"{words} {int(rng.integers(1_000_000))}"


def _news(world: World) -> pl.DataFrame:
    if world.news is None:
        raise ValueError("a world without news has none to change")
    return world.news


def _days(news: pl.DataFrame, rng: Generator, n: int, *, apart: int = 3) -> list[dt.date]:
    days = news["published_at"].dt.date().unique().sort().to_list()
    usable = [day for day in days[8:-8] if date_to_day(day) in set(sessions().day.tolist())]
    picked: list[dt.date] = []
    for day in rng.permutation(np.array(usable)).tolist():
        if all(abs((day - other).days) > apart for other in picked):
            picked.append(day)
        if len(picked) == n:
            break
    return picked


def _at(news: pl.DataFrame, day: dt.date) -> pl.Expr:
    return pl.col("published_at").dt.date() == day


def _plant(
    kinds: str,
    change: Callable[[pl.DataFrame, Generator, dt.date, int], tuple[pl.DataFrame, str, str]],
) -> Plant:
    wanted = frozenset(kinds.split())

    def plant(world: World, rng: Generator, n: int) -> World:
        news = _news(world)
        expected = []
        for number, day in enumerate(_days(news, rng, n)):
            news, symbol, source = change(news, rng, day, number)
            last = day + dt.timedelta(days=55) if "republished" in wanted else day
            expected.append(Expected(wanted, symbol, source, day, last))
        return replace(world, news=news, expected=tuple(expected))

    return plant


def _silent(news: pl.DataFrame, rng: Generator, day: dt.date, number: int) -> tuple:  # type: ignore[type-arg]
    who = _provider(news, number)
    return news.filter(~(_at(news, day) & (pl.col("provider") == who))), "", who


def _moved_away(news: pl.DataFrame, rng: Generator, day: dt.date, number: int) -> tuple:  # type: ignore[type-arg]
    who = _provider(news, number)
    rows = _at(news, day) & (pl.col("provider") == who)
    moved = pl.col("published_at") + pl.duration(days=1)
    return (
        news.with_columns(published_at=pl.when(rows).then(moved).otherwise("published_at")),
        "",
        who,
    )


def _provider(news: pl.DataFrame, number: int) -> str:
    names = news["provider"].unique().sort().to_list()
    return str(names[number % len(names)])


def _like(news: pl.DataFrame, rng: Generator, day: dt.date) -> dict[str, object]:
    # What is filed under a word goes to quarantine, with what is planted in it.
    rows = news.filter(_at(news, day) & ~pl.col("symbol").is_in(["", "D", "T", "V", "UN", "MO"]))
    return rows.row(int(rng.integers(0, rows.height)), named=True)


def _added(news: pl.DataFrame, rows: list[dict[str, object]]) -> pl.DataFrame:
    return pl.concat([news, pl.DataFrame(rows, schema=news.schema)], how="vertical")


def _later(moment: object, seconds: float) -> dt.datetime:
    if not isinstance(moment, dt.datetime):
        raise TypeError(f"{moment} is no time")
    return moment + dt.timedelta(seconds=seconds)


def _flood(prefix: str, n_least: int) -> Callable[..., tuple]:  # type: ignore[type-arg]
    def change(news: pl.DataFrame, rng: Generator, day: dt.date, number: int) -> tuple:  # type: ignore[type-arg]
        row = _like(news, rng, day)
        copies = [
            row
            | {
                "headline": f"{prefix}{row['headline']}",
                "source": f"copier{number}x{k}",
                "published_at": _later(row["published_at"], float(rng.uniform(1, 7200))),
            }
            for k in range(n_least + 5 * number)
        ]
        return _added(news, copies), str(row["symbol"]), ""

    return change


def _robot(news: pl.DataFrame, rng: Generator, day: dt.date, number: int) -> tuple:  # type: ignore[type-arg]
    row = _like(news, rng, day)
    who = f"robot_{_WORDS[number % len(_WORDS)]}"
    copies = [
        row | {"source": who, "published_at": _later(row["published_at"], 600.0 * (k + 1))}
        for k in range(6 + number)
    ]
    return _added(news, copies), str(row["symbol"]), who


FAKES = (
    "fakeCNBC", "C_N_B_C", "\uff23\uff2e\uff22\uff23", "CNBC_News1", "R\u0435uters", "Bl00mberg",
    "Reutters", "realWSJ", "The_Reuters_Live", "Bloomberg.News1", "WSJ_Breaking", "MarketWatch_",
)  # fmt: skip


def _impersonate(news: pl.DataFrame, rng: Generator, day: dt.date, number: int) -> tuple:  # type: ignore[type-arg]
    row = _like(news, rng, day)
    who = FAKES[number % len(FAKES)]
    later = _later(row["published_at"], 30.0)
    headline = f"{row['headline']} {_sentence(rng)}"
    fake = row | {"source": who, "headline": headline, "published_at": later}
    return _added(news, [fake]), str(row["symbol"]), who


def _again(days: tuple[float, ...]) -> Callable[..., tuple]:  # type: ignore[type-arg]
    def change(news: pl.DataFrame, rng: Generator, day: dt.date, number: int) -> tuple:  # type: ignore[type-arg]
        row = _like(news, rng, day)
        later = _later(row["published_at"], 86_400 * days[number % len(days)])
        return _added(news, [row | {"published_at": later}]), "", ""

    return change


def stale_retweets(world: World, rng: Generator, n: int) -> World:
    """Pass on posts of 40 to 400 days before, named by ids that hold their time."""
    news = _news(world)
    if "id" not in news.columns:
        news = news.with_columns(id=pl.lit(None, pl.String), retweet_of_id=pl.lit(None, pl.String))
    expected, rows = [], []
    for number, day in enumerate(_days(news, rng, n)):
        row = _like(news, rng, day)
        posted = _later(row["published_at"], -86_400 * float(rng.uniform(40, 400)))
        number_of = (int(posted.timestamp() * 1000) - 1_288_834_974_657) << 22
        own = row | {"retweet_of_id": str(number_of), "headline": f"RT @old_one: {_sentence(rng)}"}
        rows.append(own | {"source": f"late{number}"})
        provider = str(row["provider"])
        expected.append(Expected(frozenset({"stale_news"}), "", provider, day, day))
    return replace(world, news=_added(news, rows), expected=tuple(expected))


def known_late(world: World, rng: Generator, n: int) -> World:
    """Say that some articles were collected days later."""
    news = _news(world)
    expected = []
    late = pl.lit(value=False)
    for day in _days(news, rng, n):
        late |= (_at(news, day)) & (pl.int_range(pl.len()) % 7 == 0)
        expected.append(Expected(frozenset({"stale_news"}), "", "", day, day))
    delay = pl.when(late).then(pl.duration(days=9)).otherwise(pl.duration(seconds=20))
    news = news.with_columns(collected_at=pl.col("published_at") + delay)
    return replace(world, news=news, expected=tuple(expected))


def mislink(world: World, rng: Generator, n: int) -> World:
    """File articles that name another company under a symbol."""
    news = _news(world)
    often = news["symbol"].value_counts().filter(pl.col("count") >= 40)["symbol"]
    symbols = rng.permutation(often.sort().to_numpy()).tolist()[:n]
    wrong = pl.col("symbol").is_in(symbols) & pl.Series(rng.random(news.height) < 0.3)
    other = pl.col("headline").str.replace(r"\$\w+", "$$OTHR")
    news = news.with_columns(headline=pl.when(wrong).then(other).otherwise("headline"))
    day = news["published_at"].dt.date().min()
    when = (day, day) if isinstance(day, dt.date) else (dt.date.min, dt.date.max)
    expected = [Expected(frozenset({"mislinked"}), one, "", *when) for one in symbols]
    return replace(world, news=news, expected=tuple(expected))


def _whole_provider(kinds: str, change: Callable[[pl.Expr], pl.Expr]) -> Plant:
    def plant(world: World, rng: Generator, n: int) -> World:
        news = _news(world)
        who = _provider(news, int(rng.integers(2)))
        stamp = pl.when(pl.col("provider") == who).then(change(pl.col("published_at")))
        news = news.with_columns(published_at=stamp.otherwise("published_at"))
        first, last = (news["published_at"].dt.date().sort()[place] for place in (0, -1))
        expected = (Expected(frozenset(kinds.split()), "", who, first, last),)
        return replace(world, news=news, expected=expected)

    return plant


NEWS: dict[str, Plant] = {
    "a provider's day left out": _plant("news_outage", _silent),
    "a provider's day moved away": _plant("news_outage", _moved_away),
    "passed on many times": _plant("retweet_flood", _flood("RT @first_one: ", 25)),
    "copied many times": _plant("copy_flood retweet_flood", _flood("", 25)),
    "an account repeats itself": _plant("repeating_author copy_flood", _robot),
    "impersonators": _plant("impersonator", _impersonate),
    "told again after days": _plant("republished", _again((3.0, 10.0, 30.0, 50.0))),
    "old posts passed on": stale_retweets,
    "known days later": known_late,
    "wrong links": mislink,
    "dates only": _whole_provider("date_only", lambda ts: ts.dt.truncate("1d")),
    "another clock (+5 h)": _whole_provider("shifted_news", lambda ts: ts.dt.offset_by("5h")),
    "another clock (-4 h)": _whole_provider("shifted_news", lambda ts: ts.dt.offset_by("-4h")),
}
