"""`fusevad doctor`: what this machine lacks, one line each with its remedy."""

import typer

from fusevad.cli.app import RUN, verb
from fusevad.cli.configured import ConfigFiles, Configured, configuration


@verb(RUN, "fusevad doctor --configfile config/paper.yaml", cls=Configured)
def doctor(configfile: ConfigFiles = None) -> None:
    """What this machine lacks for a configuration, with remedies; status 1 if it is needed."""
    from fusevad.cli.machine import examine

    findings = list(examine(configuration(configfile)))
    for finding in findings:
        print(finding.line)
    if any(finding.missing and finding.needed for finding in findings):
        raise typer.Exit(1)
