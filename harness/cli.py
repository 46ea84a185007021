"""The command line. Heavy modules are imported by the commands that need them: help and validation are quick."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from math import isnan
from pathlib import Path
from typing import Any

import click

from harness.errors import HarnessError
from harness.report_files import FILES
from harness.standard_streams import outlive_readers
from harness.verdict import ExitCode

_EXIT_CODES = """
Exit codes: 0 every expectation came true; 1 at least one did not; 2 wrong usage or an invalid scenario;
3 inconclusive (also: interrupted before anything failed); 4 the target may have been left with a fault; 70 an error
of Pipequake itself.
"""


class _Commands(click.Group):
    """Lists the commands in the order in which a user meets them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


class _Duration(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A duration such as 90s or 1h30m, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from harness.scenario.durations import parse_duration

        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _Scale(click.FloatRange):
    """A number in a range, in which no comparison finds nan."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        return self.fail(f"{value!r} is no number.", param, ctx) if isnan(number) else number


@click.group(cls=_Commands, epilog=_EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pipequake")
def cli() -> None:
    """Pipequake: chaos engineering for production ML pipelines.

    Injects data and dependency faults into a pipeline, and scores detection, recovery and silence.
    """


@cli.command()
def init() -> None:
    """Write a configuration, two scenarios, tests and a CI workflow into the current folder; never over a file."""
    from harness.commands.init import init_command

    click.echo("\n".join(init_command(Path())))


@cli.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--backend", metavar="NAME", help="Where the target runs. [default: sim]")
@click.option(
    "--profile", "profiles", multiple=True, metavar="NAME", help="Maturity profile; may be repeated. [default: mature]"
)
@click.option(
    "--only", multiple=True, metavar="NAME", help="Run the scenarios of this name alone; may be repeated, may hold *."
)
@click.option("--seed", type=click.IntRange(0, 2**53 - 2), help="Seed of the run; wins over the scenarios' own.")
@click.option(
    "--repeats",
    type=click.IntRange(1, 10_000),
    default=1,
    show_default=True,
    help="Experiments a scenario, over seeds and phases of the injection: where intervals come from.",
)
@click.option(
    "--time-scale",
    type=_Scale(1, 3600),
    metavar="N",
    help="How many seconds of the replay pass in a real one, outside of the simulator. [default: 120]",
)
@click.option(
    "--load",
    type=click.Choice(["harness", "locust"]),
    help="Who sends the users' requests, outside of the simulator: docs/live.md. [default: harness]",
)
@click.option(
    "--later", "shift_s", type=_Duration(), default="0s", help="Let all faults begin so much later (for reruns)."
)
@click.option(
    "--rates", type=click.Path(path_type=Path), metavar="FILE", help="What failures cost you (YAML), for the scorecard."
)
@click.option("--verbose", is_flag=True, help="Also say what each arm cost to run.")
@click.option(
    "--jobs", type=click.IntRange(1, 256), help="Arms that run at the same time. [default: 1; real processes: 3]"
)
@click.option("--results", type=click.Path(path_type=Path), help="Folder of the runs. [default: results]")
@click.option("--json", "as_json", is_flag=True, help="Print the scorecard as JSON.")
@click.option("--no-cache", is_flag=True, help="Run the fault-free controls again even if they are kept.")
@click.option("--check-determinism", is_flag=True, help="Run everything twice and compare the journals event by event.")
def run(**options: Any) -> None:
    """Run scenarios and score them.

    PATHS are scenario files or folders; without any, the folder scenarios/, or else the library of Pipequake. What is
    not given is taken from the configuration (pipequake.toml, or [tool.pipequake] in pyproject.toml), if there is one.
    """
    from harness.commands.run import run_command, run_options

    sys.exit(run_command(run_options(options)))


@cli.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--backend", default=None, help="Also check that this backend can carry out the faults.")
def validate(paths: tuple[Path, ...], backend: str | None) -> None:
    """Check scenarios against the target without running them."""
    from harness.library import load_scenarios

    found = load_scenarios(paths, backend=backend, say=lambda text: click.echo(text, err=True))
    click.echo(f"{len(found)} scenario{'s' * (len(found) != 1)} valid")


@cli.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def faults(name: str | None, as_json: bool) -> None:
    """List the faults, or show one with its parameters and an example."""
    from harness.commands.faults import show_faults

    show_faults(name, as_json=as_json)


@cli.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--copy", "copy_to", type=click.Path(path_type=Path), help="Copy the built-in scenarios into this new folder."
)
def scenarios(paths: tuple[Path, ...], copy_to: Path | None) -> None:
    """List scenarios: name, faults, and what is expected."""
    from harness.commands.scenarios import copy_library, list_scenarios

    if copy_to is not None and paths:
        raise click.UsageError(f"--copy copies the built-in scenarios, not {paths[0]}. Leave one of them out.")
    if copy_to is not None:
        copy_library(copy_to)
    else:
        list_scenarios(paths)


@cli.command()
@click.argument("run_folder", type=click.Path(path_type=Path), metavar="RUN")
@click.option(
    "--rates", type=click.Path(path_type=Path), metavar="FILE", help="What failures cost you (YAML), for the scorecard."
)
@click.option("--json", "as_json", is_flag=True, help="Print the scorecard as JSON.")
def score(run_folder: Path, rates: Path | None, as_json: bool) -> None:
    """Score a run again from its journal, and write its reports anew."""
    from harness.commands.score import score_command

    sys.exit(score_command(run_folder, rates=rates, as_json=as_json))


@cli.command()
@click.argument("run_folder", type=click.Path(path_type=Path), metavar="RUN")
@click.option(
    "--format", "form", type=click.Choice(list(FILES)), default="html", show_default=True, help="For whom it is."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="[default: standard output]")
def report(run_folder: Path, form: str, output: Path | None) -> None:
    """Write a run's report in any form, from its journal; the run itself stays as it is.

    html for people, markdown for a pull request, junit for CI, openmetrics for Prometheus, json for programs.
    The same run gives the same bytes.
    """
    from harness.commands.report import report_command

    report_command(run_folder, form=form, output=output)


@cli.command()
@click.argument("first", type=click.Path(path_type=Path), metavar="RUN_A")
@click.argument("second", type=click.Path(path_type=Path), metavar="[RUN_B]", required=False)
@click.option(
    "--profile",
    "profiles",
    multiple=True,
    metavar="NAME",
    help="Profile to compare; twice for another one on the second side. [default: all that both have]",
)
@click.option("--json", "form", flag_value="json", help="Print as JSON.")
@click.option("--markdown", "form", flag_value="markdown", help="Print as Markdown, for a pull request.")
def compare(first: Path, second: Path | None, profiles: tuple[str, ...], form: str | None) -> None:
    """Compare two runs, or two profiles of one run: what got better, what got worse, what is only noise.

    Exit code 1 if anything got worse beyond noise, 3 if nothing can be told.
    """
    from harness.commands.compare import compare_command

    sys.exit(compare_command(first, second, profiles, form=form or "terminal"))


class _ListFirst(click.Group):
    """A group that is a command by itself when no subcommand is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        named = bool(args) and (args[0] in self.commands or args[0] in ("-h", "--help"))
        return super().parse_args(ctx, args if named else ["list", *args])


_RESULTS = click.option("--results", type=click.Path(path_type=Path), help="Folder of the runs. [default: results]")


def _selection(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say which runs count."""
    for option in reversed(
        (
            click.option("--profile", metavar="NAME", help="Only this profile."),
            click.option("--backend", metavar="NAME", help="Only runs in this backend."),
            click.option("--branch", metavar="NAME", help="Only runs of this git branch."),
            click.option(
                "--verdict", type=click.Choice(["passed", "failed", "inconclusive"]), help="Only runs that ended so."
            ),
            click.option("--since", metavar="WHEN", help="Only runs since a date (2026-03-01), or for so long (30d)."),
            _RESULTS,
            click.option("--all-remarks", is_flag=True, help="Name every folder that could not be read."),
        )
    ):
        command = option(command)
    return command


def _results_of(options: dict[str, Any]) -> dict[str, Any]:
    """Options with the folder of the runs: the one that was given, or the configuration's."""
    from harness.settings import find_settings

    return {**options, "results": options["results"] or find_settings().results or Path("results")}


@cli.group(cls=_ListFirst)
def history() -> None:
    """List the runs, newest first; or prune their journals, or look after their index.

    `pipequake history` lists them: tier, times and outcomes of each profile. Needs the extra `history`.
    """


@history.command("list")
@click.option("--scenario", metavar="NAME", help="Only experiments of this scenario.")
@_selection
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many runs.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def list_runs(limit: int, as_json: bool, **options: Any) -> None:
    """List the runs, newest first."""
    from harness.commands.history import Selection, history_command

    sys.exit(history_command(Selection(**_results_of(options)), limit=limit, as_json=as_json))


@history.command()
@click.option("--keep", type=click.IntRange(0), help="Leave the newest so many runs as they are.")
@click.option("--older-than", "older_s", type=_Duration(), metavar="AGE", help="Leave runs younger than this (90d).")
@click.option("--yes", is_flag=True, help="Do it. Without this it is only said.")
@_RESULTS
def prune(keep: int | None, older_s: float | None, yes: bool, results: Path | None) -> None:
    """Remove journals, logs and large files of old runs. Scorecards, rows and baselines are always kept.

    A run has to be neither among the newest of --keep nor younger than --older-than.
    """
    from harness.commands.prune import prune_command

    if keep is None and older_s is None:
        raise click.UsageError("Say which runs: --keep 50, --older-than 90d, or both.")
    sys.exit(prune_command(_results_of({"results": results})["results"], keep=keep, older_s=older_s, really=yes))


@history.command("index")
@click.option("--rebuild", is_flag=True, help="Make it again from the runs' folders.")
@_RESULTS
def index_runs(rebuild: bool, results: Path | None) -> None:
    """Bring the index over the runs up to date. Otherwise that is done by the way."""
    from harness.commands.history import index_command

    sys.exit(index_command(_results_of({"results": results})["results"], rebuild=rebuild))


@cli.command()
@click.argument("scenario")
@click.option(
    "--metric", default="detect", show_default=True, help="detect, recover, duration, harm, availability, or any other."
)
@_selection
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=1000, show_default=True, help="How many runs, the newest."
)
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE", help="Also write a page with the plots.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def trend(scenario: str, metric: str, limit: int, html: Path | None, as_json: bool, **options: Any) -> None:
    """Show how a scenario went from run to run."""
    from harness.commands.history import Selection, trend_command

    selection = Selection(**_results_of(options))
    sys.exit(trend_command(scenario, metric, selection, limit=limit, html=html, as_json=as_json))


@cli.command()
@click.argument("run_folder", type=click.Path(path_type=Path), metavar="[RUN]", required=False)
@click.option(
    "--baseline",
    required=True,
    metavar="NAME",
    help="A saved baseline, a git branch, or a run's folder, in turn.",
)
@click.option("--profile", "profiles", multiple=True, metavar="NAME", help="Only this profile; may be repeated.")
@click.option("--partial", is_flag=True, help="The run has fewer scenarios or profiles than the baseline on purpose.")
@_RESULTS
@click.option("--json", "form", flag_value="json", help="Print as JSON.")
@click.option("--markdown", "form", flag_value="markdown", help="Print as Markdown, for a pull request.")
def gate(
    run_folder: Path | None,
    baseline: str,
    profiles: tuple[str, ...],
    partial: bool,
    results: Path | None,
    form: str | None,
) -> None:
    """Fail if a run is worse than its baseline in tier, time to detection or silence, beyond noise.

    RUN is the newest one unless it is named. Exit code 1 for a regression, 3 if it can't be told (also where the
    baseline judged what was not run now), 2 for no baseline.
    """
    from harness.commands.gate import gate_command

    where = _results_of({"results": results})["results"]
    sys.exit(gate_command(run_folder, baseline, profiles, where, form=form or "terminal", partial=partial))


@cli.command()
@click.argument("name", required=False)
@click.argument("run_folder", type=click.Path(path_type=Path), metavar="[RUN]", required=False)
@click.option("--remove", is_flag=True, help="Remove the baseline of this name.")
@_RESULTS
def baseline(name: str | None, run_folder: Path | None, remove: bool, results: Path | None) -> None:
    """Save a run's scorecard as a baseline for `pipequake gate`, or list the baselines.

    RUN is the newest one unless it is named. A saved baseline is a copy: it stays when the run is gone.
    """
    from harness.commands.baseline import baseline_command

    sys.exit(baseline_command(_results_of({"results": results})["results"], name, run_folder, remove=remove))


@cli.command()
@click.option("--results", type=click.Path(path_type=Path), help="Folder of the runs. [default: results]")
def recover(results: Path | None) -> None:
    """Take back what an interrupted run may have left, and finish its reports."""
    from harness.commands.recover import recover_command
    from harness.settings import find_settings

    sys.exit(recover_command(results or find_settings().results or Path("results")))


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the control API listens.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8474, show_default=True, help="Its port; 0 takes a free one."
)
@click.option("--config", type=click.Path(path_type=Path), help="JSON file of proxies to begin with, as for /populate.")
@click.option(
    "--seed", type=click.IntRange(0, 2**53 - 2), default=0, show_default=True, help="Of toxicity, jitter and slices."
)
@click.option(
    "--allow-host", "allow_hosts", multiple=True, metavar="NAME", help="Answer under this name too; may be repeated."
)
@click.option("--allow-remote", is_flag=True, help="Let the API and the proxies listen on any interface.")
def proxy(**options: Any) -> None:
    """Run the fault proxy alone, for any client of Toxiproxy.

    It runs until it is interrupted. The control API is Toxiproxy's, with leases and evidence besides.
    """
    from harness.commands.proxy import ProxyOptions, proxy_command

    sys.exit(proxy_command(ProxyOptions(**options)))


