"""Judge the paper's claims on the results of every configured data set."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from fusevad.config.claims import ClaimFile, needed_experiments, needed_studies, read_claims
from fusevad.config.protocols import PROTOCOLS
from fusevad.files import write_text
from fusevad.report.runs import TableDataset, TableRow, check_protocol
from fusevad.report.verdicts.evidence import Evidence
from fusevad.report.verdicts.judge import Verdict, judge
from fusevad.report.verdicts.page import ClaimOnDataset, claims_page
from fusevad.report.verdicts.render import to_html, to_markdown

__all__ = ["Verdict", "judge_claims", "make_claims", "needed_experiments", "needed_studies"]


def make_claims(
    claims: Path,
    experiments: Sequence[TableRow],
    datasets: Sequence[TableDataset],
    studies: Mapping[str, Path],
    protocol: str,
    out_md: Path,
    out_html: Path,
) -> None:
    """Judge every claim on every data set and write the report as Markdown and HTML.

    Args:
        claims: `config/claims.yaml`.
        experiments: configured experiments with their runs; a claim is untestable on a data set
            where an experiment that it needs has no run.
        datasets: columns of the summary, in order.
        studies: folder with `noise.csv`, `masking.csv` and `masking-dimensions.csv` by key of the
            data set; a missing file makes the claims that need it untestable there.
        protocol: last, validation or oracle; verdicts under the others are shown beside it.

    Raises:
        FusevadError: an unknown protocol, an invalid claim, or a damaged file of a run.
    """
    check_protocol(protocol)
    file = read_claims(claims)
    judged = {each: judge_claims(file, experiments, datasets, studies, each) for each in PROTOCOLS}
    page = claims_page(file, datasets, protocol, judged)
    write_text(to_markdown(page), out_md)
    write_text(to_html(page), out_html)


def judge_claims(
    file: ClaimFile,
    experiments: Sequence[TableRow],
    datasets: Sequence[TableDataset],
    studies: Mapping[str, Path],
    protocol: str,
) -> list[list[ClaimOnDataset]]:
    """The results of each claim on each data set, in the order of both."""
    evidence = [
        Evidence(d, experiments, protocol, studies[d.key], file.margin, file.resamples)
        for d in datasets
    ]
    result = []
    for claim in file.claims:
        row = []
        for one in evidence:
            findings = [finding for test in claim.tests for finding in one.findings(test)]
            judged = judge(findings, file.alpha)
            row.append(ClaimOnDataset(one.dataset, judged, one.summaries(claim.tests)))
        result.append(row)
    return result
