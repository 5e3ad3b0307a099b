"""Table 1 of made-up runs, whose differences are known."""

import re
import shutil
import subprocess
from dataclasses import replace

import pandas as pd
import pytest
from scipy import stats

from fusevad.errors import FusevadError
from fusevad.report.runs import TableRow
from tests.made_up_runs import (
    METHODS,
    METRICS,
    PROTOCOL_SHIFT,
    PUBLISHED,
    changed_run,
    make_up,
)
from tests.made_up_tables import write_table
from tests.report.made_tables import classes, measured_line, table1


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    return make_up(tmp_path_factory.mktemp("report") / "rendered", videos_on_disk=True)


def test_table_1_prints_the_mean_and_spread_of_the_seeds(made_up, tmp_path):
    text, tidy = table1(made_up, tmp_path)
    for row in made_up.rows:
        seeds = pd.read_csv(row.runs["rendered"] / "seeds.csv")
        seeds = seeds[seeds["protocol"] == "validation"]
        for metric, cell in zip(METRICS, measured_line(text, row.label), strict=True):
            values = 100 * seeds.loc[seeds["metric"] == metric, "value"]
            printed = [float(number) for number in re.findall(r"\d+\.\d+", cell)]
            assert printed == [round(values.mean(), 2), round(values.std(), 2)]
            found = tidy.query(
                "experiment == @row.name and metric == @metric and protocol == 'validation'"
            )
            assert float(found["mean"].iloc[0]) == pytest.approx(values.mean())
            assert float(found["std"].iloc[0]) == pytest.approx(values.std())


def test_the_csv_holds_all_protocols_and_both_blocks(made_up, tmp_path):
    _, tidy = table1(made_up, tmp_path)
    measured = tidy[tidy["block"] == "measured"]
    assert len(measured) == len(METHODS) * len(METRICS) * len(PROTOCOL_SHIFT)
    assert set(measured["protocol"]) == set(PROTOCOL_SHIFT)
    published = tidy[tidy["block"] == "published"]
    expected = pd.read_csv(PUBLISHED / "table01.csv")
    assert list(published["mean"]) == list(expected["mean"])
    assert published["experiment"].isna().all()


def test_two_equal_leaders_are_not_bold_and_the_csv_names_them(made_up, tmp_path):
    text, tidy = table1(made_up, tmp_path)
    assert r"\mathbf" not in text
    leading = tidy[(tidy["protocol"] == "validation") & (tidy["metric"] == "AUC") & tidy["leading"]]
    assert set(leading["experiment"]) == {"gaussian", "student-t"}


def test_a_supported_best_is_bold_and_its_p_value_is_the_corrected_one(made_up, tmp_path):
    rows = [row for row in made_up.rows if row.name in ("image-only", "gaussian")]
    text, tidy = table1(made_up, tmp_path, rows=rows)
    assert r"\mathbf" in measured_line(text, "IEF-VAD (Gaussian)")[0]
    assert r"\mathbf" not in measured_line(text, "Image only")[0]
    runs = [pd.read_csv(row.runs["rendered"] / "seeds.csv") for row in rows]
    p = {}
    for metric in METRICS:
        chosen = [run[(run["metric"] == metric) & (run["protocol"] == "last")] for run in runs]
        pair = [run.set_index("seed")["value"] for run in chosen]
        p[metric] = stats.ttest_rel(*pair).pvalue
    # Four columns with one pair each: Holm multiplies the smallest p-value by four.
    smallest = min(p, key=p.get)
    found = tidy.query("protocol == 'last' and metric == @smallest and experiment == 'gaussian'")
    assert float(found["p"].iloc[0]) == pytest.approx(4 * p[smallest])


def test_published_numbers_of_other_data_sets_stand_in_a_table_of_their_own(made_up, tmp_path):
    text, _ = table1(made_up, tmp_path)
    main, orientation = text.split("For orientation: published numbers.")
    assert "PUBLISHED" not in main
    assert "MEASURED" not in orientation
    assert "NOT comparable" in orientation
    assert r"\textit{88.67 $\pm$ 0.45}" in orientation
    assert all(name in orientation for name in ("Sultani et al.", "VadCLIP", "MSAD"))


