"""``catalyst compare``: variants beside each other, what they show, and each a run in MLflow."""

from __future__ import annotations

import gc
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from catalyst.cli.asked import (
    Asked,
    EndOption,
    LakeOption,
    SettingsOption,
    SourcesOption,
    StartOption,
    SymbolsOption,
    TimeframeOption,
    ask,
    console,
    progress,
    run_hash,
)
from catalyst.cli.compare_tables import show
from catalyst.cli.runs import RUNS, point_latest

if TYPE_CHECKING:
    from catalyst.research.compared import Comparison
    from catalyst.strategy.params import Params

EPILOG = """
**Examples**

    catalyst compare spec pullback momentum_chase            # on the bundled synthetic sample
    catalyst compare spec pullback --lake my-lake --timeframe 1d --experiment earnings
    catalyst compare spec my.yaml --start 2024-01-02 --end 2024-03-28 --control 5
    catalyst compare spec thin --set risk.stop_frac=0.03 --no-mlflow --json
"""
_EXPERIMENT = "catalyst"


def command(
    variants: Annotated[
        list[str], typer.Argument(help="Two or more: bundled variants or YAML files.")
    ],
    *,
    lake: LakeOption = None,
    timeframe: TimeframeOption = None,
    start: StartOption = None,
    end: EndOption = None,
    symbols: SymbolsOption = None,
    sources: SourcesOption = None,
    settings: SettingsOption = None,
    experiment: Annotated[
        str, typer.Option(help="MLflow's experiment; made if it is not there.")
    ] = _EXPERIMENT,
    control: Annotated[
        int,
        typer.Option(
            "--control",
            min=0,
            max=1000,
            help="Random controls of each: trades at its own instants, with its exits.",
        ),
    ] = 3,
    out: Annotated[
        Path, typer.Option(help="Where the runs' folders are made, named as by backtest.")
    ] = RUNS,
    save: Annotated[
        bool, typer.Option("--save/--no-save", help="Leave a folder behind for each run.")
    ] = True,
    report: Annotated[
        bool, typer.Option("--report/--no-report", help="Write report.html for each run.")
    ] = True,
    mlflow: Annotated[
        bool, typer.Option("--mlflow/--no-mlflow", help="Log the runs in MLflow.")
    ] = True,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print all of it as JSON instead of a table.")
    ] = False,
) -> None:
    """Run variants over a lake in one pass, put them beside each other, and log them in MLflow.

    What people read first is whether any of them shows an edge, after costs and after all that was
    ever tried on this data. Each run leaves the folder that catalyst backtest would leave.
    """
    from catalyst.errors import CatalystError
    from catalyst.research.comparison import resolved
    from catalyst.research.comparison_records import as_mapping

    gc.set_threshold(200_000, 50, 100)
    asked = ask(lake, timeframe=timeframe, start=start, end=end, symbols=symbols, sources=sources)
    ready = resolved(asked.lake, variants, settings=settings or [], **asked.extent)
    announced = _announced(ready, asked, experiment) if mlflow else None
    try:
        found = _ran(ready, asked, control)
        folders = _kept(found, asked, out, save=save, report=report)
    except CatalystError:
        # It is told here and now; an interrupt is told to MLflow by whoever opens it next.
        if announced is not None:
            announced.unlink(missing_ok=True)
        raise
    if not as_json:
        show(found, folders if save else {})
    run_id = _logged(found, folders, asked, experiment, announced) if announced else None
    if as_json:
        told = {"mlflow_run_id": run_id, **as_mapping(found, folders if save else {})}
        typer.echo(json.dumps(told, indent=2))
    failed = [one for one in found.variants if one.result is None]
    for one in failed:
        typer.echo(f"catalyst: variant {one.name} failed: {one.error}", err=True)
    if failed:
        raise typer.Exit(2)


def _ran(variants: Sequence[Params], asked: Asked, controls: int) -> Comparison:
    from catalyst.research.comparison import judged, run, with_controls

    with progress("replaying") as tell:
        ran = run(asked.lake, variants, progress=tell, **asked.extent)
    if controls:
        with progress("random controls") as tell:
            ran = with_controls(asked.lake, ran, controls, progress=tell, **asked.extent)
    with console().status("judging what they show ..."):
        return judged(asked.lake, ran)


def _kept(
    found: Comparison, asked: Asked, out: Path, *, save: bool, report: bool
) -> dict[str, Path]:
    """Save each run as backtest would; return where it is, by its name."""
    from catalyst.data.component_places import remember_components
    from catalyst.data.lake_places import remember
    from catalyst.research.result import REPORT, check_output

    folders = {}
    whole = [(one, one.result) for one in found.variants if one.result is not None]
    with console().status("writing ...") as status:
        for one, result in whole:

            def tell(text: str, name: str = one.name) -> None:
                status.update(f"writing {name}: {text} ...")

            target = out / f"{one.params.variant}-{run_hash(asked, one.params)}"
            if not save:
                if report:
                    result.report(tell=tell)
            elif _holds(target, result.summary):
                if report and not (target / REPORT).exists():
                    result.report(target / REPORT, tell=tell)
            else:
                check_output(target, force=True)
                result.save(target, force=True, report=report, tell=tell)
            folders[one.name] = target if save else result.folder
            remember_components(one.params)
    if save and folders:
        remember(asked.lake)
        if out.resolve() == RUNS.resolve():
            point_latest(next(iter(folders.values())))
    return folders


def _holds(folder: Path, summary: Mapping[str, object]) -> bool:
    """Tell whether a folder holds this very run: it is then left as it is."""
    try:
        return bool(json.loads((folder / "summary.json").read_text(encoding="utf-8")) == summary)
    except (OSError, ValueError):
        return False


def _announced(variants: Sequence[Params], asked: Asked, experiment: str) -> Path:
    from catalyst.research.announced import announce
    from catalyst.research.comparison_records import announced_records
    from catalyst.research.tracking import check_store, home

    check_store()
    parent, nested = announced_records(variants, lake=asked.lake.root.resolve().name)
    return announce(home(), parent, nested, experiment=experiment)


def _logged(
    found: Comparison, folders: Mapping[str, Path], asked: Asked, experiment: str, announced: Path
) -> str:
    from catalyst.research.comparison_records import log_comparison

    people = console()
    with people.status("logging in MLflow ...") as status:
        run_id = log_comparison(
            found,
            asked.lake,
            folders=folders,
            experiment=experiment,
            announced=announced,
            tell=lambda text: status.update(f"{text} ..."),
        )
    people.print(
        f"logged in MLflow, experiment {experiment}: see it with catalyst mlflow"
        + (f" --experiment {experiment}" if experiment != _EXPERIMENT else ""),
        highlight=False,
        markup=False,
    )
    return run_id
