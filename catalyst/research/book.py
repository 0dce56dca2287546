"""A run's tables as one book: its rows in order, and every order and mark in final shares.

Nothing here knows vectorbt; `catalyst.research.portfolio` hands the book to it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import polars as pl

from catalyst.errors import ConservationError, InputError
from catalyst.strategy.values import Flags, Floats, Ints

LEAST_PRICE_USD = 1e-9
"""What a fraction is sold for that was worth less than a micro-dollar: a price must be positive."""

DUST = 2.0**-24
"""Shares of the two orders that carry a dividend.

A power of two, so that adding and removing it leaves a position's bits alone, and far above the
1e-12 below which vectorbt takes an order for none.
"""

# vectorbt calls a position closed within this relative distance; sizes are snapped where it would.
_CLOSED_FRAC = 1e-9
_ADJUSTMENT, _FILL, _LOOK = 0, 1, 2

_COLUMNS = {
    "fills": {"fill_id", "decided_seq", "symbol", "side", "quantity", "price", "fee", "filled_at"},
    "marks": {"seq", "symbol", "price"},
    "adjustments": {
        "ts", "seq", "symbol", "kind", "value", "quantity_before", "quantity_after", "cash",
    },
    "equity": {"ts", "seq", "cash", "positions_value", "equity"},
}  # fmt: skip

_Splits = list[tuple[int, int, float]]


@dataclass(frozen=True)
class Orders:
    """Hold what changes shares or cash, one element an order, a symbol's in time order.

    Attributes
    ----------
    seq, rank : int64
        The decision before which it happened; 0 for a corporate action, 1 for a fill.
    ns : int64
        When it happened, ns UTC.
    col : int64
        Index into the book's symbols.
    size : float64
        Final shares, negative for a sale.
    price : float64
        USD a final share; NaN where the mark is meant.
    fee : float64
        USD; a dividend received is negative.
    """

    seq: Ints
    rank: Ints
    ns: Ints
    col: Ints
    size: Floats
    price: Floats
    fee: Floats

    @property
    def is_fill(self) -> Flags:
        """Tell fills from what corporate actions ordered."""
        is_fill: Flags = self.rank == _FILL
        return is_fill


@dataclass(frozen=True)
class Book:
    """Hold a run's rows, orders and marks.

    Attributes
    ----------
    symbols
        What was traded, ascending: the columns.
    row_ns, row_seq : int64
        Instant of each row (ns UTC, unique, ascending), and its decision.
    row_is_fill, row_is_lasting : bool
        Which rows are fills; which are worth keeping when rows must be few: orders, the first look
        and each session's last.
    orders, order_row
        The orders, and the row of each.
    mark_row, mark_col, mark_price
        Row, column and price (USD a final share, NaN for none) of each mark.
    """

    symbols: tuple[str, ...]
    row_ns: Ints
    row_seq: Ints
    row_is_fill: Flags
    row_is_lasting: Flags
    orders: Orders
    order_row: Ints
    mark_row: Ints
    mark_col: Ints
    mark_price: Floats


def open_book(
    fills: pl.DataFrame, marks: pl.DataFrame, *, adjustments: pl.DataFrame, equity: pl.DataFrame
) -> Book:
    """Put a run's tables into one order: by decision its actions, its fills as listed, its look.

    Parameters
    ----------
    fills, marks, adjustments, equity
        As for `catalyst.research.portfolio.to_vectorbt`.

    Returns
    -------
    Book
        With a row for each order, each look that held something, the first look and each session's
        last.

    Raises
    ------
    InputError
        If a table lacks a column or a row can't be booked.
    ConservationError
        If a split made or lost a whole share, or paid cash the wrong way.
    """
    _check(fills=fills, marks=marks, adjustments=adjustments, equity=equity)
    symbols = tuple(sorted({*fills["symbol"].to_list(), *adjustments["symbol"].to_list()}))
    column = {symbol: i for i, symbol in enumerate(symbols)}
    # Marks of what was never traded are left out; the ledger's value then stands unexplained.
    marks = marks.filter(pl.col("symbol").is_in(symbols))
    mark_seq = ints(marks, "seq")

    look_ns, look_seq = nanoseconds(equity, "ts"), ints(equity, "seq")
    day = equity["ts"].dt.convert_time_zone("America/New_York").dt.date().to_physical().to_numpy()
    lasting = np.append(day[1:] != day[:-1], True)
    lasting[0] = True
    looks = lasting | np.isin(look_seq, mark_seq)
    look_ns, look_seq, lasting = look_ns[looks], look_seq[looks], lasting[looks]

    splits = _splits(adjustments, column)
    parts = (
        _adjustment_orders(adjustments, column, splits),
        _fill_orders(fills, column, splits),
    )
    orders = Orders(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Orders)))
    n_orders = len(orders.seq)
    seq = np.concatenate([orders.seq, look_seq])
    rank = np.concatenate([orders.rank, np.full(len(look_seq), _LOOK)])
    by_row = np.lexsort((rank, seq))
    row = np.empty_like(by_row)
    row[by_row] = np.arange(len(by_row))
    rank = rank[by_row]
    row_is_lasting = rank != _LOOK
    row_is_lasting[row[n_orders:]] = lasting
    mark_col = _columns(marks, column)
    return Book(
        symbols=symbols,
        row_ns=_stamps(np.concatenate([orders.ns, look_ns])[by_row], rank == _LOOK),
        row_seq=seq[by_row],
        row_is_fill=rank == _FILL,
        row_is_lasting=row_is_lasting,
        orders=_snapped(orders, row[:n_orders]),
        order_row=row[:n_orders],
        mark_row=row[n_orders:][np.searchsorted(look_seq, mark_seq)],
        mark_col=mark_col,
        mark_price=usd(marks, "price") / _factor(mark_col, mark_seq, splits),
    )


def usd(table: pl.DataFrame, column: str) -> Floats:
    """Give a column of decimals, whole numbers or floats as float64; NaN for null."""
    return table[column].cast(pl.Float64).to_numpy()


def ints(table: pl.DataFrame, column: str) -> Ints:
    """Give a column of whole numbers as int64."""
    return table[column].cast(pl.Int64).to_numpy()


def nanoseconds(table: pl.DataFrame, column: str) -> Ints:
    """Give a column of instants as int64 ns UTC."""
    return table[column].cast(pl.Datetime("ns", "UTC")).cast(pl.Int64).to_numpy()


def _check(**tables: pl.DataFrame) -> None:
    for name, table in tables.items():
        missing = sorted(_COLUMNS[name] - set(table.columns))
        if missing:
            raise InputError(
                f"table {name} has no column {', '.join(missing)}; "
                "give the tables of one run's folder"
            )
    equity = tables["equity"]
    look_ns, look_seq = nanoseconds(equity, "ts"), ints(equity, "seq")
    if not len(look_ns) or (np.diff(look_ns) <= 0).any() or (np.diff(look_seq) <= 0).any():
        raise InputError(
            f"table equity has {len(look_ns)} rows, and its ts and seq must ascend strictly; "
            "give the tables of one run's folder"
        )
    strange = np.setdiff1d(ints(tables["marks"], "seq"), look_seq)
    if len(strange):
        raise InputError(
            f"table marks has seq {strange[0]}, which is no row of equity; "
            "give the tables of one run's folder"
        )


def _columns(table: pl.DataFrame, column: dict[str, int]) -> Ints:
    return np.array([column[symbol] for symbol in table["symbol"].to_list()], np.int64)


def _splits(adjustments: pl.DataFrame, column: dict[str, int]) -> _Splits:
    """Give (column, seq, ratio) of each split of a held symbol, in order."""
    rows = adjustments.filter(pl.col("kind") == "split").sort("seq", maintain_order=True)
    return [
        (column[symbol], seq, ratio)
        for symbol, seq, ratio in rows.select("symbol", "seq", "value").iter_rows()
    ]


def _factor(col: Ints, seq: Ints, splits: _Splits) -> Floats:
    """Give the final shares in one share of after decision ``seq``'s adjustments."""
    factor = np.ones(len(col))
    for split_col, split_seq, ratio in splits:
        factor[(col == split_col) & (seq < split_seq)] *= ratio
    return factor


