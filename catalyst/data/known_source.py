"""What a market is fed from: a lake in the order of time or, live, what has arrived so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from catalyst.data.session_bars import SessionBars
from catalyst.strategy.portfolio import Action
from catalyst.strategy.values import Flags, Floats, Grid, Indices, NewsBatch, Session


class KnownSource(Protocol):
    """Give facts as they became known; `catalyst.data.feed.Feed` says what each call means."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the run's symbol table."""

    @property
    def grid(self) -> Grid:
        """Return length and anchor of base bars."""

    @property
    def actions(self) -> Sequence[Action]:
        """Return splits and dividends by ex-date."""

    def bars(self, session: Session, *, grace_ns: int) -> SessionBars:
        """Return the base bars of a session."""

    def coarse(
        self, session: Session, *, known_by_ns: int
    ) -> tuple[Indices, tuple[Floats, Floats, Floats], Flags] | None:
        """Return a past session's sums from coarser bars."""

    def news(self, after_ns: int, until_ns: int) -> NewsBatch:
        """Return the articles that became known in between."""

    def members(self, session: Session, *, known_by_ns: int) -> Flags:
        """Tell which symbols are in a session's universe."""
