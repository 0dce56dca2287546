"""Commands run in this process, as a person types them."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from catalyst.cli.app import main
from catalyst.data.settings import settings

Say = Callable[..., tuple[int, str, str]]
#: A database where nobody listens.
NOBODY = "postgresql://x:hush@127.0.0.1:9/y"


def saying(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **environment: str
) -> Say:
    """Give a function that runs a command and tells its exit status, stdout and stderr."""
    # Nothing listens there: commands do without a cache.
    environment = {"REDIS_URL": "redis://:hush@127.0.0.1:9/0"} | environment
    for name in ("ALPACA_API_KEY", "ALPACA_SECRET_KEY", "ALPACA_BASE_URL", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def say(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["catalyst", *words])
        settings.cache_clear()
        try:
            with pytest.raises(SystemExit) as stop:
                main()
        finally:
            settings.cache_clear()
        told = capsys.readouterr()
        return int(stop.value.code or 0), told.out, told.err

    return say
