"""`fusevad doctor`: what this machine lacks, one line each with its remedy."""

import typer

from fusevad.cli.app import RUN, verb
from fusevad.cli.configured import ConfigFiles, Configured, configuration
from fusevad.cli.data import CONFIG


@verb(RUN, "fusevad doctor --configfile config/paper.yaml", cls=Configured)
def doctor(configfile: ConfigFiles = None) -> None:
    """List what this machine lacks for a configuration, with remedies; status 1 if it is needed.

    Outside the repository there is no configuration, and only the machine is examined.
    """
    from fusevad.cli.machine import examine

    outside = not configfile and not (CONFIG / "config.yaml").is_file()
    findings = list(examine(None if outside else configuration(configfile)))
    for finding in findings:
        print(finding.line)
    if any(finding.missing and finding.needed for finding in findings):
        raise typer.Exit(1)
