"""The errors catalyst raises on purpose.

::

    CatalystError
    ├── InputError            wrong use or bad input: exit status 2
    │   ├── ParamsError       a strategy parameter is unknown or out of range
    │   ├── ComponentError    a user's component failed, or gave what it may not
    │   ├── LakeError         a lake is missing, empty or unreadable
    │   ├── ImportFileError   a file can't be imported as it stands
    │   └── OutputError       an output folder can't be written
    ├── VendorError           a data vendor did not give what was asked: exit status 1
    ├── ServiceError          a database, cache or embedded server can't be used: exit status 1
    │   └── EntryExistsError  the database holds an open entry in the symbol already
    ├── BrokerError           the broker did not do what was asked: exit status 1
    │   ├── BrokerRefusalError it said no; asking again changes nothing
    │   └── BrokerSilenceError no answer that can be trusted: it may have happened
    └── InvariantError        catalyst itself is wrong: never caught, always a bug
        └── ConservationError money or shares appeared or vanished

A message says what was wrong, with the value, what was expected and what to do, in one sentence.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

_SHOWN_SYMBOLS = 5


class CatalystError(Exception):
    """Raise for any failure that catalyst foresees; the command line prints it as a sentence."""


class InputError(CatalystError):
    """Raise for wrong use or bad input; the command line exits with status 2."""


class ParamsError(InputError):
    """Raise for a strategy parameter that is unknown, of the wrong type or out of range."""


class ComponentError(InputError):
    """Raise for a user's component that failed during a run, or gave what it may not.

    Parameters
    ----------
    component
        Its name, such as ``my_ideas:score``.
    fault
        What it did, what was expected, what to do.
    asof_ns
        The instant at which it was called, ns UTC.
    symbols
        The symbols it was called for; empty where it sees the whole market.
    """

    def __init__(
        self, component: str, fault: str, asof_ns: int, symbols: tuple[str, ...] = ()
    ) -> None:
        super().__init__(component, fault, asof_ns, symbols)
        self.component = component
        self.fault = fault
        self.asof_ns = asof_ns
        self.symbols = symbols

    def __str__(self) -> str:
        at = datetime.fromtimestamp(self.asof_ns // 10**9, ZoneInfo("America/New_York"))
        more = len(self.symbols) - _SHOWN_SYMBOLS
        named = ", ".join(self.symbols[:_SHOWN_SYMBOLS]) + (f" and {more} more" if more > 0 else "")
        where = f" on {named}" if named else ""
        return (
            f"component {self.component}, called at {at:%Y-%m-%d %H:%M} New York time{where}, "
            f"{self.fault}"
        )


class LakeError(InputError):
    """Raise for a lake that is missing, empty or unreadable."""


class ImportFileError(InputError):
    """Raise for a file that can't be imported as it stands."""


class OutputError(InputError):
    """Raise for an output folder that can't be written."""


class VendorError(CatalystError):
    """Raise for a data vendor that refuses, fails or stays silent after all tries."""


class ServiceError(CatalystError):
    """Raise for a database, cache or embedded server that can't be reached, started or trusted."""


class EntryExistsError(ServiceError):
    """Raise where a second entry in a symbol would be opened; nothing was written.

    Parameters
    ----------
    symbol
        The symbol.
    entry_id
        The entry that was to be opened.
    """

    def __init__(self, symbol: str, entry_id: str) -> None:
        super().__init__(symbol, entry_id)
        self.symbol = symbol
        self.entry_id = entry_id

    def __str__(self) -> str:
        return (
            f"{self.symbol} has an open position or a working entry already; entry {self.entry_id} "
            "was neither written nor sent"
        )


class BrokerError(CatalystError):
    """Raise when a broker does not do what was asked."""


class BrokerRefusalError(BrokerError):
    """Raise when a broker says no.

    Parameters
    ----------
    status
        HTTP status.
    code
        The broker's code, such as 40310000; 0 where it gave none.
    told
        Its words.
    """

    def __init__(self, status: int, code: int, told: str) -> None:
        super().__init__(status, code, told)
        self.status = status
        self.code = code
        self.told = told

    def __str__(self) -> str:
        return f"the broker refused with {self.status} ({self.code}): {self.told}"


class BrokerSilenceError(BrokerError):
    """Raise when a broker gave no answer that can be trusted: what was asked may have happened."""


class InvariantError(CatalystError):
    """Raise when a law of catalyst itself is broken; no caller should catch it."""


class ConservationError(InvariantError):
    """Raise when cash, shares or profit don't add up exactly."""
