"""Vendors: who gives history, behind one protocol; see ``docs/vendors.md``."""

from __future__ import annotations

from importlib import import_module

from catalyst.data.settings import Settings
from catalyst.data.vendors.protocol import Vendor, Watcher
from catalyst.errors import InputError

#: Name to module; each has ``opened(settings, watcher)``. Loaded when asked for.
_MODULES = {
    "alpaca": "catalyst.data.vendors.alpaca",
    "yfinance": "catalyst.data.vendors.yahoo",
}
NAMES = tuple(_MODULES)


def vendor_named(name: str, settings: Settings, watcher: Watcher) -> Vendor:
    """Open a vendor by its name.

    Raises
    ------
    InputError
        If there is none of that name, or a key of it is missing.
    """
    if name not in _MODULES:
        raise InputError(f"--source {name} is unknown; expected one of {', '.join(NAMES)}")
    opened: Vendor = import_module(_MODULES[name]).opened(settings, watcher)
    return opened
