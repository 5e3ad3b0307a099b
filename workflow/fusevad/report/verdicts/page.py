"""The report on the claims: a summary, how to read it, and each claim with its numbers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from fusevad.config.claims import Claim, ClaimFile
from fusevad.config.protocols import PROTOCOLS
from fusevad.report.runs import TableDataset
from fusevad.report.verdicts.decisions import Said, decide, in_words
from fusevad.report.verdicts.document import Block, Bullets, Drawing, Heading, Paragraph, Table
from fusevad.report.verdicts.evidence import RunSummary
from fusevad.report.verdicts.forest import forest
from fusevad.report.verdicts.judge import Comparison, Exact, Judged, Missing, Verdict, overall
from fusevad.report.verdicts.reading import describe, interval, p_value, reading, signed

_COMPARISON_HEAD = (
    "comparison",
    "seeds",
    "difference",
    "interval over seeds",
    "interval over test videos",
    "p for",
    "p against",
    "the data say",
    "verdict",
)
_RUN_HEAD = ("run", "metric", "seeds", "mean ± std", "IQM")


@dataclass(frozen=True, slots=True)
class ClaimOnDataset:
    """A claim judged on one data set, and the runs that it uses."""

    dataset: TableDataset
    judged: Sequence[Judged]
    runs: Sequence[RunSummary]

    @property
    def verdict(self) -> Verdict:
        """The verdict on the whole claim."""
        return overall(self.judged)


def claims_page(
    file: ClaimFile,
    datasets: Sequence[TableDataset],
    protocol: str,
    judged: Mapping[str, Sequence[Sequence[ClaimOnDataset]]],
) -> list[Block]:
    """The whole report.

    Args:
        file: the claims.
        datasets: in order.
        protocol: the protocol whose numbers are shown.
        judged: for each protocol, a row for each claim with an entry for each data set.
    """
    titles = ", ".join(dataset.title for dataset in datasets)
    blocks: list[Block] = [
        Heading(1, "Do the papers' claims hold?"),
        Paragraph(
            "Each claim of the papers of IEF-VAD (arXiv 2505.02393), AVadCLIP (2504.04495) and "
            "PI-VAD (2505.13123) as a test over our own runs: no number of a paper enters a test. "
            f"Data: {titles}. Protocol: {protocol}, "
            f"{PROTOCOLS[protocol]}."
        ),
        Table(
            ("", "claim", "where the paper makes it", *(dataset.title for dataset in datasets)),
            [
                (f"{k}", claim.claim, claim.place, *(one.verdict for one in row))
                for k, (claim, row) in enumerate(
                    zip(file.claims, judged[protocol], strict=True), start=1
                )
            ],
        ),
        Heading(2, "The same claims under every protocol"),
        Paragraph(
            "A claim that holds under one way to choose the epoch, and under no other, rests on "
            "that choice. oracle chooses on the test set."
        ),
        _by_protocol(file, datasets, judged),
        Heading(2, "How to read this"),
        Bullets(_how_to_read(file)),
    ]
    for k, (claim, row) in enumerate(zip(file.claims, judged[protocol], strict=True), start=1):
        blocks += _claim(f"{k}. {claim.claim}", claim, row, file)
    return blocks


def _by_protocol(
    file: ClaimFile,
    datasets: Sequence[TableDataset],
    judged: Mapping[str, Sequence[Sequence[ClaimOnDataset]]],
) -> Table:
    head = ("", "claim", *(f"{d.title}, {name}" for d in datasets for name in judged))
    rows = [
        (
            f"{k + 1}",
            claim.claim,
            *(judged[name][k][place].verdict for place in range(len(datasets)) for name in judged),
        )
        for k, claim in enumerate(file.claims)
    ]
    return Table(head, rows)


def _how_to_read(file: ClaimFile) -> list[str]:
    level = f"{100 * (1 - file.alpha):g} %"
    return [
        f"holds: every comparison of the claim is supported (p for < {file.alpha:g}).",
        "does not hold: at least one comparison excludes what the claim needs "
        f'(p against < {file.alpha:g}). For "better" that is an advantage of '
        f"{100 * file.margin:g} points or more, the smallest that we count (the band in the "
        "drawings); some tests name another margin.",
        "undecided: the data support neither. It is no evidence of equality.",
        "What the data say is in the words of the tables, whatever the claim: better or worse, "
        "equal within the margin (two one-sided tests), or undecided, with the number of seeds at "
        "which one of these tests would have a power of 0.8 (report/power.py). What is undecided "
        "by the test videos alone, more seeds would not change.",
        "not testable here: runs, studies or classes that the test needs are not there, or a class "
        "has fewer than two test videos.",
        "A p-value is the larger of two: over seeds (paired t-test: would other seeds say the "
        f"same?) and over test videos ({file.resamples} bootstrap resamples of the difference, "
        "averaged over seeds: would other videos?). A claim must survive both. Studies of noise "
        "and masking keep no frame scores, so they have seeds alone.",
        "p-values are after Holm's correction over all comparisons of a claim on a data set; "
        f"intervals are {level}, uncorrected. With two or three videos of a class the interval "
        "over videos is too narrow: trust verdicts by class little.",
        f"IQM is the interquartile mean over seeds with a bootstrap interval ({level}; Agarwal et "
        "al. 2021).",
    ]


def _claim(
    title: str, claim: Claim, row: Sequence[ClaimOnDataset], file: ClaimFile
) -> Iterator[Block]:
    yield Heading(2, title)
    yield Paragraph(f"{claim.place}.", "In the paper:")
    yield Paragraph(" ".join(describe(test, file.margin) for test in claim.tests), "Test:")
    if claim.note:
        yield Paragraph(claim.note, "Note:")
    for one in row:
        yield Heading(3, one.dataset.title)
        yield Paragraph(reading(one.judged, file.alpha), one.verdict)
        yield from _numbers(one, file.alpha)


def _numbers(one: ClaimOnDataset, alpha: float) -> Iterator[Block]:
    said = decide([judged.finding for judged in one.judged], alpha)
    rows = [
        _row(judged, words, alpha)
        for judged, words in zip(one.judged, said, strict=True)
        if not isinstance(judged.finding, Missing)
    ]
    if rows:
        yield Table(_COMPARISON_HEAD, rows, frozenset(range(1, 7)))
    drawn = [j.finding for j in one.judged if isinstance(j.finding, Comparison)]
    drawn = [comparison for comparison in drawn if comparison.seeds.n > 1]
    for _, group in groupby(drawn, key=lambda c: (c.percent, c.goal, c.margin)):
        yield Drawing(forest(list(group), alpha))
    if one.runs and drawn:
        yield Table(_RUN_HEAD, [_run(run) for run in one.runs], frozenset({2, 3, 4}))


def _row(judged: Judged, said: Said | None, alpha: float) -> tuple[str, ...]:
    match judged.finding:
        case Comparison() as found:
            videos = interval(found, found.videos, alpha) if found.videos else "–"
            return (
                found.label,
                str(found.seeds.n),
                signed(found, found.seeds.difference),
                interval(found, found.seeds, alpha),
                videos,
                p_value(judged.p_holds),
                p_value(judged.p_fails),
                in_words(said) if said else "–",
                judged.verdict,
            )
        case Exact(label):
            return (label, *["–"] * 7, judged.verdict)
    raise TypeError(f"{judged.finding} has no row")


def _run(run: RunSummary) -> tuple[str, ...]:
    mean, std = 100 * run.summary.mean, 100 * run.summary.std
    spread = f" ± {std:.2f}" if std == std else ""
    middle = f"{100 * run.middle.value:.2f}"
    if run.middle.low == run.middle.low:
        middle += f" [{100 * run.middle.low:.2f}, {100 * run.middle.high:.2f}]"
    return run.experiment, run.metric, str(run.summary.n), f"{mean:.2f}{spread}", middle
