"""Tables and figure of studies, made from made-up values that are known."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fusevad.csv_tables import write_csv
from fusevad.errors import FusevadError
from fusevad.report import style, weight_surface
from fusevad.report.masking_table import make_masking_table
from fusevad.report.noise_table import make_noise_table
from fusevad.report.runs import TableDataset, TableRow
from fusevad.report.weight_surface import make_weight_surface, ranked_changes
from tests.made_up_runs import PUBLISHED
from tests.made_up_tables import write_table

SEEDS = range(6)
EXPERIMENT = TableRow("IEF-VAD (Student-t)", "student-t", {"rendered": Path("student-t")})
FALL = 0.03


def dataset_in(folder, source="rendered", metrics=("AUC", "AP")):
    write_table(folder, "skipped")
    files = (folder / f"{name}.csv" for name in ("manifest", "intervals", "skipped"))
    return TableDataset("rendered", "Rendered", metrics, *files, 1, 2, source=source)


def study(folder, name, rows, columns):
    """Rows for every seed, under two protocols; only `validation` holds what is asked for."""
    path = folder / f"{name}.csv"
    parts = [
        pd.DataFrame(rows(seed), columns=columns).assign(seed=seed, protocol=protocol)
        for seed in SEEDS
        for protocol in ("validation", "last")
    ]
    frame = pd.concat(parts).assign(experiment="student-t")
    if "value" in frame:
        frame.loc[frame["protocol"] == "last", "value"] = 0.5
    write_csv(frame, path)
    return {"rendered": path}


def noise_rows(seed):
    """AUC falls at level 0.1 by three points, give or take a little; AP does not move."""
    clean = 0.8 + 0.01 * seed
    yield 0.0, "AUC", clean
    yield 0.1, "AUC", clean - FALL - 0.001 * (seed % 2)
    yield 0.0, "AP", 0.4
    yield 0.1, "AP", 0.4 + 0.01 * (-1) ** seed


def masking_rows(seed):
    for masked, level in (("none", 0.0), ("motion", 0.1), ("rgb", 0.1), ("rgb", 0.5)):
        drop = level * (0.1 + 0.002 * seed) if masked == "rgb" else 0.0
        for metric, value in (("AUC", 0.8 - drop), ("AP", 0.3), ("Brier", 0.12), ("KL", level)):
            yield masked, level, metric, "all", value
        for stream in ("weight_rgb", "weight_motion"):
            for subset in ("all", "abnormal", "normal"):
                yield masked, level, stream, subset, 0.5


def dimension_rows(seed):
    """Twenty dimensions in another order for each seed, from -0.1 to 0.09 at half masked."""
    order = np.random.default_rng(seed).permutation(20)
    for masked in ("rgb", "motion"):
        for level in (0.1, 0.5):
            for dimension, rank in enumerate(order):
                yield masked, level, dimension, int(rank < 10), (rank - 10) / 100 * 2 * level


def table5(
    folder, dataset, published=PUBLISHED / "table05.csv", seeds=SEEDS, rows=noise_rows, **others
):
    studies = study(folder, "noise", rows, ["level", "metric", "value"])
    values = {"protocol": "validation"} | others
    files = folder / "table5.tex", folder / "table5.csv"
    make_noise_table(
        "table5", "Noise", EXPERIMENT, studies, [dataset], values["protocol"], published,
        list(seeds), *files,
    )  # fmt: skip
    return files[0].read_text(), pd.read_csv(files[1])


def table11(folder, dataset, rows=masking_rows):
    columns = ["masked", "level", "metric", "subset", "value"]
    studies = study(folder, "masking", rows, columns)
    files = folder / "table11.tex", folder / "table11.csv"
    make_masking_table(
        "table11", "Masked", EXPERIMENT, studies, [dataset], "validation",
        PUBLISHED / "table11.csv", list(SEEDS), *files,
    )  # fmt: skip
    return files[0].read_text(), pd.read_csv(files[1])


def test_the_noise_table_has_means_in_percent_and_marks_what_differs_from_clean(tmp_path):
    tex, table = table5(tmp_path, dataset_in(tmp_path))
    cells = table.set_index(["level", "metric"])
    assert cells["mean"][0.1, "AUC"] == pytest.approx(82.5 - 3.05)
    assert cells["std"][0.0, "AUC"] == pytest.approx(np.std(np.arange(6), ddof=1))
    assert cells["p"][0.1, "AUC"] < 0.05 < cells["p"][0.1, "AP"]
    assert cells["p"].isna()[0.0, "AUC"]
    (line,) = [line for line in tex.splitlines() if line.startswith("0.1 ")]
    assert line.split("&")[1].count(r"^{\dagger}") == 1
    assert line.split("&")[2].count(r"^{\dagger}") == 0
    bare = (tmp_path / "table5.tabular.tex").read_text()
    assert "% Say in your caption" in bare and "better or worse than the clean one" in bare
    assert "Of 2 comparisons of these metrics with the clean one, 1 is separated" in tex
    assert "and 1 is undecided; it would need 15 seeds" in tex
    assert "paper}" not in tex
    assert set(table["block"]) == {"measured"}


def test_the_papers_numbers_stand_beside_its_own_data_set_alone(tmp_path):
    tex, table = table5(tmp_path, dataset_in(tmp_path, source="ucf-crime"))
    assert r"\textit{87.62}" in tex
    printed = table[table["block"] == "published"]
    assert printed.set_index("level")["mean"][0.1] == 87.62
    assert len(printed) == 11
    tex, table = table5(tmp_path, dataset_in(tmp_path, source="ucf-crime"), published=None)
    assert r"\textit{" not in tex
    assert set(table["block"]) == {"measured"}


def test_missing_seeds_are_told(tmp_path):
    tex, _ = table5(tmp_path, dataset_in(tmp_path), seeds=range(8))
    assert "seeds 6, 7 missing, n = 6" in tex


def test_a_study_without_the_protocol_is_one_clear_line(tmp_path):
    with pytest.raises(FusevadError, match="no rows of student-t under protocol oracle"):
        table5(tmp_path, dataset_in(tmp_path), protocol="oracle")


def undefined_rows(seed):
    """Test videos that show their anomaly throughout: `Ano-AUC` has no normal frame to rank."""
    yield from noise_rows(seed)
    yield 0.0, "Ano-AUC", np.nan
    yield 0.1, "Ano-AUC", np.nan


def test_an_undefined_metric_is_a_dash_with_a_reason(tmp_path):
    dataset = dataset_in(tmp_path, metrics=("AUC", "Ano-AUC"))
    tex, table = table5(tmp_path, dataset, rows=undefined_rows)
    (line,) = [line for line in tex.splitlines() if line.startswith("0.1 ")]
    auc, undefined = line.split("&")[1:3]
    assert "79.45" in auc and undefined.strip(" \\") == "--"
    assert "Rendered: Ano-AUC undefined (–), as the test videos with an anomaly show it" in tex
    assert set(table.loc[table["block"] == "measured", "metric"]) == {"AUC"}


@pytest.mark.parametrize(("metrics", "value"), [(("AUC",), 0.5), (("Ano-AUC",), np.nan)])
def test_a_metric_that_lacks_some_values_or_a_table_without_any_is_one_line(
    tmp_path, metrics, value
):
    def rows(seed):
        yield from noise_rows(seed)
        yield 0.0, "Ano-AUC", np.nan
        yield 0.1, "Ano-AUC", value

    with pytest.raises(FusevadError, match=r"noise\.csv: (a value is empty|no value of Ano-AUC)"):
        table5(tmp_path, dataset_in(tmp_path, metrics=metrics), rows=rows)


def test_the_masking_table_puts_the_papers_row_below_each_measured_one(tmp_path):
    tex, table = table11(tmp_path, dataset_in(tmp_path, source="ucf-crime"))
    lines = tex.splitlines()
    (half,) = [k for k, line in enumerate(lines) if line.startswith(r"Image masked & 50 \%")]
    assert "$74.75" in lines[half]
    assert r"\textit{85.74}" in lines[half + 1]
    assert r"\textit{0.2021}" in lines[half + 1]
    cells = table[table["block"] == "measured"].set_index(["masked", "level", "metric", "subset"])
    assert cells["mean"]["rgb", 0.5, "KL", "all"] == 0.5
    assert cells["mean"]["motion", 0.1, "weight_motion", "abnormal"] == 0.5
    assert cells["p"]["rgb", 0.5, "AUC", "all"] < 0.05
    assert cells["p"]["motion", 0.1, "AUC", "all"] == 1
    assert "AP" not in set(table["metric"])


def test_the_masking_table_shows_the_streams_that_the_detector_reads(tmp_path):
    names = {"motion": "audio", "weight_motion": "weight_audio"}

    def rows(seed):
        return [[names.get(each, each) for each in row] for row in masking_rows(seed)]

    tex, table = table11(tmp_path, dataset_in(tmp_path), rows)
    assert any(line.startswith(r"Sound masked & 10 \%") for line in tex.splitlines())
    assert tex.index("Sound masked") < tex.index("Image masked")
    assert "The weight of the sound is 1 minus it" in tex
    assert "otion" not in tex
    assert "weight_audio" in set(table["metric"])


def test_a_data_set_judged_by_ap_is_shown_by_ap(tmp_path):
    _, table = table11(tmp_path, dataset_in(tmp_path, metrics=("AP", "AUC")))
    assert "AP" in set(table["metric"])
    assert "AUC" not in set(table["metric"])


def test_published_masking_tables_hold_weights_that_sum_to_one():
    for number in (11, 12, 13, 14):
        table = pd.read_csv(PUBLISHED / f"table{number}.csv")
        assert len(table) == 11 * 9
        weights = table[table["metric"].str.startswith("weight")]
        sums = weights.groupby(["masked", "level", "subset"])["mean"].sum()
        np.testing.assert_allclose(sums, 1, atol=2e-4)


def test_dimensions_are_ranked_within_seeds_at_the_largest_share():
    columns = ["masked", "level", "dimension", "is_masked", "weight_change"]
    parts = [pd.DataFrame(dimension_rows(s), columns=columns).assign(seed=s) for s in SEEDS]
    levels, changes = ranked_changes(pd.concat(parts).query("masked == 'rgb'"))
    np.testing.assert_allclose(levels, [0, 0.1, 0.5])
    np.testing.assert_allclose(changes[0], 0)
    np.testing.assert_allclose(changes[1], np.arange(-10, 10) / 500)
    np.testing.assert_allclose(changes[2], np.arange(-10, 10) / 100)


def test_weights_that_never_change_are_a_flat_surface(tmp_path):
    def unchanged(seed):
        return [(*row[:-1], 0.0) for row in dimension_rows(seed)]

    columns = ["masked", "level", "dimension", "is_masked", "weight_change"]
    studies = study(tmp_path, "masking-dimensions", unchanged, columns)
    files = tmp_path / "figure3.pdf", tmp_path / "figure3.png"
    make_weight_surface(EXPERIMENT, studies, [dataset_in(tmp_path)], "validation", *files)
    assert all(file.stat().st_size for file in files)


def test_figure_3_has_a_surface_for_each_masked_stream(tmp_path, monkeypatch):
    drawn = []
    save = weight_surface.save_figure
    monkeypatch.setattr(
        weight_surface,
        "save_figure",
        lambda figure, *out: (drawn.extend([figure, out[-1]]), save(figure, *out)),
    )
    columns = ["masked", "level", "dimension", "is_masked", "weight_change"]
    studies = study(tmp_path, "masking-dimensions", dimension_rows, columns)
    files = tmp_path / "figure3.pdf", tmp_path / "figure3.png"
    make_weight_surface(EXPERIMENT, studies, [dataset_in(tmp_path)], "validation", *files)
    image, motion, bar = drawn[0].axes
    assert [axis.name for axis in (image, motion)] == ["3d", "3d"]
    assert "image masked" in image.get_title()
    assert "motion cue masked" in motion.get_title()
    assert "mean change −0.0050, 50 % of dimensions fall" in image.get_title()
    assert "masked in the input −0.0550, the others +0.0450" in image.get_title()
    assert "rank" in image.get_xlabel()
    assert "ρ" in image.get_ylabel()
    front = image.get_lines()[0].get_data_3d()
    np.testing.assert_allclose(front[2], np.arange(-10, 10) / 100)
    assert image.get_zlim()[0] < 0 < image.get_zlim()[1]
    assert "change of" in bar.get_title()
    assert drawn[0].get_suptitle() == ""
    assert drawn[0].get_figwidth() == style.PAGE, "printed unscaled"
    assert "protocol validation" in drawn[1]
    assert all(file.stat().st_size for file in files)
