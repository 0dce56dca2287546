"""Who receives what an exchange sends, as its clock sees it."""

from __future__ import annotations

from typing import Protocol


class Receiver(Protocol):
    """Be something that the exchange sends messages to, and that a step of time waits for."""

    @property
    def kind(self) -> str:
        """Name what is received as the exchange counts it: bars, news or trade_updates."""

    @property
    def received(self) -> int:
        """Count the messages received so far."""

    @property
    def breaks(self) -> int:
        """Count openings and losses of the connection: across one, counts say nothing."""

    async def read(self) -> None:
        """Return once what was written to the connection by now was taken in."""

    async def settle(self) -> None:
        """Return once what was missed in a break was asked for, or can't be had."""