def _fill_orders(fills: pl.DataFrame, column: dict[str, int], splits: _Splits) -> Orders:
    price, fee, quantity = usd(fills, "price"), usd(fills, "fee"), usd(fills, "quantity")
    buys = (fills["side"] == "buy").to_numpy()
    sells = (fills["side"] == "sell").to_numpy()
    for wrong, why in (
        (~(buys | sells), "side must be 'buy' or 'sell'"),
        (~((price > 0) & (quantity > 0)), "price and quantity must be positive"),
        (sells & (fee > price * quantity), "vectorbt books no sale for less than its fee"),
    ):
        if wrong.any():
            row = fills.row(int(np.flatnonzero(wrong)[0]), named=True)
            raise InputError(
                f"fill {row['fill_id']}: {row['side']} {row['quantity']} {row['symbol']} at "
                f"{row['price']} USD, fee {row['fee']}: {why}"
            )
    seq, col = ints(fills, "decided_seq"), _columns(fills, column)
    factor = _factor(col, seq, splits)
    return Orders(
        seq=seq,
        rank=np.full(len(seq), _FILL),
        ns=nanoseconds(fills, "filled_at"),
        col=col,
        size=np.where(buys, quantity, -quantity) * factor,
        price=price / factor,
        fee=fee,
    )


