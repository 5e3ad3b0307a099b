"""Verbs that say what is behind the numbers of finished tables."""

from pathlib import Path
from typing import Annotated

import typer

from fusevad.cli.app import RESULTS, RUN, say, verb
from fusevad.cli.configured import ConfigFiles, Configured, ConfigValues, configuration

Table = Annotated[str, typer.Argument(help="Its name or a file of it: table1, results/table8.tex.")]
Protocol = Annotated[
    str | None,
    typer.Option(help="last, validation or oracle, in place of the configuration's."),
]


@verb(RESULTS, "fusevad power table1", cls=Configured)
def power(
    table: Table,
    margin: Annotated[
        float, typer.Option(help="Largest difference that does not count, in points.")
    ] = 1.0,
    protocol: Protocol = None,
    configfile: ConfigFiles = None,
    config: ConfigValues = None,
) -> None:
    """Say which methods of TABLE the seeds tell apart, and how many seeds would decide."""
    from fusevad.plan.jobs import Jobs
    from fusevad.report.named_tables import named_table
    from fusevad.report.power_lines import power_lines

    chosen = named_table(Jobs(configuration(configfile, config)), table, protocol)
    for line in list(power_lines(chosen, margin / 100)):
        say(line)


@verb(RESULTS, "fusevad why results/table1.tex student-t AUC", cls=Configured)
def why(
    table: Table,
    method: Annotated[str, typer.Argument(help="Experiment or label of the row: student-t.")],
    metric: Annotated[str, typer.Argument(help="AUC, AP, ...")],
    dataset: Annotated[
        str | None, typer.Option(help="Its key; else all that the table shows.")
    ] = None,
    protocol: Protocol = None,
    configfile: ConfigFiles = None,
    config: ConfigValues = None,
) -> None:
    """List the seeds behind a cell of TABLE, and for each where it comes from."""
    from fusevad.plan.jobs import Jobs
    from fusevad.report.named_tables import named_table
    from fusevad.report.why import why_lines

    jobs = Jobs(configuration(configfile, config))
    for line in list(why_lines(named_table(jobs, table, protocol), jobs, method, metric, dataset)):
        say(line)


@verb(RESULTS, "fusevad diff results/table1.tex ../other/results/table1.tex")
def diff(
    a: Annotated[Path, typer.Argument(help="A file of a table, or the folder of a run.")],
    b: Annotated[Path, typer.Argument(help="The other one, of any clone or configuration.")],
) -> None:
    """Say what changed between two results (settings, data, packages), and which numbers moved."""
    from fusevad.plan.ancestry import Pair, ancestry_of
    from fusevad.report.changes import diff_lines

    for line in diff_lines(Pair.of(ancestry_of(a), ancestry_of(b))):
        say(line)


@verb(RESULTS, "fusevad artifact-check --configfile config/tiny.yaml", cls=Configured)
def artifact_check(
    expected: Annotated[Path | None, typer.Option(help="The committed numbers.")] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Commit to the numbers of this machine instead.")
    ] = False,
    configfile: ConfigFiles = None,
    config: ConfigValues = None,
) -> None:
    """Compare a finished Table 1 with committed numbers; PASS or FAIL for each."""
    from fusevad.report.artifact_check import EXPECTED, check_artifact, quantities, write_expected

    chosen, path = configuration(configfile, config), expected or EXPECTED
    found = quantities(Path(chosen.home), list(chosen.datasets))
    if write:
        write_expected(found, path)
        print(f"{path}: {len(found)} numbers written")
        return
    checks = check_artifact(found, path)
    for check in checks:
        print(check.line())
    failed = sum(not check.passed for check in checks)
    print(f"{'FAIL' if failed else 'PASS'}: {len(checks) - failed} of {len(checks)} as expected")
    if failed:
        raise typer.Exit(1)


@verb(RUN, "fusevad resources")
def resources(
    results: Annotated[Path, typer.Argument(help="Folder of results.")] = Path("results"),
) -> None:
    """Propose memory and time of rules from what finished jobs used: YAML for a profile."""
    from fusevad.plan.measured import measured_jobs, proposed_lines

    for line in proposed_lines(measured_jobs(results)):
        say(line)
