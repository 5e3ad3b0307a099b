"""`fusevad doctor`: what this machine lacks, one line each with its remedy."""

from typing import Annotated

import typer

from fusevad.cli.app import RUN, verb
from fusevad.cli.configured import ConfigFiles, Configured, configuration
from fusevad.cli.data import CONFIG


@verb(RUN, "fusevad doctor --configfile config/paper.yaml", cls=Configured)
def doctor(
    profile: Annotated[
        str | None,
        typer.Option(help="Examine the cluster of this profile in profiles/ instead: slurm."),
    ] = None,
    configfile: ConfigFiles = None,
) -> None:
    """List what this machine lacks for a configuration, with remedies; status 1 if it is needed.

    Outside the repository there is no configuration, and only the machine is examined.
    """
    outside = not configfile and not (CONFIG / "config.yaml").is_file()
    config = None if outside else configuration(configfile)
    if profile is None:
        from fusevad.cli.machine import examine

        findings = list(examine(config))
    else:
        from fusevad.cli.profile import read_profile
        from fusevad.cli.slurm import examine_cluster
        from fusevad.plan.jobs import Jobs

        findings = list(examine_cluster(read_profile(profile), Jobs(config) if config else None))
    for finding in findings:
        print(finding.line)
    if any(finding.missing and finding.needed for finding in findings):
        raise typer.Exit(1)
