"""Hand-labelled headlines: what was read, what a reading is worth, and by how much that may err."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from catalyst.strategy.params import CATEGORIES

LABELS = Path(__file__).parents[1] / "datasets" / "labels"
SHARED = Path(__file__).parents[2] / "shared" / "data"
#: Of every hundred items these many were read while the tables were written.
TUNE_PERCENT = 40
DIRECTIONS = ("pos", "neg", "neutral")
_NONE = {"", "none"}


@dataclass(frozen=True, slots=True)
class Reading:
    """Hold what someone, or some program, reads in a headline filed under a symbol.

    Attributes
    ----------
    categories
        Catalyst categories.
    tickers
        Companies that are named; each a set of spellings that will do (``GOOG|GOOGL``).
    wrong_link
        Whether the headline is not about the symbol that it is filed under.
    direction
        ``pos``, ``neg`` or ``neutral``.
    """

    categories: frozenset[str]
    tickers: frozenset[frozenset[str]]
    wrong_link: bool
    direction: str


@dataclass(frozen=True, slots=True)
class Item:
    """Hold a headline, the symbol it is filed under, and a person's reading of it."""

    row_id: str
    source_file: str
    symbol: str
    headline: str
    label: Reading

    @property
    def tuned(self) -> bool:
        """Whether it was read while the tables were written; the choice is a hash of its id."""
        return int(hashlib.sha256(self.row_id.encode()).hexdigest(), 16) % 100 < TUNE_PERCENT


def labelled(name: str = "news_labels_a", *, shared: Path = SHARED) -> list[Item]:
    """Join labels with the texts they are about.

    Raises
    ------
    ValueError
        If a text is missing or isn't the one that was labelled.
    """
    texts = {
        folder: dict(
            pl.read_parquet(shared / folder / "news.parquet")
            .select(pl.format("{}:{}", pl.col("id"), pl.col("symbol")), "headline")
            .iter_rows()
        )
        for folder in ("benzinga_headlines", "stocknet", "fnspid")
    }
    items = []
    with (LABELS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            headline = texts[row["source_file"]].get(row["row_id"], "")
            if hashlib.sha256(headline.encode()).hexdigest()[:16] != row["text_hash"]:
                raise ValueError(f"{row['row_id']}: the text is not the one that was labelled")
            symbol = row["row_id"].rpartition(":")[2]
            items.append(Item(row["row_id"], row["source_file"], symbol, headline, _reading(row)))
    return items


def _reading(row: dict[str, str]) -> Reading:
    return Reading(
        categories=frozenset(set(row["categories"].split(";")) - _NONE),
        tickers=frozenset(
            frozenset(_joined(one) for one in spelled.split("|"))
            for spelled in set(row["tickers"].split(";")) - _NONE
        ),
        wrong_link=row["link_ok"] == "no",
        direction=row["direction"],
    )


def _joined(symbol: str) -> str:
    return symbol.replace("-", ".").replace("/", ".")


Counts = np.ndarray[tuple[int, int], np.dtype[np.int64]]
"""Right, too many, too few: one row an item."""


def counts(task: str, truth: Sequence[Reading], found: Sequence[Reading]) -> Counts:
    """Count what is right, too much and missing, item by item.

    Parameters
    ----------
    task
        ``categories``, one category, ``tickers``, ``link``, or one direction.
    truth, found
        Readings of the same items.

    Returns
    -------
    int64[n, 3]
    """
    rows = [_counted(task, one, other) for one, other in zip(truth, found, strict=True)]
    return np.array(rows, dtype=np.int64).reshape(len(rows), 3)


def _counted(task: str, truth: Reading, found: Reading) -> tuple[int, int, int]:
    if task == "tickers":
        right = sum(bool(company & _flat(found.tickers)) for company in truth.tickers)
        extra = sum(not company & _flat(truth.tickers) for company in found.tickers)
        return right, extra, len(truth.tickers) - right
    if task == "link":
        wanted, got = {"w"} if truth.wrong_link else set(), {"w"} if found.wrong_link else set()
    elif task in DIRECTIONS:
        wanted, got = {truth.direction} & {task}, {found.direction} & {task}
    else:
        named = set(CATEGORIES) if task == "categories" else {task}
        wanted, got = set(truth.categories) & named, set(found.categories) & named
    return len(wanted & got), len(got - wanted), len(wanted - got)


def _flat(companies: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*companies)


@dataclass(frozen=True, slots=True)
class Score:
    """Hold precision, recall and F1 of a task with 90 % intervals, and how many labels it has."""

    precision: float
    recall: float
    f1: float
    low: float
    high: float
    support: int


def scored(tables: Sequence[Counts], *, resamples: int = 1_000, seed: int = 0) -> Score:
    """Score one task, or the plain mean over several (macro), with a bootstrap over items.

    Parameters
    ----------
    tables
        `counts` of each task, of the same items.

    Returns
    -------
    Score
        `low` and `high` bound F1: the 5th and 95th percentile over resampled items.
    """
    stacked = np.stack(tables)
    rng = np.random.default_rng(seed)
    n = stacked.shape[1]
    drawn = [_means(stacked[:, rng.integers(0, n, n)].sum(axis=1))[2] for _ in range(resamples)]
    precision, recall, f1 = _means(stacked.sum(axis=1))
    low, high = np.percentile(drawn, [5, 95])
    support = int((stacked[:, :, 0] + stacked[:, :, 2]).sum())
    return Score(precision, recall, f1, float(low), float(high), support)


def _means(sums: Counts) -> tuple[float, float, float]:
    right, extra, missing = (sums[:, k].astype(float) for k in range(3))
    precision = right / np.maximum(right + extra, 1)
    recall = right / np.maximum(right + missing, 1)
    f1 = 2 * right / np.maximum(2 * right + extra + missing, 1)
    return float(precision.mean()), float(recall.mean()), float(f1.mean())


Reader = Callable[[Item], Reading]


def tasks(items: Sequence[Item], read: Reader) -> Iterator[tuple[str, Score]]:
    """Score a reader on every task: all categories, each, tickers, wrong links, directions."""
    truth = [item.label for item in items]
    found = [read(item) for item in items]
    by_category = [counts(name, truth, found) for name in CATEGORIES]
    yield "categories, micro", scored([counts("categories", truth, found)])
    yield "categories, macro", scored(by_category)
    for name, table in zip(CATEGORIES, by_category, strict=True):
        yield f"  {name}", scored([table])
    yield "tickers", scored([counts("tickers", truth, found)])
    yield "wrong link", scored([counts("link", truth, found)])
    yield "direction, macro", scored([counts(name, truth, found) for name in DIRECTIONS])
    for name in DIRECTIONS:
        yield f"  {name}", scored([counts(name, truth, found)])
