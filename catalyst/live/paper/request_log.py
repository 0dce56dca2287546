"""Accepted requests and the passing of time on disk, so that a restarted exchange is the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from catalyst.errors import InputError
from catalyst.live.paper.exchange import PaperExchange
from catalyst.live.paper.faults import faults_of
from catalyst.live.paper.requests import carry_out


class RequestLog:
    """Append what happened to a file, a line each, flushed at once.

    Parameters
    ----------
    path
        The file; it is made if it is missing.
    terms
        What makes the exchange what it is: lake, sessions, cash; a file that was written under
        other terms is refused.
    """

    def __init__(self, path: Path, terms: Mapping[str, Any]) -> None:
        self._path, self._terms = path, dict(terms)
        self._file: IO[str] | None = None

    def restore(self, exchange: PaperExchange) -> int:
        """Do again what the file says, then append to it; return how many requests there were.

        Raises
        ------
        InputError
            If the file is another exchange's.
        """
        lines = self._lines()
        if lines and lines[0] != {"terms": self._terms}:
            raise InputError(
                f"{self._path} is the state of another exchange, {lines[0].get('terms')}; expected "
                f"{self._terms}: give another --state file"
            )
        for line in lines[1:]:
            exchange.advance(line["at"])
            if line["do"] == "faults":
                exchange.faults.add(faults_of(line["body"]))
            elif line["do"] == "clear":
                exchange.faults.clear()
            elif line["do"] != "clock":
                carry_out(exchange, exchange.account_of(line["account"]), line["do"], line["body"])
        self._file = self._path.open("a", encoding="utf-8")
        if not lines:
            self._write({"terms": self._terms})
        return sum(line["do"] not in ("clock", "faults", "clear") for line in lines[1:])

    def add(self, at_ns: int, do: str, body: object = None, account_id: str = "") -> None:
        """Append one line."""
        line: dict[str, Any] = {"at": at_ns, "do": do}
        if account_id:
            line["account"] = account_id
        if body is not None:
            line["body"] = body
        self._write(line)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _write(self, line: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()

    def _lines(self) -> list[dict[str, Any]]:
        if not self._path.exists():
            return []
        text = self._path.read_text(encoding="utf-8")
        whole, _, rest = text.rpartition("\n")
        if rest:
            # The exchange was killed in the midst of a line: its answer never left.
            self._path.write_text(whole + "\n" if whole else "", encoding="utf-8")
        try:
            return [json.loads(line) for line in whole.splitlines()]
        except ValueError:
            raise InputError(
                f"{self._path} is no state of an exchange; give another --state file"
            ) from None
