"""Times of news that name no time: whole days, whole hours, and days moved by hours."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from catalyst.data.checks.findings import Finding
from catalyst.data.stamps import NEW_YORK_NAME

if TYPE_CHECKING:
    from catalyst.data.checks.thresholds import Thresholds

# Share of each New York hour in a weekday's news, from 00:00: the mean of tweets and newswires in
# the stylised facts of real data.
_USUAL_DAY = np.array(
    (
        *(1.5, 1.2, 1.0, 1.2, 3.3, 2.8, 3.4, 6.1, 8.0, 8.3, 7.9, 6.3),
        *(6.1, 4.7, 4.8, 5.0, 7.8, 4.3, 3.3, 2.3, 1.7, 1.9, 1.5, 1.3),
    )
)
_LONGEST = 12
_KNOWN_TIERS = 4


def date_only_findings(rows: pl.DataFrame, t: Thresholds) -> Iterator[Finding]:
    """Find sources most of whose articles are stamped with a date or a whole hour only."""
    articles = rows.unique(["news_id"], keep="first", maintain_order=True)
    stamp = pl.from_epoch("published", time_unit="ns")
    local = stamp.dt.replace_time_zone("UTC").dt.convert_time_zone(NEW_YORK_NAME)
    articles = articles.with_columns(
        whole_hour=(pl.col("published") % 3_600_000_000_000) == 0,
        utc_midnight=(pl.col("published") % 86_400_000_000_000) == 0,
        minute=local.dt.hour().cast(pl.Int32) * 60 + local.dt.minute(),
    )
    for name in ("provider", "source"):
        found = articles.group_by(name).agg(
            pl.len().alias("n"),
            pl.col("whole_hour").mean(),
            # Dates alone are taken as 20:00 New York time.
            date_only=(
                pl.col("whole_hour")
                & (pl.col("utc_midnight") | pl.col("minute").is_in([0, 20 * 60]))
            ).mean(),
            first=pl.col("published").min(),
            last=pl.col("published").max(),
        )
        found = found.filter(
            (pl.col("n") >= t.date_only_least) & (pl.col("whole_hour") >= t.date_only_frac)
        ).with_columns(pl.col(name).cast(pl.String))
        providers = set(articles["provider"].cast(pl.String).unique())
        for row in found.sort("n", name, descending=[True, False]).iter_rows(named=True):
            who = row[name]
            if name == "source" and who in providers:
                continue
            if name == "provider":
                # Its outlets' stamps are its own.
                articles = articles.filter(pl.col("provider").cast(pl.String) != who)
            dates = row["date_only"] >= t.date_only_frac
            what = "a date and no time" if dates else "a whole hour"
            share = row["date_only"] if dates else row["whole_hour"]
            yield Finding(
                "date_only",
                70 if dates else 55,
                "news",
                who,
                "",
                "",
                _instant(row["first"]),
                _instant(row["last"]),
                row["n"],
                round(share, 4),
                0.02,
                f"{share:.0%} of {who}'s {row['n']} article(s) are stamped with {what}: expected "
                "minutes; their order and the prices after them mean nothing within a day (dates "
                "count as 20:00 New York time)",
            )


def shifted_findings(rows: pl.DataFrame, t: Thresholds) -> Iterator[Finding]:
    """Find providers and outlets whose day lies hours off the others', or off New York's."""
    articles = rows.unique(["news_id"], keep="first", maintain_order=True)
    stamp = pl.from_epoch("published", time_unit="ns")
    local = stamp.dt.replace_time_zone("UTC").dt.convert_time_zone(NEW_YORK_NAME)
    articles = articles.with_columns(
        hour=local.dt.hour().cast(pl.Int32),
        weekday=local.dt.weekday(),
        month=local.dt.strftime("%Y-%m"),
        whole=(pl.col("published") % 3_600_000_000_000) == 0,
    )
    # Dates without a time say nothing of the day.
    timed = articles.filter((pl.col("weekday") <= 5) & ~pl.col("whole"))
    said: set[str] = set()
    for name in ("provider", "source"):
        # An account keeps its own hours; an outlet keeps New York's.
        if name == "source":
            timed = timed.filter(pl.col("tier") <= _KNOWN_TIERS)
        sizes = timed.group_by(name).len().filter(pl.col("len") >= t.profile_least_rows)
        for who in sorted(sizes[name].cast(pl.String).to_list()):
            own = pl.col(name).cast(pl.String) == who
            group = timed.filter(own)
            if who in said or (name == "source" and group.height > 0.9 * timed.height):
                continue
            others = timed.filter(~own)
            usual = _profile(others) if others.height >= 5 * t.profile_least_rows else _USUAL_DAY
            for part, label in _parts(group, t):
                step, gain = _shift(_profile(part), usual)
                alone, _ = _shift(_profile(part), _USUAL_DAY)
                if gain > t.profile_gain and abs(step) >= 2 and np.sign(alone) == np.sign(step):
                    said.add(who)
                    yield _shifted(who, part, label, step, gain)
                    if not label:
                        break


def _parts(group: pl.DataFrame, t: Thresholds) -> Iterator[tuple[pl.DataFrame, str]]:
    yield group, ""
    months = group.group_by("month").len().filter(pl.col("len") >= t.profile_least_rows)
    for month in sorted(months["month"].to_list()):
        yield group.filter(pl.col("month") == month), month


def _profile(articles: pl.DataFrame) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.bincount(articles["hour"].to_numpy(), minlength=24).astype(
        np.float64
    )
    return found


def _shift(own: NDArray[np.float64], usual: NDArray[np.float64]) -> tuple[int, float]:
    """Find by how many hours a day must be moved back to fit best, and how much better it fits."""
    fits = [
        float(np.corrcoef(np.roll(own, -step), usual)[0, 1])
        for step in range(-_LONGEST + 1, _LONGEST + 1)
    ]
    best = int(np.argmax(fits))
    return best - _LONGEST + 1, fits[best] - fits[_LONGEST - 1]


def _shifted(who: str, part: pl.DataFrame, label: str, step: int, gain: float) -> Finding:
    first, last = (int(part["published"].min()), int(part["published"].max()))  # type: ignore[arg-type]
    when = f"in {label} " if label else ""
    return Finding(
        "shifted_news",
        78,
        "news",
        who,
        "",
        "",
        _instant(first),
        _instant(last),
        part.height,
        float(step),
        0.0,
        f"{who}'s day of {part.height} article(s) lies {when}about {abs(step)} hour(s) too "
        f"{'late' if step > 0 else 'early'}: expected news to rise before the New York open and to "
        f"rest at night (fits better by {gain:.2f} when moved back); import it again with the "
        "right --tz",
    )


def _instant(ns: int) -> str:
    return dt.datetime.fromtimestamp(ns // 1_000_000_000, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
