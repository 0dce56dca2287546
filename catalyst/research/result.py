"""What a replay leaves behind: its tables, its summary, and the portfolio in vectorbt."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import tempfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from catalyst.data.lake import Lake
from catalyst.data.tables import SCHEMAS
from catalyst.data.variants import from_mapping
from catalyst.errors import InputError, OutputError
from catalyst.strategy.params import Params

if TYPE_CHECKING:
    from collections.abc import Callable

    from catalyst.data.story import Story
    from catalyst.research.portfolio import Verification
    from catalyst.research.shows import Funnel

    Tell = Callable[[str], None]

REPORT = "report.html"


class Result:
    """Give access to the tables of a run.

    Attributes
    ----------
    params
        The variant that ran.
    folder
        Where the tables are: a temporary folder until `save`, or the folder that was opened.
    lake
        What was replayed; None for an opened run whose lake was not given.
    decisions, candidates, patterns, signals, orders, fills, trades, equity, marks, adjustments,
    benchmarks
        The tables, each a polars.DataFrame, read when asked for. Instants are UTC, prices USD,
        money decimal USD.
    """

    def __init__(
        self,
        params: Params,
        folder: tempfile.TemporaryDirectory[str] | Path,
        lake: Lake | None = None,
    ) -> None:
        self.params = params
        self.lake = lake
        self._temporary = None if isinstance(folder, Path) else folder
        self.folder = folder if isinstance(folder, Path) else Path(folder.name)

    @classmethod
    def open(
        cls, folder: str | Path, lake: Lake | None = None, params: Params | None = None
    ) -> Result:
        """Open the folder of a saved run.

        Parameters
        ----------
        folder
            As `save` or ``catalyst backtest`` left it.
        lake
            What was replayed; needed for bars and headlines, checked by its digest.
        params
            The variant; None rebuilds it from the summary, importing components by their names.

        Raises
        ------
        InputError
            If the folder is no run, or the lake or the variant is another than the run's.
        ParamsError
            If a component can't be imported, such as one that a notebook's cell defines.
        """
        place = Path(folder)
        summary = summary_of(place)
        if lake is not None and lake.digest() != summary["data_digest"]:
            raise InputError(
                f"the lake {lake.root} holds other data than the run {place} was made from "
                f"({summary['data_digest'][:16]}); name the lake that was replayed"
            )
        params = params or from_mapping(summary["params"], str(place))
        if params.hash != summary["params_hash"]:
            raise InputError(
                f"the variant {params.variant} has the hash {params.hash}, the run {place} was "
                f"made with {summary['params_hash']}: a component's code or a default has changed "
                "since; replay it again"
            )
        return cls(params, place, lake)

    def __getattr__(self, name: str) -> pl.DataFrame:
        """Read a table."""
        if name in SCHEMAS:
            frame = pl.read_parquet(self.folder / f"{name}.parquet", use_pyarrow=False)
            self.__dict__[name] = frame
            return frame
        raise AttributeError(f"a result has no {name!r}; its tables are {', '.join(SCHEMAS)}")

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Return the content of ``summary.json``."""
        return summary_of(self.folder)

    @cached_property
    def portfolio(self) -> Any:  # noqa: ANN401 - vectorbt is untyped, and imported when needed
        """Return a vectorbt Portfolio of the same fills.

        One row a fill or mark, split-adjusted, dividends as cash.

        Raises
        ------
        InputError
            If nothing filled.
        """
        from catalyst.research.portfolio import to_vectorbt

        return to_vectorbt(self.fills, self.marks, **self._books)

    def verify(self) -> Verification:
        """Compare the ledger with vectorbt's accounting, at every row of ``equity``."""
        from catalyst.research.portfolio import verify

        return verify(self.fills, self.marks, **self._books)

    @property
    def _books(self) -> dict[str, Any]:
        return {
            "adjustments": self.adjustments,
            "equity": self.equity,
            "initial_cash_usd": self.params.risk.initial_equity_usd,
        }

    def explain(
        self,
        subject: str | None = None,
        *,
        why_not: bool = False,
        session: dt.date | str | None = None,
    ) -> Story:
        """Tell why something happened, or did not; see `catalyst.research.explanation.explain`.

        Parameters
        ----------
        subject
            An id of the tables or its beginning, such as a trade_id, or ``SYMBOL@INSTANT``.
        why_not
            Tell only what stopped the symbol at that instant.
        session
            A session's date, instead of a subject.
        """
        from catalyst.research.explanation import explain

        return explain(self, subject, why_not=why_not, session=session)

    def stories(self) -> dict[str, Story]:
        """Tell every trade; see `catalyst.research.explanation.stories`."""
        from catalyst.research.explanation import stories

        return stories(self)

    def report(self, path: str | Path | None = None, *, tell: Tell | None = None) -> Path:
        """Write the run's report: one file of HTML that asks for nothing from anywhere.

        Parameters
        ----------
        path
            Where to; None for ``report.html`` in the run's folder.
        tell
            Called with what is being worked out, in a few words.

        Returns
        -------
        Path
            The file; the same bytes for the same run and lake.

        Raises
        ------
        InputError
            If the run was opened without its lake.
        OutputError
            If the file can't be written.
        """
        from catalyst.data.report.page import page
        from catalyst.research.report_tables import report_tables

        target = Path(path) if path is not None else self.folder / REPORT
        content = page(report_tables(self, tell=tell or (lambda _: None)))
        fresh = target.with_name(f".{target.name}.new")
        try:
            fresh.write_text(content, encoding="utf-8", newline="\n")
            fresh.replace(target)
        except OSError as error:
            raise OutputError(
                f"{target} can't be written: {error.strerror}; choose another file"
            ) from None
        return target

    def save(
        self,
        folder: str | Path,
        *,
        force: bool = False,
        report: bool = False,
        tell: Tell | None = None,
    ) -> Path:
        """Move the run's files to a folder, whole or not at all.

        Parameters
        ----------
        folder
            Where to; made with its parents.
        force
            Replace a run that is there.
        report
            Write ``report.html`` beside the tables.
        tell
            As in `report`.

        Raises
        ------
        OutputError
            If the folder exists without ``force``, or is no run.
        """
        target = Path(folder)
        check_output(target, force=force)
        target.parent.mkdir(parents=True, exist_ok=True)
        if report:
            self.report(tell=tell)
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        staging.chmod(0o755)  # a run is as readable as its parent
        for path in sorted(self.folder.iterdir()):
            shutil.copyfile(path, staging / path.name)
        if target.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
            target.rename(old / "old")
            staging.rename(target)
            shutil.rmtree(old)
        else:
            staging.rename(target)
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None
        self.folder = target
        return target

    @cached_property
    def funnel(self) -> Funnel:
        """Return where candidates stayed behind: counts by stage and rule."""
        from catalyst.research.shows import funnel_of

        return funnel_of(self)

    def show_trades(self, count: int = 20) -> Story:
        """Return the first trades for reading, New York time; `trades` is the table to work with.

        Parameters
        ----------
        count
            How many.
        """
        from catalyst.research.shows import trades_story

        return trades_story(self, count)

    def _repr_html_(self) -> str:
        from catalyst.research.shows import run_html

        return run_html(self)

    def __repr__(self) -> str:
        """Return a line for people."""
        s = self.summary
        return (
            f"Result({s['variant']} {s['timeframe']} {s['start']}..{s['end']}: "
            f"{s['n_trades']} trades, net {s['net_pnl']:+,.2f} USD, {s['net_return']:+.2%})"
        )


def summary_of(folder: Path) -> dict[str, Any]:
    """Read the summary of a saved run.

    Raises
    ------
    InputError
        If the folder is no run.
    """
    try:
        content = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = None
    if not isinstance(content, dict) or "params_hash" not in content:
        raise InputError(
            f"{folder} is not the folder of a run: it has no summary.json that can be read; make "
            "one with catalyst backtest, or name another"
        )
    return content


def check_output(target: Path, *, force: bool) -> None:
    """Refuse an output folder that is in use.

    Raises
    ------
    OutputError
        If it exists without ``force``, or holds something that is no run.
    """
    parent = next(p for p in target.absolute().parents if p.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise OutputError(
            f"{target} can't be made: {parent} is not a folder that can be written; "
            "choose another with --out"
        )
    if not target.exists():
        return
    if not target.is_dir() or (any(target.iterdir()) and not (target / "summary.json").exists()):
        raise OutputError(f"{target} exists and is not a run's folder; choose another with --out")
    if not force:
        raise OutputError(
            f"{target} exists already; pass --force to replace it, or choose another folder "
            "with --out"
        )
