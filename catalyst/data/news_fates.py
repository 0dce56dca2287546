"""What becomes of given reports: imported, known already, wrongly linked, or contradicting another.

A row may have several links; it is imported if one of them is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalyst.data.news_intake import ACCEPTED, NewsRule
from catalyst.data.news_store import FOLDER
from catalyst.data.quarantine import Rejected

if TYPE_CHECKING:
    import polars as pl

#: In place of the number of a given row: the row is stored.
STORED_ROW = -1

_KEY = ("news_id", "symbol", "known_at")
_CONTENT = ("headline", "url", "author")
_LEFT_OUT = ("url", "author")


@dataclass(slots=True)
class NewsCounts:
    """Count what became of the rows of an import."""

    imported: int = 0
    duplicates: int = 0
    links_added: int = 0
    links_dropped: int = 0


def without_conflicts(new: pl.DataFrame, stored: pl.DataFrame) -> tuple[pl.DataFrame, list[int]]:
    """Take out the links that contradict one with their key; give the rest, and their rows."""
    import polars as pl

    if not new.height:
        return new, []
    keyed = new.select(*_KEY[1:], *_CONTENT, "row").with_columns(article_ids(new))
    if not stored.height and not keyed.select(_KEY).is_duplicated().any():
        return new, []
    before = stored.select(*_KEY, *_CONTENT)
    links = keyed.with_row_index("at")
    same_link = links.join(before, on=_KEY, how="inner", suffix="_told")
    # A row without a link stands under those that its text makes.
    unlinked = links.filter(pl.col("symbol").is_null())
    same_article = unlinked.join(before, on=["news_id", "known_at"], how="inner", suffix="_told")
    pairs = pl.concat([same_link, same_article], how="diagonal")
    alone = links.filter(~pl.col("at").is_in(pairs["at"].implode()))
    firsts = alone.unique(_KEY, keep="first", maintain_order=True)
    within = alone.join(firsts, on=_KEY, how="inner", nulls_equal=True, suffix="_told")
    # What a row leaves out contradicts nothing, and is what the other says: else the row that says
    # less might take the place of the one that says more.
    differs = pl.any_horizontal(
        pl.col(name).is_not_null() & pl.col(name).ne_missing(pl.col(f"{name}_told"))
        for name in _CONTENT
    )
    pairs = pl.concat([pairs, within], how="diagonal").with_columns(differs=differs)
    told = pairs.group_by("at").agg(
        pl.col("differs").all(),
        *(pl.col(f"{name}_told").filter(~pl.col("differs")).first() for name in _LEFT_OUT),
    )
    filled = new.with_row_index("at").join(told, on="at", how="left", maintain_order="left")
    filled = filled.with_columns(pl.coalesce(name, f"{name}_told") for name in _LEFT_OUT)
    against = filled.filter("differs")["row"].to_list()
    return filled.filter(~pl.col("differs")).select(new.columns), against


def fates(
    mislinked: pl.DataFrame, duplicates: pl.DataFrame, new: pl.DataFrame, stored: pl.DataFrame
) -> tuple[list[int], list[int]]:
    """List the rows of links that are wrong, and of those that only repeat what is known."""
    import polars as pl

    wrong = mislinked.filter(pl.col("row") != STORED_ROW)
    accepted = stored.filter(pl.col("link") == ACCEPTED)
    repeated = duplicates.filter(pl.col("row") != STORED_ROW)["row"].to_list()
    repeated += _made_again(new, stored)
    if accepted.height and wrong.height:
        # The user has judged this link before.
        named = wrong.with_columns(article_ids(wrong))
        known = named.join(accepted.select(_KEY), on=_KEY, how="semi")
        repeated += known["row"].to_list()
        wrong = named.join(accepted.select(_KEY), on=_KEY, how="anti")
    return wrong["row"].to_list(), repeated


def account(
    new: pl.DataFrame,
    wrong: Sequence[int],
    repeated: Sequence[int],
    against: Sequence[int],
    files: Sequence[tuple[str, str]],
    counts: NewsCounts,
    rejected: Rejected,
) -> None:
    """Say of each given row what became of it: of several links one suffices to be imported."""
    import polars as pl

    def count(rows: Sequence[int], name: str) -> pl.DataFrame:
        return pl.DataFrame({"row": rows}, schema={"row": pl.Int64}).group_by("row").len(name)

    per_row = new.group_by("row", maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("links"),
        pl.col("file", "line").first(),
        pl.coalesce("text", "raw").first().alias("text"),
    )
    for rows, name in ((wrong, "wrong"), (repeated, "repeated"), (against, "against")):
        per_row = per_row.join(count(rows, name), on="row", how="left", maintain_order="left")
    not_new = ("wrong", "repeated", "against")
    per_row = per_row.with_columns(pl.col(not_new).fill_null(0).cast(pl.Int64))
    imported = pl.col("links") > pl.sum_horizontal(not_new)
    fate = per_row.select(
        pl.when(imported)
        .then(pl.lit("imported"))
        .when(pl.col("against") > 0)
        .then(pl.lit(NewsRule.CONFLICT.label))
        .when(pl.col("repeated") > 0)
        .then(pl.lit("repeated"))
        .otherwise(pl.lit(NewsRule.MISLINKED.label))
    ).to_series()
    per_row = per_row.with_columns(fate.alias("fate"))
    stays = per_row.filter(pl.col("fate").is_in(["imported", "repeated"]))
    counts.imported += int((fate == "imported").sum())
    counts.duplicates += int((fate == "repeated").sum())
    counts.links_dropped += int(stays.select(pl.col("wrong", "against").sum()).sum_horizontal()[0])
    leaves = per_row.filter(~pl.col("fate").is_in(["imported", "repeated"]))
    for (number,), part in leaves.partition_by("file", as_dict=True, maintain_order=True).items():
        file, options = files[number]
        rejected.add(
            file,
            lines=part["line"].to_list(),
            rules=part["fate"].to_list(),
            texts=part["text"].to_list(),
            options=options,
        )


def reject_stored(rejected: Rejected, mislinked: pl.DataFrame, date: dt.date) -> None:
    """Put stored rows into quarantine whose link is wrong by the tables of now."""
    import polars as pl

    left = mislinked
    if "row" in left.columns:
        left = left.filter(pl.col("row") == STORED_ROW)
    rejected.add(
        f"{FOLDER}/date={date}",
        lines=[0] * left.height,
        rules=[NewsRule.MISLINKED.label] * left.height,
        texts=[raw or "{}" for raw in left["raw"]],
        is_given=False,
    )


def _made_again(new: pl.DataFrame, stored: pl.DataFrame) -> list[int]:
    """Find the given links that enrichment once made, where the lake or a row before has them."""
    import polars as pl

    key = ["news_id", "symbol", "known_at"]
    made = new.filter(pl.col("link").is_in(["cashtag", "name"]).fill_null(value=False))
    if not made.height:
        return []
    made = made.with_columns(article_ids(made))
    again = made.join(stored.select(key), on=key, how="semi")["row"].to_list()
    twice = made.filter(pl.struct(key).is_first_distinct().not_())["row"].to_list()
    return sorted({*again, *twice})


def article_ids(fed: pl.DataFrame) -> pl.Series:
    """Give the `news_id` of each row."""
    import polars as pl

    from catalyst.data.enrichment import news_id

    columns = fed.select("headline", "source", pl.col("published_at").dt.timestamp("ns")).rows()
    ids = [news_id(headline, source, published_ns=ns) for headline, source, ns in columns]
    return pl.Series("news_id", ids, dtype=pl.String)
