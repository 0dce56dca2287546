"""A run's tables as a vectorbt Portfolio of the same fills, and the proof that both accounts agree.

vectorbt is under the Commons Clause and takes seconds to import, so it is imported here alone, and
only when one of these functions is called.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from catalyst.errors import InputError
from catalyst.research.book import LEAST_PRICE_USD, Book, nanoseconds, open_book, usd
from catalyst.strategy.values import Flags, Floats, Ints

if TYPE_CHECKING:
    import vectorbt as vbt

MAX_CELLS = 8_000_000
"""Rows x columns given to vectorbt at once: 64 MB an array, and it keeps about ten of them."""

# Symbols that `verify` hands over at a time, so that most rows can be left out: 400 symbols and
# 57,600 looks took 5 s and 0.15 GB so, and 24 s and 1.1 GB with every row.
_TURN = 32
_DAY_NS = 86_400_000_000_000
_CENT_USD = 0.005


@dataclass(frozen=True)
class Verification:
    """Hold what comparing a run's ledger with vectorbt's account of the same fills found.

    Attributes
    ----------
    rows
        Rows of ``equity`` compared: all of them.
    worst_usd
        Largest absolute difference of cash, of the positions' value or of equity at any row.
    first_bad_ns
        Instant (ns UTC) of the first row that differs by half a cent or more; None if none does.
    final_usd
        vectorbt's equity less the ledger's at the last row.
    fees_usd, ledger_fees_usd
        Fees of vectorbt's orders, dividends left out, and of the fills.
    trades
        Positions that vectorbt saw closed.
    realised_usd, open_usd
        Profit of closed and of open positions by vectorbt's trade records, after fees, dividends
        included.
    unexplained_usd
        Initial cash plus both profits less the ledger's last equity.
    """

    rows: int
    worst_usd: float
    first_bad_ns: int | None
    final_usd: float
    fees_usd: float
    ledger_fees_usd: float
    trades: int
    realised_usd: float
    open_usd: float
    unexplained_usd: float

    @property
    def ok(self) -> bool:
        """Tell whether ledger, fees and profits all agree to the cent, at every row and the end."""
        fees_usd = self.fees_usd - self.ledger_fees_usd
        gaps = (self.worst_usd, self.final_usd, fees_usd, self.unexplained_usd)
        return self.rows > 0 and all(abs(gap) < _CENT_USD for gap in gaps)


def to_vectorbt(
    fills: pl.DataFrame,
    marks: pl.DataFrame,
    *,
    adjustments: pl.DataFrame,
    equity: pl.DataFrame,
    initial_cash_usd: float,
    max_cells: int = MAX_CELLS,
) -> vbt.Portfolio:
    """Make a vectorbt Portfolio of a run's fills.

    Rows are, decision by decision, its corporate actions, its fills in the order of the table, and
    its look if something was held; the first look and each session's last are always there. So
    several fills of one bar are several rows. Columns are the traded symbols, ascending, in one
    group that shares the cash. Orders have the fill's amount, price and fee, no slippage and no
    limit of cash, because what could be bought was decided by the risk gate.

    Parameters
    ----------
    fills
        Rows in the order in which they happened: fill_id, decided_seq (the decision that received
        it), symbol, side (``buy`` or ``sell``), quantity (shares), price (USD), fee (USD),
        filled_at.
    marks
        seq, symbol, price (USD, last known close in the shares of that instant): what was held at
        each look. A NaN keeps the mark before.
    adjustments
        ts, seq, symbol, kind (``dividend`` or ``split``), value (USD a share, or new shares for one
        old), quantity_before, quantity_after (signed), cash (USD, signed); what a decision applied
        before its fills.
    equity
        ts, seq, cash, positions_value, equity (USD): one row per look, ascending.
    initial_cash_usd
        Cash before the first row.
    max_cells
        Rows x columns above which, of the looks, only the first and each session's last are kept,
        with a warning.

    Returns
    -------
    vectorbt.Portfolio
        ``value()`` equals the ledger's equity to the cent at each look.

    Raises
    ------
    InputError
        If a table lacks a column, nothing was filled, or a row can't be booked.
    ConservationError
        If a split made or lost a whole share, or paid cash the wrong way.

    Warns
    -----
    UserWarning
        If looks are left out because of ``max_cells``.

    Notes
    -----
    *Stamps.* vectorbt wants one row per instant. A look keeps its exact instant; fills and actions
    that share one are moved by as many nanoseconds as their order needs.

    *Splits.* Everything before a split of a held symbol is told in its final shares: quantity x
    ratio, price / ratio. Cash paid for a fraction of a share is a sale of that fraction.

    *Dividends.* vectorbt 1.2 has no cash flow besides orders. A dividend is two orders of 2**-24
    shares, bought and sold at the mark, the first with the dividend as a fee below zero (above, for
    a short). So the position's profit includes it and ``trades`` counts nothing more, but
    ``orders`` and "Total Fees Paid" include it too; `Verification.fees_usd` doesn't.

    *Trades* are positions, from flat to flat, as in the run's own table. Between two looks a symbol
    is valued at its last fill or mark. Its price is constant while it isn't held, so vectorbt's
    benchmark says nothing; ``summary.json`` has real ones.

    *Frequency* is the mean distance of rows in calendar time, so that ratios annualise by what was
    earned and risked in a year; vectorbt counts durations in rows, so they are approximate.
    """
    book = open_book(fills, marks, adjustments=adjustments, equity=equity)
    if not book.symbols:
        raise InputError(
            "the run has 0 fills, and a portfolio needs one; its summary names the rule that binds"
        )
    keep = np.ones(len(book.row_ns), np.bool_)
    if len(keep) * len(book.symbols) > max_cells:
        keep = book.row_is_lasting
        warnings.warn(
            f"{len(book.row_ns)} rows x {len(book.symbols)} symbols are more than {max_cells} "
            "cells: of the looks, only the first and each session's last are kept",
            stacklevel=2,
        )
    return _portfolio(book, np.arange(len(book.symbols)), keep, initial_cash_usd)


def verify(
    fills: pl.DataFrame,
    marks: pl.DataFrame,
    *,
    adjustments: pl.DataFrame,
    equity: pl.DataFrame,
    initial_cash_usd: float,
) -> Verification:
    """Compare a run's ledger with vectorbt's account of the same fills, at every row of ``equity``.

    Parameters
    ----------
    fills, marks, adjustments, equity, initial_cash_usd
        As for `to_vectorbt`.

    Returns
    -------
    Verification
        Its ``ok`` says whether both agree to the cent. A run without fills is compared with its
        initial cash.

    Raises
    ------
    InputError
        If a table lacks a column or a row can't be booked.
    ConservationError
        If a split made or lost a whole share, or paid cash the wrong way.
    """
    book = open_book(fills, marks, adjustments=adjustments, equity=equity)
    cash = np.full(len(book.row_ns), initial_cash_usd)
    value = cash.copy()
    fees_usd = realised_usd = open_usd = 0.0
    trades = 0
    for first in range(0, len(book.symbols), _TURN):
        cols = np.arange(first, min(first + _TURN, len(book.symbols)))
        # In other rows than these, nothing of the turn's symbols changes.
        keep = np.zeros(len(cash), np.bool_)
        keep[book.order_row[np.isin(book.orders.col, cols)]] = True
        keep[book.mark_row[np.isin(book.mark_col, cols)]] = True
        if not keep.any():
            continue
        portfolio = _portfolio(book, cols, keep, 0.0)
        since = np.cumsum(keep)
        cash += np.append(0.0, portfolio.cash().to_numpy())[since]
        value += np.append(0.0, portfolio.value().to_numpy())[since]
        orders = portfolio.order_records
        is_fill = book.row_is_fill[keep][orders["idx"]]
        fees_usd += float(orders["fees"][is_fill].sum())
        positions = portfolio.positions
        realised_usd += float(positions.closed.pnl.values.sum())
        open_usd += float(positions.open.pnl.values.sum())
        trades += len(positions.closed.values)
    # A look without a row of its own held nothing, so both are what they were.
    at = np.searchsorted(book.row_seq, equity["seq"].to_numpy(), side="right") - 1
    cash, value = cash[at], value[at]
    gaps = np.stack((
        cash - usd(equity, "cash"),
        value - cash - usd(equity, "positions_value"),
        value - usd(equity, "equity"),
    ))  # fmt: skip
    worst = np.abs(gaps).max(axis=0)
    bad = np.flatnonzero(~(worst < _CENT_USD))
    return Verification(
        rows=len(worst),
        worst_usd=float(worst.max()),
        first_bad_ns=int(nanoseconds(equity, "ts")[bad[0]]) if len(bad) else None,
        final_usd=float(gaps[2, -1]),
        fees_usd=fees_usd,
        ledger_fees_usd=float(usd(fills, "fee").sum()),
        trades=trades,
        realised_usd=realised_usd,
        open_usd=open_usd,
        unexplained_usd=float(
            initial_cash_usd + realised_usd + open_usd - usd(equity, "equity")[-1]
        ),
    )


def _portfolio(book: Book, cols: Ints, keep: Flags, initial_cash_usd: float) -> vbt.Portfolio:
    """Hand some columns and rows to vectorbt; ``keep`` holds all rows that have an order."""
    import pandas as pd
    import vectorbt as vbt

    close = np.empty((int(keep.sum()), len(cols)))
    size = np.full(close.shape, np.nan)
    price = np.full(close.shape, np.nan)
    fee = np.zeros(close.shape)
    new_row = np.cumsum(keep) - 1
    orders = book.orders
    n_orders = 0
    for j, col in enumerate(cols):
        marked = book.mark_col == col
        ordered = np.flatnonzero(orders.col == col)
        filled = ordered[orders.is_fill[ordered]]
        n_orders += len(ordered)
        series = np.full(len(keep), np.nan)
        series[book.mark_row[marked]] = book.mark_price[marked]
        series[book.order_row[filled]] = orders.price[filled]
        close[:, j] = _carried(series)[keep]
        at = new_row[book.order_row[ordered]]
        size[at, j] = orders.size[ordered]
        price[at, j] = np.where(
            np.isnan(orders.price[ordered]), close[at, j], orders.price[ordered]
        )
        fee[at, j] = orders.fee[ordered]
    stamps = book.row_ns[keep]
    spacing_ns = int(stamps[-1] - stamps[0]) // max(1, len(stamps) - 1)
    portfolio = vbt.Portfolio.from_orders(
        pd.DataFrame(
            close,
            index=pd.DatetimeIndex(stamps.view("M8[ns]"), name="ts").tz_localize("UTC"),
            columns=pd.Index([book.symbols[c] for c in cols], name="symbol"),
        ),
        size=size,
        size_type="amount",
        direction="both",
        price=price,
        fees=0.0,
        fixed_fees=fee,
        slippage=0.0,
        # With finite cash vectorbt would cut an order to what is left, and a short that went wrong
        # may leave less than nothing. Its account starts from the real cash below.
        init_cash=np.inf,
        cash_sharing=True,
        group_by=True,
        allow_partial=False,
        raise_reject=True,
        max_orders=max(1, n_orders),
        trades_type="positions",
        freq=pd.Timedelta(spacing_ns or _DAY_NS, unit="ns"),
    )
    return portfolio.replace(init_cash=np.array([initial_cash_usd]))


def _carried(series: Floats) -> Floats:
    """Carry each price forward, and the first one back to the start."""
    known = ~np.isnan(series)
    if not known.any():
        # An action on what no fill bought: the tables are wrong, and `verify` is to say so.
        return np.full_like(series, LEAST_PRICE_USD)
    last = np.maximum.accumulate(np.where(known, np.arange(len(series)), -1))
    carried: Floats = series[np.where(last < 0, np.argmax(known), last)]
    return carried