def test_a_configured_data_set_of_the_paper_gets_the_published_block_above(made_up, tmp_path):
    crime = replace(
        made_up.dataset,
        key="ucf-crime",
        source="ucf-crime",
        title="UCF-Crime",
        metrics=("AUC", "Ano-AUC"),
    )
    rows = [
        replace(row, runs={**row.runs, "ucf-crime": row.runs["rendered"]}) for row in made_up.rows
    ]
    text, _ = table1(made_up, tmp_path, rows=rows, datasets=[crime, made_up.dataset])
    main, orientation = text.split("For orientation: published numbers.")
    first, second = main.index("PUBLISHED"), main.index("MEASURED")
    assert first < main.index(r"\textit{88.67 $\pm$ 0.45}") < second
    assert main.index(r"\textit{RTFM}") < second < main.index("Image only & ")
    assert "UCF-Crime" not in orientation
    assert r"\textit{EGO}" not in main, "a method without a number in any column has no row"


def test_the_caption_names_the_protocol_and_warns_of_the_oracle(made_up, tmp_path):
    text, _ = table1(made_up, tmp_path, protocol="oracle")
    caption = text.split(r"\par")[0]
    assert "Protocol: oracle" in caption
    assert "TEST SET" in caption
    assert "Holm" in caption


def test_the_protocols_stand_side_by_side(made_up, tmp_path):
    text, tidy = table1(made_up, tmp_path)
    below = text.split("The same runs under each protocol.")[1]
    cells = measured_line(below, "Gating")
    numbers = [float(re.findall(r"\d+\.\d+", c)[0]) for c in cells[:3]]
    means = tidy[(tidy["experiment"] == "gating") & (tidy["metric"] == "AUC")]
    by_protocol = means.set_index("protocol")["mean"].astype(float)
    assert numbers == [round(by_protocol[name], 2) for name in PROTOCOL_SHIFT]
    assert numbers[0] < numbers[1] < numbers[2]


def test_the_interquartile_means_are_scipys_trimmed_means(made_up, tmp_path):
    text, _ = table1(made_up, tmp_path)
    cells = measured_line(text.split("The same runs under each protocol.")[1], "Gating")
    row = next(row for row in made_up.rows if row.name == "gating")
    seeds = pd.read_csv(row.runs["rendered"] / "seeds.csv").query("metric == 'AUC'")
    expected = [
        f"${100 * stats.trim_mean(seeds.query('protocol == @name')['value'], 0.25):.2f}$"
        for name in PROTOCOL_SHIFT
    ]
    assert cells[3:] == expected


def test_no_form_of_table_1_has_a_dagger(made_up, tmp_path):
    table1(made_up, tmp_path)
    for form in ("tex", "tabular.tex", "html"):
        text = (tmp_path / f"table1.{form}").read_text()
        assert "dagger" not in text and "†" not in text


def test_the_caption_counts_the_pairs_that_the_seeds_decide(made_up, tmp_path):
    text, _ = table1(made_up, tmp_path)
    caption = text.split(r"\par")[0].replace(r"$\pm$", "±")
    found = re.search(
        r"Of 21 pairs in AUC, (\d+) are separated, (\d+) are equal within ±1 point and none is"
        r" undecided",
        caption,
    )
    # The made-up means are 0.78, 0.80, 0.83, 0.84 twice and 0.87 twice, with little noise.
    assert found.groups() == ("19", "2")
    assert "Of all 84 pairs in the table, 76 are separated" in caption


