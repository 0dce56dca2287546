"""catalyst: a research framework for traders who follow news.

What you tested is what trades, and the test did not lie.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from catalyst.data.lake import Lake
    from catalyst.data.variants import Params
    from catalyst.research.replay import replay

__all__ = ["Lake", "Params", "replay"]

_HOMES = {
    "Lake": "catalyst.data.lake",
    "Params": "catalyst.data.variants",
    "replay": "catalyst.research.replay",
}


def __getattr__(name: str) -> object:
    """Import a name when it is first asked for, so that ``catalyst --help`` is instant."""
    if name not in _HOMES:
        raise AttributeError(f"module 'catalyst' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def _use_kernels_of_this_source() -> None:
    # numba's cache notices a change in a kernel's own file only, not in one that it calls into: an
    # old constant would go on trading. A cache folder for each state of the source can't.
    if "NUMBA_CACHE_DIR" in os.environ:
        return
    folder = Path(__file__).parent / "strategy"
    compiled = (folder.parent / "research").glob("trade_kernels*.py")
    digest = hashlib.sha256()
    for path in [*sorted(folder.glob("*.py")), *sorted(compiled)]:
        digest.update(path.name.encode() + path.read_bytes())
    place = folder / "__pycache__"
    if not os.access(place if place.exists() else folder, os.W_OK):
        place = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "catalyst"
    cache = str(place / f"kernels-{digest.hexdigest()[:16]}")
    if "numba" in sys.modules:
        sys.modules["numba"].config.CACHE_DIR = cache
    else:
        os.environ["NUMBA_CACHE_DIR"] = cache


_use_kernels_of_this_source()
