"""``catalyst study scores``: whether a run's scores told what prices did next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from catalyst.research.result import Result
    from catalyst.research.score_truth import ScoreTruth

EPILOG = """
**Examples**

    catalyst study scores                               # of runs/latest
    catalyst study scores runs/mine --out studies/scores
    catalyst study scores runs/mine --lake my-lake --json

One test is named beforehand: confidence against the return to the close (daily bars: one day),
within a decision, less the market's. All others are explored. With --out: tests.parquet,
buckets.parquet, scores.html.
"""
_FILES = ("tests.parquet", "buckets.parquet", "scores.html")


def command(
    *,
    run: Annotated[
        Path | None, typer.Argument(help="Folder of a run; default runs/latest.")
    ] = None,
    lake: Annotated[
        Path | None, typer.Option(help="Its lake; default where its data was last seen.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for tables and page.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing study.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON on stdout instead of a table.")
    ] = False,
) -> None:
    """Show what every score of a run told of the returns that followed, and for how long."""
    from catalyst.cli.asked import console
    from catalyst.cli.runs import open_run
    from catalyst.data.study_folder import check_study_folder, write_study
    from catalyst.research.score_page import score_page
    from catalyst.research.score_truth import score_truth

    if out is not None:
        check_study_folder(out, _FILES, force=force)
    result = open_run(run, lake)
    with console().status("following the scores ...") as status:
        found = score_truth(
            result,
            scores_tried=_scores_tried(result),
            tell=lambda text: status.update(f"following the scores: {text} ..."),
        )
        if out is not None:
            write_study(
                out,
                tables=dict(zip(_FILES[:2], (found.tests, found.buckets), strict=True)),
                texts={_FILES[2]: score_page(found, result.summary)},
                force=force,
            )
    if as_json:
        typer.echo(json.dumps(_mapping(found), indent=2))
    else:
        _show(found, out)


def _scores_tried(result: Result) -> int:
    from catalyst.data.search_ledger import default_ledger
    from catalyst.research.edge_luck import question_of, scores_tried, with_judged
    from catalyst.research.outcome import outcome_of
    from catalyst.research.tape import lake_of_run
    from catalyst.research.trial_records import bearing_trials

    # As the edge counts it: the run itself, too, whether the ledger knows it or not.
    outcome = outcome_of(result)
    trials = bearing_trials(result.summary, lake_of_run(result), default_ledger())
    counted = with_judged(trials, [outcome], [question_of(result)])
    return scores_tried(counted, len(outcome.days))


def _mapping(found: ScoreTruth) -> dict[str, Any]:
    verdict = found.verdict
    return {
        "edge": verdict.word,
        "sentence": verdict.sentence,
        "reasons": [*verdict.reasons, found.explored],
        "p_better": _known(verdict.p_better),
        "p_worse": _known(verdict.p_worse),
        "named": found.tests.row(0, named=True),
        "tests": found.tests.to_dicts(),
        "buckets": found.buckets.to_dicts(),
    }


def _known(value: float) -> float | None:
    return value if value == value else None  # noqa: PLR0124 - NaN is not itself


def _show(found: ScoreTruth, out: Path | None) -> None:
    from rich.markup import escape
    from rich.table import Table

    from catalyst.cli.lake_tables import stdout
    from catalyst.data.messages import shown as plain
    from catalyst.research.score_page import HEADS, cells_of

    console = stdout()
    for sentence in (found.verdict.sentence, *found.verdict.reasons, found.explored):
        console.print(escape(sentence), highlight=False)
    table = Table()
    for place, head in enumerate(HEADS):
        table.add_column(head, justify="left" if place < 3 else "right")
    for row in found.tests.iter_rows(named=True):
        table.add_row(*(escape(plain(cell)) for cell in cells_of(row)))
    console.print(table)
    console.print(
        "Correlation within a decision with the return in the signal's direction, less the "
        "market's, before costs.",
        highlight=False,
    )
    if out is not None:
        console.print(escape(f"written to {plain(str(out))}"), highlight=False)