def test_our_rows_are_a_block_that_changes_nothing_in_the_measured_rows(made_up, tmp_path):
    ours = made_up.rows[-1:]
    (tmp_path / "alone").mkdir()
    _, before = table1(made_up, tmp_path / "alone", rows=made_up.rows[:-1])
    text, tidy = table1(made_up, tmp_path, rows=made_up.rows[:-1], ours=ours)
    keys = ["experiment", "metric", "protocol"]
    measured = tidy[tidy["block"] == "measured"].set_index(keys)
    pd.testing.assert_frame_equal(measured, before[before["block"] == "measured"].set_index(keys))
    heading, line = text.index("OURS: not in the paper"), text.index("IEF-VAD (Student-t) & ")
    assert text.index("IEF-VAD (Gaussian) & ") < heading < line
    own = tidy[tidy["block"] == "ours"]
    assert set(own["experiment"]) == {"student-t"}
    _, together = table1(made_up, tmp_path)
    expected = together[together["experiment"] == "student-t"].set_index(keys)
    columns = ["mean", "std", "n", "bold", "leading", "p"]
    pd.testing.assert_frame_equal(own.set_index(keys)[columns], expected[columns])


def test_a_note_says_what_the_seeds_decide_between_ours_and_the_measured_rows(made_up, tmp_path):
    text, _ = table1(made_up, tmp_path, rows=made_up.rows[:-1], ours=made_up.rows[-1:])
    # Ahead of five of six in each of four metrics; the Gaussian has the same mean.
    assert "of 24 pairs of them with a measured row, ours is better in 20 and worse in 0" in text


def test_footnotes_state_sampling_skipped_videos_and_missing_seeds(made_up, tmp_path):
    write_table(tmp_path, "skipped", [("bad_1", "bad_1.mp4", "cut")])
    dataset = replace(made_up.dataset, skipped=tmp_path / "skipped.csv", frame_stride=4, crops=10)
    short = changed_run(made_up.rows[0], tmp_path, lambda table: table[~table["seed"].isin([3, 7])])
    text, _ = table1(made_up, tmp_path, rows=[short, *made_up.rows[1:]], datasets=[dataset])
    assert "1 frame in 4 is encoded, 10 crops a frame (0 is the centre), test videos" in text
    assert r"1 bad video skipped (bad\_1)" in text
    assert "Image only on Rendered: seeds 3, 7 missing, n = 8." in text


def test_the_footnote_of_imported_features_claims_nothing_of_their_extraction(made_up, tmp_path):
    dataset = replace(made_up.dataset, features="i3d", crops=5, scored_crops=(4,))
    text, _ = table1(made_up, tmp_path, datasets=[dataset])
    assert "imported features (i3d) of 5 crops, numbered by their publisher" in text
    assert "scored on crop 4" in text and "is encoded" not in text


def test_the_footnote_has_the_crops_of_each_row(made_up, tmp_path):
    def note(**crops):
        text, _ = table1(made_up, tmp_path, datasets=[replace(made_up.dataset, **crops)])
        return text

    assert "scored on crops 0, 5; no video was skipped" in note(scored_crops=(0, 5))
    own = {"image-only": [5], "gating": [5], "concat": [0, 5], "elsewhere": [7]}
    apart = "scored on crop 0 (Image only, Gating: crop 5; Concatenation: crops 0, 5); no"
    assert apart in note(own_crops=own)
    assert "1 crop a frame (0 is the centre); no video was skipped" in note(scored_crops=())


def test_a_method_that_was_not_run_has_dashes_and_a_footnote(made_up, tmp_path):
    absent = TableRow("Not yet", "not-yet", {})
    text, _ = table1(made_up, tmp_path, rows=[*made_up.rows, absent])
    assert set(measured_line(text, "Not yet")) == {"--"}
    assert "Not yet was not run on Rendered." in text


def test_one_seed_gives_a_table_without_spread_or_bold(made_up, tmp_path):
    rows = [
        changed_run(row, tmp_path / row.name, lambda table: table[table["seed"] == 0])
        for row in made_up.rows
    ]
    text, tidy = table1(made_up, tmp_path, rows=rows)
    assert r"\pm" not in measured_line(text, "Gating")[0]
    assert r"\mathbf" not in text
    assert not tidy["bold"].any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.assign(value=t["value"] * 100), "outside 0..1"),
        (lambda t: t[t["metric"] != "AP"], "no metric AP"),
        (lambda t: pd.concat([t, t.head(1)]), "given twice"),
        (lambda t: t.assign(value=t["value"].where(t["seed"] != 4)), "empty value"),
        (lambda t: t.drop(columns="protocol"), "no column protocol"),
    ],
)
def test_a_wrong_run_is_named_and_no_table_is_left(made_up, tmp_path, change, message):
    wrong = changed_run(made_up.rows[0], tmp_path, change)
    with pytest.raises(FusevadError, match=f"seeds.csv: .*{message}"):
        table1(made_up, tmp_path, rows=[wrong, *made_up.rows[1:]])
    assert not list(tmp_path.glob("table1*"))