@cli.command()
@click.option("--reason", default="", help="Shown to everybody whose run is stopped or refused.")
@click.option("--clear", is_flag=True, help="Allow runs again.")
def stop(reason: str, clear: bool) -> None:
    """Stop every run on this machine, and refuse new ones, until cleared.

    The stop file is $PIPEQUAKE_STOP_FILE, or ~/.pipequake.stop; runs look at it every second and revert at once.
    """
    from harness.safety.stop_file import StopFile, default_stop_file

    file = StopFile(default_stop_file())
    if not clear:
        file.put(reason)
        click.echo(f"{file.path}: every run stops; `pipequake stop --clear` allows them again")
    elif file.clear():
        click.echo(f"{file.path} removed: runs may start")
    else:
        click.echo("there was no stop file: runs may start")


class _FileFirst(click.Group):
    """A group whose first word may also be a file: then that is what is served."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        return super().resolve_command(ctx, args if args[0] in self.commands else ["serve", *args])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # Options before the file belong to what is served: `schedule --dry-run FILE`.
        own = {"-h", "--help"}
        return super().parse_args(ctx, ["serve", *args] if args and args[0][:1] == "-" and args[0] not in own else args)


@cli.group(cls=_FileFirst)
def schedule() -> None:
    """Run scenarios again and again: `pipequake schedule FILE`, or export the schedule to another scheduler."""


@schedule.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="List what is due next, check what it would run, and start nothing.")
@click.option("--next", "count", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many to list.")
@click.option("--once", metavar="JOB", help="Run one job now, if its guards let it, and end.")
@click.option("--release", is_flag=True, help="Let runs start again after the target was left dirty.")
def serve(file: Path, dry_run: bool, count: int, once: str | None, release: bool) -> None:
    """Serve a schedule until SIGTERM or SIGINT; a run that goes on is then reverted."""
    from harness.commands import schedule as command

    if dry_run:
        sys.exit(command.upcoming_command(file, count, _check_run))
    if release:
        sys.exit(command.release_command(file))
    sys.exit(command.serve_command(file) if once is None else command.once_command(file, once))


def _check_run(arguments: Sequence[str]) -> None:
    """Raises what `pipequake run` would raise for its arguments before it runs anything."""
    from harness.commands.run import check_run, run_options

    check_run(run_options(run.make_context("run", list(arguments)).params))


@schedule.command("export")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--format", "form", type=click.Choice(["cron", "github", "kubernetes", "systemd"]), required=True, help="For whom."
)
def export_schedule(file: Path, form: str) -> None:
    """Write the schedule for another scheduler, which then calls `pipequake schedule FILE --once JOB`."""
    from harness.commands.schedule import export_command

    sys.exit(export_command(file, form))


@cli.command()
@click.argument("plan", required=False, type=click.Path(path_type=Path), metavar="[FILE]")
@click.option("--check", is_flag=True, help="Check the plan without running it.")
@click.option("--example", is_flag=True, help="Print a plan to start from.")
@click.option(
    "--resume", type=click.Path(path_type=Path), metavar="RUN", help="Go on with a gameday whose console has ended."
)
@click.option("--conclude", is_flag=True, help="With --resume: write the report, without a console.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port of the console on loopback. [default: free]"
)
@click.option(
    "--results", type=click.Path(path_type=Path), default=Path("results"), show_default=True, help="Folder of the runs."
)
@click.option("--linger", default="10m", show_default=True, help="How long the console shows the report after the end.")
def gameday(
    plan: Path | None,
    check: bool,
    example: bool,
    resume: Path | None,
    conclude: bool,
    port: int,
    results: Path,
    linger: str,
) -> None:
    """Play scenarios with people in front of a live console in the browser.

    FILE is the plan: roles, briefing, scenarios, messages, pauses and questions.
    """
    from harness.commands.gameday import GamedayOptions, check_plan, example_plan, gameday_command
    from harness.scenario.durations import parse_duration

    if example:
        click.echo(example_plan(), nl=False)
        return
    if (plan is None) == (resume is None):
        raise click.UsageError("Give a plan, or a run to --resume. `pipequake gameday --example` prints a plan.")
    if conclude and resume is None:
        raise click.UsageError("--conclude goes with --resume RUN.")
    if check and plan is not None:
        click.echo(check_plan(plan))
        return
    try:
        linger_s = parse_duration(linger)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--linger") from None
    sys.exit(gameday_command(GamedayOptions(plan, resume, conclude, port, results, linger_s)))


@cli.command()
@click.option(
    "--backend", type=click.Choice(["sim", "local", "compose"]), help="Fail (exit code 2) if this one can't run."
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON, with every fault in every backend.")
def doctor(backend: str | None, as_json: bool) -> None:
    """Say what this host can do: per backend and per fault, why not, and how to mend it."""
    from harness.commands.doctor import doctor_command

    sys.exit(doctor_command(backend, as_json=as_json))


@cli.command()
def schema() -> None:
    """Print the JSON Schema of scenario files, for editors to complete and check."""
    from harness.scenario.schema import schema as scenario_schema

    click.echo(json.dumps(scenario_schema(), indent=2))


def main() -> None:
    """Entry point: errors of the user's are told in plain words, with the exit code that belongs to them."""
    outlive_readers()
    guarded(_command)


def _command() -> None:
    try:
        cli(prog_name="pipequake", standalone_mode=False)
    finally:
        if sys.stdout is not None:  # it may be closed
            sys.stdout.flush()  # while what goes wrong can still be told


def guarded(command: Callable[[], Any]) -> None:
    """Runs a command; ends the process with the exit code of what it raised."""
    from chaos.errors import ChaosError

    try:
        command()
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(ExitCode.INCONCLUSIVE)
    except HarnessError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except ChaosError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(ExitCode.USAGE)
    except Exception as error:  # the boundary: what gets here is a defect of Pipequake
        if os.environ.get("PIPEQUAKE_DEBUG"):
            raise
        click.echo(
            f"internal error: {type(error).__name__}: {error}\n"
            "This is a defect of Pipequake; PIPEQUAKE_DEBUG=1 shows where. Journals written so far are kept.",
            err=True,
        )
        sys.exit(ExitCode.INTERNAL)


if __name__ == "__main__":
    main()
