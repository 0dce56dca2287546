"""Manners of every command: help, one sentence for a mistake, interrupts, pipes, completion."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import typer
from conftest import REPOSITORY
from worlds import copied, small_lake, small_run

from catalyst.cli.app import app, main
from catalyst.cli.reference import MARK, commands, examples, reference
from catalyst.data.settings import settings

# typer keeps the classes of its commands to itself.
Command = Any
# Commands whose only result is what they write or open.
WITHOUT_JSON: set[str] = set()
START = [sys.executable, "-c", "from catalyst.cli.start import main; main()"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder with a temporary folder of its own."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setenv("CATALYST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.delenv("CATALYST_LAKE", raising=False)
    # Unbuffered, Python takes half a write to a closed pipe for a whole one.
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


def started(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*START, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*START, *map(str, arguments)],
        capture_output=True,
        check=False,
        encoding=environment.get("PYTHONIOENCODING", "utf-8"),
        env=os.environ | environment,
        timeout=120,
    )


def on_terminal(words: list[str], *, columns: int) -> str:
    """Run a command on a terminal of its own; give what it shows, without colours."""
    terminal, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    # What another test or the caller's shell says of the width must not count.
    given = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
    running = subprocess.Popen(
        [*START, *words],
        env=given | {"TERM": "xterm-256color"},
        stdout=inside,
        stderr=inside,
        stdin=inside,
    )
    os.close(inside)
    shown = b""
    # Linux ends a terminal with an error, macOS with nothing.
    with suppress(OSError):
        while more := os.read(terminal, 1 << 16):
            shown += more
    os.close(terminal)

    assert running.wait(timeout=60) == 0

    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())
    return text.replace("\r\n", "\n")


def wait_for(folder: Path, pattern: str, running: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 120
    while not any(folder.rglob(pattern)):
        assert running.poll() is None
        assert time.monotonic() < until
        time.sleep(0.005)


COMMANDS = list(commands(typer.main.get_command(app)))
EACH_COMMAND = pytest.mark.parametrize(
    ("path", "command"), COMMANDS, ids=[" ".join(path) for path, _ in COMMANDS]
)


def parse(words: list[str]) -> list[str]:
    """Parse a command line as a run would, without running it; return the words that led there."""
    context: Any = typer.main.get_command(app).make_context("catalyst", words)
    path = []
    while hasattr(context.command, "commands") and context._protected_args + context.args:
        left = context._protected_args + context.args
        name, command, rest = context.command.resolve_command(context, left)
        path.append(name)
        context = command.make_context(name, rest, parent=context)
    return path


# --- help --------------------------------------------------------------------------------------


@EACH_COMMAND
def test_every_command_has_help_with_examples_that_parse(
    path: tuple[str, ...], command: Command
) -> None:
    found = [shlex.split(line.partition(" | ")[0], comments=True)[1:] for line in examples(command)]

    assert "**Examples**" in command.epilog
    assert found
    assert all(parse(words)[: len(path)] == list(path) for words in found)


@EACH_COMMAND
def test_every_command_and_option_says_what_it_is_for(
    path: tuple[str, ...], command: Command
) -> None:
    silent = [one.name for one in command.params if not one.help and one.name != "help"]

    assert command.help
    assert (path, silent) == (path, [])


@EACH_COMMAND
def test_every_command_that_a_machine_may_read_speaks_json(
    path: tuple[str, ...], command: Command
) -> None:
    options = {option for one in command.params for option in one.opts}

    assert ("--json" in options) == (" ".join(path) not in WITHOUT_JSON)


def test_the_reference_is_what_the_commands_say_of_themselves() -> None:
    page = (REPOSITORY / "docs" / "command-line.md").read_text(encoding="utf-8")
    written = page.partition(MARK)[2]

    # If not: python -m catalyst.cli.reference
    assert written == f"\n{reference()}"


def test_help_is_whole_on_a_narrow_terminal_and_without_colours(place: Path) -> None:
    del place
    told = ended("backtest", "--help", COLUMNS="40", NO_COLOR="1", FORCE_COLOR="1")
    shown = re.sub(r"\x1b\[[0-9;]*m", "", told.stdout)

    assert told.returncode == 0
    assert "--variant" in shown
    assert max(map(len, shown.splitlines())) <= 40
    assert not re.search(r"\x1b\[(?:3[0-7]|4[0-7]|9[0-7])m", told.stdout)


# --- JSON --------------------------------------------------------------------------------------

# Of every command one line that is quickly done; beside them stand the tests of those that are not.
TOLD_ELSEWHERE = {
    *("audit lookahead", "audit recursion", "backtest", "compare", "data pull", "data sample"),
    *("db migrate", "db rollback", "db version", "flatten", "parity", "pause", "resume"),
    *("calibrate", "exchange", "learn", "live", "mlflow", "sweep", "walk-forward"),
}
ANSWERED = {
    "audit": "audit --components ROOT/examples/volume_spike.py --lake LAKE",
    "data check": "data check --lake LAKE --table news",
    "data enrich": "data enrich --lake COPY",
    "data export": "data export universe out.csv --lake LAKE",
    "data import": "data import universe members.csv --lake new",
    "data quarantine": "data quarantine --lake COPY",
    "data summary": "data summary --lake LAKE",
    "edge": "edge run --lake LAKE",
    "explain": "explain --session 2023-07-14 --run run --lake LAKE",
    "init": "init mine",
    "ledger": "ledger --lake LAKE",
    "news narratives": "news narratives --lake LAKE",
    "news search": "news search --lake LAKE --limit 3",
    "news trending": "news trending --lake LAKE",
    "params": "params --variant thin",
    "report": "report --run run --lake LAKE",
    "status": "status",
    "study events": "study events --lake LAKE --by tier",
    "study pays": "study pays run --lake LAKE",
    "study scores": "study scores run --lake LAKE",
}


def test_every_command_that_speaks_json_is_heard() -> None:
    paths = {" ".join(path) for path, _ in COMMANDS}

    assert paths == set(ANSWERED) | TOLD_ELSEWHERE


@pytest.mark.parametrize("line", ANSWERED.values(), ids=ANSWERED)
def test_json_is_all_there_is_on_stdout(
    line: str, place: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "members.csv").write_text("symbol,from\nAAA,2024-01-02\n", encoding="utf-8")
    named = {"ROOT": REPOSITORY, "LAKE": small_lake().root}
    if "COPY" in line:
        named["COPY"] = copied(small_lake(), place / "copy").root
    if " run" in line:
        small_run().save(place / "run")
    for name, told in named.items():
        line = line.replace(name, str(told))
    monkeypatch.setattr(sys, "argv", ["catalyst", *line.split(), "--json"])
    with pytest.raises(SystemExit) as stop:
        main()
    out, err = capfd.readouterr()

    assert stop.value.code in {0, 1}
    assert "Traceback" not in err
    assert isinstance(json.loads(out), dict | list)


# --- wrong use ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["backtset"], "'backtest'"),
        (["data", "sumary"], "'summary'"),
        (["backtest", "--varian", "spec"], "--variant"),
        (["data", "check", "--lke", "x"], "--lake"),
        (["backtest", "--lake"], "'--lake' requires an argument"),
        (["data", "import"], "bars, news, actions, universe"),
        (["data", "pull", "bars"], "'--symbols'"),
        (["data", "export", "quotes", "x.csv"], "'bars', 'news', 'actions', 'universe'"),
        (["data", "quarantine", "--limit", "many"], "'--limit'"),
        (["data", "summary", "extra"], "extra"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_use_is_one_sentence_that_says_what_is_right(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["catalyst", *words])
    with pytest.raises(SystemExit) as stop:
        main()
    told = capsys.readouterr()

    assert stop.value.code == 2
    assert told.out == ""
    assert told.err.startswith("catalyst: ")
    assert len(told.err.splitlines()) == 1
    assert said in told.err
    assert "--help`" in told.err


# --- interrupts --------------------------------------------------------------------------------


def test_a_signal_to_stop_ends_a_backtest_in_one_line_and_leaves_nothing(place: Path) -> None:
    lake = copied(small_lake(), place / "lake").root
    running = started("backtest", "--lake", lake)
    wait_for(place / "tmp", "*.parquet", running)
    running.send_signal(signal.SIGTERM)
    out, err = running.communicate(timeout=60)

    assert running.returncode == 143
    assert (out, err) == ("", "catalyst: interrupted; nothing was left half done\n")
    assert not (place / "runs").exists()
    assert list((place / "tmp").iterdir()) == []


def test_an_impatient_second_interrupt_does_not_cut_the_tidying_short(place: Path) -> None:
    lake = copied(small_lake(), place / "lake").root
    running = started("backtest", "--lake", lake)
    wait_for(place / "tmp", "*.parquet", running)
    for _ in range(20):
        running.send_signal(signal.SIGINT)
        time.sleep(0.002)
    err = running.communicate(timeout=60)[1]

    assert running.returncode in {130, -signal.SIGINT}
    assert err == "catalyst: interrupted; nothing was left half done\n"
    assert not (place / "runs").exists()
    assert list((place / "tmp").iterdir()) == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_to_stop_leaves_a_lake_as_it_was(
    place: Path, number: signal.Signals, status: int
) -> None:
    source = place / "bars.csv"
    rows = [
        f"S{k:03},2024-01-{day:02} {hour:02}:{minute:02},1,2,1,2,100\n"
        for k in range(60)
        for day in (2, 3, 4, 5, 8, 9, 10, 11, 12)
        for hour in range(10, 16)
        for minute in range(0, 60, 5)
    ]
    source.write_text("symbol,ts,open,high,low,close,volume\n" + "".join(rows), encoding="utf-8")
    running = started("data", "import", "bars", source, "--timeframe", "5m", "--lake", "lake")
    wait_for(place, "lake/**/*", running)
    running.send_signal(number)
    out, err = running.communicate(timeout=60)
    summary = ended("data", "summary", "--lake", "lake")

    assert (running.returncode, out) == (status, "")
    assert err.splitlines()[-1].startswith(("interrupted", "catalyst: interrupted"))
    assert "Traceback" not in err
    assert summary.returncode == 2
    assert "is empty" in summary.stderr or "no lake" in summary.stderr
    assert list((place / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ["audit", "--components", str(REPOSITORY / "examples" / "volume_spike.py")],
        ["data", "check"],
        ["report", "--run", "run"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_long_command_that_is_stopped_says_so_in_one_line(words: list[str], place: Path) -> None:
    lake = small_lake().root
    small_run().save(place / "run")
    there = sorted(place.rglob("*"))
    running = started(*words, "--lake", lake)
    # By then it has read what it was told, and is far from done.
    time.sleep(1.0)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)

    assert (running.returncode, out) == (130, "")
    assert err == "catalyst: interrupted; nothing was left half done\n"
    assert [path for path in sorted(place.rglob("*")) if "home" not in path.parts] == there


# --- streams -----------------------------------------------------------------------------------


@pytest.mark.parametrize("as_json", [[], ["--json"]], ids=["table", "json"])
def test_a_reader_that_goes_away_is_no_error(place: Path, as_json: list[str]) -> None:
    del place
    command = [*START, "news", "search", "--lake", str(small_lake().root), "--limit", "5000"]
    running = subprocess.Popen(
        [*command, *as_json], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )

    assert running.stdout is not None
    assert running.stderr is not None

    running.stdout.read(10)
    running.stdout.close()
    err = running.stderr.read()

    assert (running.wait(timeout=60), err) == (141, "")
    running.stderr.close()


@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
def test_closed_streams_change_nothing(place: Path, closed: str) -> None:
    line = f'exec "$@" {closed}'
    told = subprocess.run(
        ["bash", "-c", line, "bash", *START, "data", "summary", "--lake", str(small_lake().root)],
        capture_output=True,
        check=False,
        cwd=place,
        text=True,
    )

    assert (told.returncode, told.stderr) == (0, "")
    assert ("data digest" in told.stdout) == (">&-" not in closed.replace("2>&-", ""))


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_narrow_encoding_gets_what_it_can_show(place: Path, encoding: str) -> None:
    del place
    lake = small_lake().root
    told = ended("data", "summary", "--lake", lake, PYTHONIOENCODING=encoding)
    helped = ended("data", "check", "--help", PYTHONIOENCODING=encoding)

    assert (told.returncode, told.stderr) == (0, "")
    assert (helped.returncode, helped.stderr) == (0, "")
    assert "data digest" in told.stdout


# --- what is said ------------------------------------------------------------------------------


def test_a_span_beyond_the_lake_is_told(place: Path) -> None:
    del place
    lake = small_lake()
    told = ended(
        *("backtest", "--lake", lake.root, "--json", "--no-report"),
        *("--start", "2020-01-02", "--end", "2023-06-13"),
    )

    assert told.returncode == 0
    assert json.loads(told.stdout)["start"] == "2023-06-12"
    assert told.stderr == "--start 2020-01-02 is before the lake's first session, 2023-06-12\n"


def test_a_narrow_terminal_gets_every_word_of_a_summary(place: Path) -> None:
    del place
    shown = on_terminal(["data", "summary", "--lake", str(small_lake().root)], columns=40)

    assert "assumed share" in " ".join(shown.split())
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 40


def test_progress_shows_the_time_left_on_a_terminal_and_nothing_in_a_pipe(place: Path) -> None:
    words = ["data", "import", "news", "news.parquet", "--lake", "lake"]
    small_lake().news().write_parquet(place / "news.parquet")
    piped = ended(*words)
    shown = on_terminal(words, columns=120)

    assert re.search(r"\d:\d\d:\d\d|-:--:--", shown)
    assert "\x1b" not in piped.stderr
    assert "%" not in piped.stderr


# --- completion --------------------------------------------------------------------------------


def completed(line: str, shell: str = "bash") -> list[str]:
    """Ask for completions as a shell does that stands at the end of a line."""
    words = line.split(" ")
    asked = {
        "_CATALYST_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": "\n".join(words),
        "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    told = ended(**asked)

    assert (told.returncode, told.stderr) == (0, "")

    return told.stdout.split()


@pytest.mark.parametrize(
    ("line", "first"),
    [
        ("catalyst back", "backtest"),
        ("catalyst data summ", "summary"),
        ("catalyst backtest --verif", "--verify"),
        ("catalyst backtest --variant th", "thin"),
        ("catalyst backtest --variant ./my", "./my.yaml"),
        ("catalyst backtest --lake LAKE --timeframe ", "5m"),
        ("catalyst backtest --lake LAKE --symbols ZQAR,ZQA", "ZQAR,ZQAA"),
        ("catalyst backtest --lake LAKE --start 2023-06", "2023-06-12"),
        ("catalyst backtest --set screen.price_ma", "screen.price_max="),
        ("catalyst explain RUN_ID", "TRADE_ID"),
        ("catalyst explain --run runs/l", "runs/latest"),
    ],
)
def test_the_shell_is_offered(line: str, first: str, place: Path) -> None:
    (place / "my.yaml").write_text("screen: {price_max: 400}", encoding="utf-8")
    trades = small_run().trades
    small_run().save(place / "runs" / "mine")
    (place / "runs" / "latest").symlink_to("mine")
    told = {"LAKE": str(small_lake().root), "RUN_ID": trades["trade_id"][0][:6]}
    for name, value in told.items():
        line = line.replace(name, value)
    offered = completed(line)

    assert offered[0] == first.replace("TRADE_ID", trades["trade_id"][0])


@pytest.mark.parametrize(
    "line",
    [
        "catalyst backtest --lake nowhere --symbols ",
        "catalyst backtest --lake FILE --start 20",
        "catalyst explain ",
        "catalyst data import bars ",
        'catalyst news search "half a',
    ],
)
def test_a_question_without_an_answer_is_met_with_silence(line: str, place: Path) -> None:
    (place / "FILE").write_text("none", encoding="utf-8")

    assert completed(line) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_and_answers_in_its_own_form(place: Path, shell: str) -> None:
    del place
    script = ended(_CATALYST_COMPLETE=f"source_{shell}").stdout
    answer = "\n".join(completed("catalyst backtest --variant sh", shell))

    assert "_CATALYST_COMPLETE=complete_" + shell in script
    assert "short_history" in answer


def test_bash_completes_by_the_script_it_is_given(place: Path) -> None:
    (place / "catalyst").write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -m catalyst "$@"\n', encoding="utf-8"
    )
    (place / "catalyst").chmod(0o755)
    lines = (
        'eval "$(_CATALYST_COMPLETE=source_bash catalyst)"; COMP_WORDS=(catalyst data qu); '
        'COMP_CWORD=2; _catalyst_completion catalyst; echo "${COMPREPLY[@]}"'
    )
    told = subprocess.run(
        ["bash", "--norc", "-c", lines],
        capture_output=True,
        check=False,
        env=os.environ | {"PATH": f"{place}:{os.environ['PATH']}"},
        text=True,
    )

    assert (told.stdout, told.stderr) == ("quarantine\n", "")
