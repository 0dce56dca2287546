"""Fills of the journal as the strategy takes them."""

from __future__ import annotations

from collections.abc import Mapping

from catalyst.data.state_codec import entry_from, order_from
from catalyst.live.events import Filled
from catalyst.strategy.decisions import Fill
from catalyst.strategy.reasons import Side


def fill_of(filled: Filled, index: Mapping[str, int]) -> Fill:
    """Return a journalled fill for the strategy; ``index`` is the run's symbol table."""
    return Fill(
        filled.fill_id,
        filled.order_id,
        index[filled.symbol],
        Side[filled.side.upper()],
        filled.quantity,
        filled.price,
        filled.fee_micro,
        filled.filled_ns,
        order=None if filled.order is None else order_from(filled.order, index),
        entry=None if filled.entry is None else entry_from(filled.entry, index),
    )