def _adjustment_orders(
    adjustments: pl.DataFrame, column: dict[str, int], splits: _Splits
) -> Orders:
    table = adjustments.with_columns(ts=pl.Series(nanoseconds(adjustments, "ts")))
    heads: list[tuple[int, int, int]] = []
    terms: list[tuple[float, float, float]] = []
    n_splits = 0
    for action in table.sort("seq", maintain_order=True).iter_rows(named=True):
        head = (action["seq"], action["ts"], column[action["symbol"]])
        cash, fraction = float(action["cash"]), 0.0
        if action["kind"] == "split":
            n_splits += 1
            fraction = _fraction(action)
            for col, _, ratio in splits[n_splits:]:
                fraction *= ratio if col == head[2] else 1.0
        elif action["kind"] != "dividend":
            raise InputError(
                f"{action['symbol']}: adjustment {action['kind']!r} is neither 'dividend' "
                "nor 'split'; give the tables of one run's folder"
            )
        if fraction:
            heads.append(head)
            terms.append((-fraction, max(abs(cash / fraction), LEAST_PRICE_USD), 0.0))
        elif cash:
            heads += [head, head]
            terms += [(DUST, np.nan, -cash), (-DUST, np.nan, 0.0)]
    head_array = np.array(heads, np.int64).reshape(-1, 3)
    term_array = np.array(terms, np.float64).reshape(-1, 3)
    return Orders(
        seq=head_array[:, 0],
        rank=np.full(len(heads), _ADJUSTMENT),
        ns=head_array[:, 1],
        col=head_array[:, 2],
        size=term_array[:, 0],
        price=term_array[:, 1],
        fee=term_array[:, 2],
    )


def _fraction(action: dict[str, Any]) -> float:
    """Give the shares, signed, that a split left over and that were paid in cash."""
    before, after = float(action["quantity_before"]), float(action["quantity_after"])
    ratio, cash = float(action["value"]), float(action["cash"])
    left = before * ratio - after
    tolerance = _CLOSED_FRAC * max(1.0, abs(after))
    whole = abs(left) < 1.0 + tolerance and left * np.sign(before) >= -tolerance
    if not (whole and ratio > 0 and cash * before >= 0):
        raise ConservationError(
            f"{action['symbol']}: a split {ratio:g}:1 made {after:g} of {before:g} shares and "
            f"{cash:g} USD; expected the whole shares, and cash for less than one"
        )
    return left if abs(left) > tolerance else 0.0


def _snapped(orders: Orders, row: Ints) -> Orders:
    """Let an order that closes a position take all of it, so that no dust of a ratio stays."""
    size, price = orders.size.copy(), orders.price.copy()
    held: dict[int, float] = {}
    for i in np.argsort(row):
        col = int(orders.col[i])
        before = held.get(col, 0.0)
        if 0.0 < abs(before + size[i]) <= _CLOSED_FRAC * abs(before):
            price[i] *= abs(size[i] / before)
            size[i] = -before
        held[col] = before + size[i]
    return replace(orders, size=size, price=price)


def _stamps(ns: Ints, exact: Flags) -> Ints:
    """Make instants unique and ascending: looks keep theirs, others move by nanoseconds."""
    stamps = ns.tolist()
    for i in range(len(stamps) - 2, -1, -1):
        if not exact[i]:
            stamps[i] = min(stamps[i], stamps[i + 1] - 1)
    for i in range(1, len(stamps)):
        stamps[i] = max(stamps[i], stamps[i - 1] + 1)
    return np.array(stamps, np.int64)
