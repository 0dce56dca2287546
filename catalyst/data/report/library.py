"""plotly's script as it lies in the installed package, packed to be carried inside a page."""

from __future__ import annotations

import base64
import gzip
import hashlib
from functools import cache
from importlib import resources

_BEST = 9


@cache
def plotly_script() -> str:
    """Return plotly's script.

    The whole bundle that the locked package carries: a smaller one (without maps and 3-D) would be
    another file to bring along and to keep in step.
    """
    folder = resources.files("plotly").joinpath("package_data")
    return folder.joinpath("plotly.min.js").read_text(encoding="utf-8")


@cache
def packed_plotly() -> str:
    """Return plotly's script as `packed` writes it."""
    return packed(plotly_script())


def packed(content: str) -> str:
    """Compress a text and write it in letters; the same bytes for the same text."""
    return base64.b64encode(gzip.compress(content.encode(), _BEST, mtime=0)).decode("ascii")


def source_hash(content: str) -> str:
    """Return the hash by which a page's content policy lets a script run."""
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
