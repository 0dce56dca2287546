"""Null worlds: lakes like a given one in which news tells nothing of what prices do next.

A world changes a lake, never the code: whatever claims to find an edge in one is wrong. Each kind
breaks the tie between news and returns at another place, so that what one leaves whole another
breaks.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from catalyst.data.calendar import date_to_day
from catalyst.data.lake import Lake
from catalyst.data.news_store import FOLDER
from catalyst.data.partition import PART, only_writer
from catalyst.data.sample import simulate
from catalyst.data.sample_lake import write_sample
from catalyst.data.synthetic import write_synthetic_note
from catalyst.errors import InputError
from catalyst.research.null_returns import draw_returns
from catalyst.strategy.values import Ints

_NEW_YORK = "America/New_York"
_DIGITS = 16


@dataclass(frozen=True, slots=True)
class SimulatedSize:
    """Hold how large a simulated world is.

    Attributes
    ----------
    symbols, sessions, bar_minutes
        As for `catalyst.data.sample.simulate`.
    """

    symbols: int = 20
    sessions: int = 50
    bar_minutes: int = 15


def simulated_world(root: Path, *, seed: int, size: SimulatedSize, edge_scale: float = 0.0) -> Lake:
    """Write a market of the simulator as a lake.

    Parameters
    ----------
    root
        Its folder.
    seed
        Of all draws.
    size
        How large it is.
    edge_scale
        Size of the planted edge, 1 as in the bundled sample; 0 plants none.
    """
    sample = simulate(
        seed=seed,
        n_symbols=size.symbols,
        n_sessions=size.sessions,
        bar_minutes=size.bar_minutes,
        edge=edge_scale > 0.0,
        edge_scale=edge_scale or 1.0,
    )
    lake = write_sample(sample, root, bar_minutes=size.bar_minutes)
    write_synthetic_note(
        root, {"synthetic": "a simulated world", "edge": edge_scale, "seed": seed, "digest": ""}
    )
    return lake


def null_world(kind: str, lake: Lake, root: Path, *, seed: int, timeframe: str) -> Lake:
    """Write a world without an edge, made of a lake; the same bytes for the same lake and seed.

    Parameters
    ----------
    kind
        One of `KINDS`:

        ``news``: each symbol's days of news are exchanged, those of sessions among sessions and
        those of other days among these, along one cycle, so that none stays. Articles keep symbol
        and time of day, and what came together stays together; published and known move as one,
        and clusters are found anew. Versions of an article after its first are left out.

        ``returns``: sessions of returns, all symbols together, are drawn with replacement in blocks
        of five sessions, and prices are rebuilt of them; news stays. No session is drawn within
        five sessions of itself. Shapes within the day stay; splits and dividends are taken out, and
        bars of other timeframes are left out.

        ``tickers``: each symbol is given another's news, along one cycle of all that have bars.
    lake
        What it is made of.
    root
        The world's folder, not there yet.
    seed
        Of the draws.
    timeframe
        Of the bars that are read.

    Raises
    ------
    InputError
        If there is no such kind, or too little in the lake to exchange.
    LakeError
        If the lake has no such bars, or the world can't be written.
    """
    makers: Mapping[str, Callable[[Lake, Path, str, np.random.Generator], None]] = {
        "news": _news_moved,
        "returns": _returns_drawn,
        "tickers": _tickers_exchanged,
    }
    if kind not in makers:
        raise InputError(f"there is no null world {kind!r} of a lake; expected {', '.join(makers)}")
    digest = lake.digest()
    told = hashlib.sha256(f"{digest}|{kind}|{seed}".encode()).hexdigest()
    makers[kind](lake, root, timeframe, np.random.default_rng(int(told[:_DIGITS], 16)))
    note = {"synthetic": f"a null world ({kind})", "edge": False, "seed": seed, "digest": told}
    write_synthetic_note(root, note)
    return Lake(root)


#: Of a lake.
KINDS = ("news", "returns", "tickers")


def _news_moved(lake: Lake, root: Path, timeframe: str, rng: np.random.Generator) -> None:
    sessions = [date_to_day(day) for day in lake.days(timeframe)]
    inside = set(sessions)
    others = [day for day in range(sessions[0], sessions[-1] + 1) if day not in inside]
    if len(sessions) < 2:
        raise InputError(f"the lake {lake.root} has one session; news can't change its day")
    news = _firsts(lake)
    local = pl.col("known_at").dt.convert_time_zone(_NEW_YORK).dt.date()
    news = news.with_columns(day=local.cast(pl.Int32).cast(pl.Int64))
    moves = []
    for symbol in news["symbol"].unique().sort():
        for days in (sessions, others):
            if len(days) > 1:
                moved = np.array(days, np.int64)[cycle(len(days), rng)]
                moves.append(
                    pl.DataFrame({"symbol": symbol, "day": days, "by": moved - np.array(days)})
                )
    news = news.join(pl.concat(moves), on=["symbol", "day"], how="left", maintain_order="left")
    by = pl.duration(days=pl.col("by").fill_null(0))
    news = news.with_columns(
        # An hour that a change of clocks leaves out is taken as the next.
        _at_local(pl.col(name).dt.convert_time_zone(_NEW_YORK).dt.replace_time_zone(None) + by)
        for name in ("published_at", "known_at")
    )
    _linked(lake, root, ("bars", "actions", "universe"))
    _write_news(root, news.drop("day", "by"))


def _at_local(naive: pl.Expr) -> pl.Expr:
    def placed(expression: pl.Expr) -> pl.Expr:
        return expression.dt.replace_time_zone(
            _NEW_YORK, ambiguous="earliest", non_existent="null"
        ).dt.convert_time_zone("UTC")

    return pl.coalesce(placed(naive), placed(naive + pl.duration(hours=1)))


def _tickers_exchanged(lake: Lake, root: Path, timeframe: str, rng: np.random.Generator) -> None:
    symbols = lake.symbols(timeframe)
    if len(symbols) < 2:
        raise InputError(f"the lake {lake.root} has one symbol; its news can't become another's")
    other = dict(
        zip(symbols, np.array(symbols, object)[cycle(len(symbols), rng)].tolist(), strict=True)
    )
    news = _firsts(lake).filter(pl.col("symbol").is_in(symbols))
    _linked(lake, root, ("bars", "actions", "universe"))
    _write_news(root, news.with_columns(pl.col("symbol").replace_strict(other)))


def _returns_drawn(lake: Lake, root: Path, timeframe: str, rng: np.random.Generator) -> None:
    _linked(lake, root, ("news", "universe"))
    Lake(root, create=True).add_bars(
        draw_returns(lake, timeframe, rng), timeframe=timeframe, file="drawn bars"
    )


def cycle(n: int, rng: np.random.Generator) -> Ints:
    """Return a permutation of one cycle, so that nothing stays where it is: int64[n].

    Source: Sattolo (1986), An algorithm to generate a random cyclic permutation.

    Parameters
    ----------
    n
        At least 2.
    rng
        Source of the draws.
    """
    out = np.arange(n, dtype=np.int64)
    for k in range(n - 1, 0, -1):
        j = int(rng.integers(k))
        out[[j, k]] = out[[k, j]]
    return out


def _firsts(lake: Lake) -> pl.DataFrame:
    """Read the first version of each article of each symbol, as a report that keeps its link."""
    from catalyst.data.enrichment.schema import GIVEN

    news = lake.news().filter(pl.col("symbol") != "")
    first = news.sort("known_at", "news_id", "symbol").unique(
        ["news_id", "symbol"], keep="first", maintain_order=True
    )
    # What a post refers to may come later now; its text says what it repeats.
    return first.select(list(GIVEN)).with_columns(
        link=pl.lit("accepted"), retweet_of_id=pl.lit(None, pl.String)
    )


def _write_news(root: Path, news: pl.DataFrame) -> None:
    from catalyst.data.enrichment import enrich

    # Links were settled in the lake: the text must not send an article back to whom it speaks of.
    found = enrich(news, symbols=frozenset()).news
    dated = found.with_columns(pl.col("known_at").dt.date().alias("day"))
    with only_writer(root) as change:
        for (day,), rows in sorted(
            dated.partition_by("day", as_dict=True, include_key=False).items()
        ):
            change.write_table(f"{FOLDER}/date={day}/{PART}", table=rows.to_arrow())


def _linked(lake: Lake, root: Path, tables: Sequence[str]) -> None:
    """Take tables of a lake as they are: its writers rename, so that a link never changes."""
    root.mkdir(parents=True, exist_ok=True)
    for table in tables:
        if (lake.root / table).is_dir():
            shutil.copytree(lake.root / table, root / table, copy_function=_link)


def _link(source: str, target: str) -> None:
    with suppress(OSError):
        os.link(source, target)
        return
    shutil.copyfile(source, target)
