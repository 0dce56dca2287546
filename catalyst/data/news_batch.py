"""Stored news as the arrays that the strategy reads."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from catalyst.strategy.news import empty_news
from catalyst.strategy.params import CATEGORIES
from catalyst.strategy.values import MarketState, NewsBatch

_STATES = {state.label: int(state) for state in MarketState}


def news_batch(rows: pl.DataFrame, index: Mapping[str, int]) -> NewsBatch:
    """Lay out rows of a lake's news as a batch.

    Parameters
    ----------
    rows
        Columns of `catalyst.data.enrichment.schema.ENRICHED`.
    index
        Position of each symbol; rows of other symbols are left out.

    Returns
    -------
    NewsBatch
        Ascending by (known_ns, news_id).
    """
    if not rows.height:
        return empty_news()
    rows = rows.with_columns(
        known=pl.col("known_at").cast(pl.Int64),
        index=pl.col("symbol").replace_strict(dict(index), default=-1, return_dtype=pl.Int32),
        mask=pl.sum_horizontal(
            *(
                pl.col("categories").list.contains(name).cast(pl.Int32) * (1 << b)
                for b, name in enumerate(CATEGORIES)
            )
        ),
        state=pl.col("market_state").replace_strict(_STATES, return_dtype=pl.Int8),
    ).filter(pl.col("index") >= 0)
    rows = rows.sort("known", "news_id", "index")
    ids = np.array([int(text, 16) for text in rows["news_id"].to_list()], np.uint64)
    known = rows["known"].to_numpy()
    return NewsBatch(
        symbol=rows["index"].to_numpy(),
        news_id=ids,
        published_ns=rows["published_at"].cast(pl.Int64).to_numpy(),
        known_ns=known,
        first_known_ns=known.copy(),
        tier=rows["tier"].cast(pl.Int8).to_numpy(),
        categories=rows["mask"].cast(pl.Int32).to_numpy(),
        state=rows["state"].to_numpy(),
        sentiment=rows["sentiment"].cast(pl.Float64).to_numpy(),
        cluster_rank=rows["cluster_rank"].cast(pl.Int32).to_numpy(),
    )