def without_ano_metrics(row, folder):
    undefined = lambda t: t.assign(value=t["value"].where(~t["metric"].str.startswith("Ano-")))  # noqa: E731
    return changed_run(row, folder / row.name, undefined)


def test_a_metric_that_the_test_videos_leave_undefined_has_dashes_and_a_footnote(made_up, tmp_path):
    rows = [without_ano_metrics(row, tmp_path) for row in made_up.rows]
    text, tidy = table1(made_up, tmp_path, rows=rows)
    cells = measured_line(text, "Gating")
    assert [cell == "--" for cell in cells] == [False, False, True, True]
    assert "Rendered: Ano-AUC, Ano-AP undefined (–)" in text
    assert set(tidy.loc[tidy["block"] == "measured", "metric"]) == {"AUC", "AP"}
    before, _ = table1(made_up, tmp_path)
    assert "undefined" not in before


def without_intervals(row, folder):
    """A run that was judged by held-out training videos alone: no metric of frames, no oracle."""

    def change(table):
        table = table[table["protocol"] != "oracle"]
        held_out = table[table["metric"] == "AUC"].assign(metric="Video-AUC")
        return pd.concat([held_out, table.assign(value=float("nan"))], ignore_index=True)

    return changed_run(row, folder / row.name, change)


def test_without_intervals_table_1_shows_what_can_be_known_and_says_what_cannot(made_up, tmp_path):
    rows = [without_intervals(row, tmp_path) for row in made_up.rows]
    dataset = replace(made_up.dataset, metrics=("Video-AUC", "AUC", "AP"))
    text, tidy = table1(made_up, tmp_path, rows=rows, datasets=[dataset])
    assert [cell == "--" for cell in measured_line(text, "Gating")] == [False, True, True]
    assert "Rendered: AUC, AP undefined (–), as no interval says which frames" in text
    assert "Video-AUC ranks whole training videos, which a seed held out" in text
    measured = tidy[tidy["block"] == "measured"]
    assert set(measured["metric"]) == {"Video-AUC"}
    assert set(measured["protocol"]) == {"last", "validation"}


def test_an_undefined_main_metric_is_an_error(made_up, tmp_path):
    wrong = changed_run(
        made_up.rows[0], tmp_path, lambda t: t.assign(value=t["value"].where(t["metric"] != "AUC"))
    )
    with pytest.raises(FusevadError, match=r"seeds\.csv: an empty value"):
        table1(made_up, tmp_path, rows=[wrong])


def test_an_unknown_protocol_is_refused(made_up, tmp_path):
    with pytest.raises(FusevadError, match="protocol 'best'"):
        table1(made_up, tmp_path, protocol="best")


def test_the_tables_compile_alone(made_up, tmp_path):
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    table1(made_up, tmp_path)
    classes(tmp_path, made_up.dataset, made_up.rows)
    for name in ("table1", "classes"):
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", f"{name}.tex"]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout[-2000:]
        assert "Overfull" not in result.stdout
        assert "1 page" in result.stdout


def test_a_variant_of_a_data_set_of_the_paper_stands_beside_the_published_numbers(
    made_up, tmp_path
):
    crime = replace(made_up.dataset, key="ucf-crime.released", source="ucf-crime")
    rows = [replace(row, runs={crime.key: row.runs["rendered"]}) for row in made_up.rows]
    text, _ = table1(made_up, tmp_path, rows=rows, datasets=[crime])
    main, _, orientation = text.partition("For orientation")
    assert "88.67" in main  # IEF-VAD (Student-t) on UCF-Crime, as printed
    assert "UCF-Crime" not in orientation and "XD-Violence" in orientation
