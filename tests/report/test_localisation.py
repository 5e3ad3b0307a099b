"""The table of events and the figure of confused classes, from made-up runs."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fusevad.errors import FusevadError
from fusevad.evaluate.events import COUNTINGS, IOUS
from fusevad.report.confusion import make_confusion
from fusevad.report.localisation import make_localisation
from fusevad.report.named_tables import NamedTable
from fusevad.report.power_lines import power_lines
from tests.made_up_runs import CLASSES, SEEDS, make_up

PROTOCOLS = ("last", "validation", "oracle")
NAMES = ("concat", "student-t")


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    """Two runs with precisions and confusions: `student-t` finds ten points more."""
    made = make_up(tmp_path_factory.mktemp("localisation") / "rendered")
    rng = np.random.default_rng(0)
    for row in made.rows:
        key = [(s, p) for s in SEEDS for p in PROTOCOLS]
        base = 0.5 if row.name == "student-t" else 0.4
        events = [
            (s, p, counting, iou, name, base - iou / 2 + 0.01 * rng.standard_normal())
            for s, p in key
            for counting in COUNTINGS
            for iou in IOUS
            for name in (*CLASSES, "mean")
        ]
        columns = ["seed", "protocol", "counting", "iou", "class", "value"]
        folder = row.runs["rendered"]
        pd.DataFrame(events, columns=columns).to_csv(folder / "localisation.csv", index=False)
        confused = [(s, p, name, CLASSES[0], 2.0) for s, p in key for name in CLASSES]
        columns = ["seed", "protocol", "class", "predicted", "videos"]
        pd.DataFrame(confused, columns=columns).to_csv(folder / "confusion.csv", index=False)
    return made


def table(made_up, folder, published=None, protocol="validation"):
    rows = [row for row in made_up.rows if row.name in NAMES]
    files = folder / "localisation.tex", folder / "localisation.csv"
    arguments = (rows, [made_up.dataset], protocol, published, list(SEEDS), *files)
    make_localisation("localisation", "Events", *arguments)
    return files[0].read_text(), pd.read_csv(files[1], dtype={"iou": str})


def test_cells_are_means_over_seeds_and_the_average_is_over_overlaps(made_up, tmp_path):
    text, found = table(made_up, tmp_path)
    values = pd.read_csv(made_up.rows[-1].runs["rendered"] / "localisation.csv")
    name = made_up.rows[-1].name
    own = found[(found["experiment"] == name) & (found["protocol"] == "validation")]
    cells = own.set_index(["counting", "class", "iou"])["mean"]
    chosen = values[(values["protocol"] == "validation") & (values["class"] == "mean")]
    for (counting, iou), part in chosen.groupby(["counting", "iou"]):
        expected = 100 * part["value"].mean()
        assert cells[counting, "mean", f"{iou:g}"] == pytest.approx(expected)
        assert f"{expected:.2f}" in text
    ours = chosen[chosen["counting"] == "ours"]["value"]
    assert cells["ours", "mean", "average"] == pytest.approx(100 * ours.mean())
    for kind in CLASSES:
        shown = values[(values["protocol"] == "validation") & (values["class"] == kind)]
        shown = shown[shown["counting"] == "ours"]["value"]
        assert cells["ours", kind, "average"] == pytest.approx(100 * shown.mean())


def test_a_method_that_finds_ten_points_more_in_all_seeds_is_bold(made_up, tmp_path):
    _, found = table(made_up, tmp_path)
    shown = found[found["protocol"] == "validation"]
    assert set(shown.loc[shown["bold"], "experiment"]) == {"student-t"}


def test_the_caption_says_what_the_seeds_decide_and_no_cell_has_a_dagger(made_up, tmp_path):
    text, _ = table(made_up, tmp_path)
    caption = text.split(r"\par")[0].replace(r"$\pm$", "±")
    # Two methods: a pair a cell. Two countings of five overlaps and their average; the classes.
    assert "By overlap: Of all 12 pairs in the table, 12 are separated" in caption
    count = len(CLASSES)
    assert f"By class: Of all {count} pairs in the table, {count} are separated" in caption
    assert "dagger" not in text
    rows = [row for row in made_up.rows if row.name in NAMES]
    files = "localisation", "results/localisation.tex"
    named = NamedTable(*files, rows, [made_up.dataset], "validation", kind="localisation")
    lines = list(power_lines(named, 0.01))
    assert lines.index("BY OVERLAP") < lines.index("BY CLASS")
    assert sum(" is better than " in line for line in lines) == 12 + count


def test_published_numbers_are_a_block_of_their_own(made_up, tmp_path):
    rows = ["method,dataset,iou,value"]
    rows += [f"Paper,{made_up.dataset.source},{iou:g},{10 + 100 * iou}" for iou in IOUS]
    published = tmp_path / "published.csv"
    published.write_text("\n".join(rows) + "\n")
    text, found = table(made_up, tmp_path, published)
    assert "Published, not re-run" in text
    printed = found[found["block"] == "published"].set_index("iou")["mean"]
    assert printed["0.3"] == 40 and printed["average"] == 40
    published.write_text("\n".join([*rows, rows[-1]]))
    with pytest.raises(FusevadError, match="a number twice"):
        table(made_up, tmp_path, published)


def test_published_numbers_of_data_sets_that_are_not_configured_are_a_table_of_their_own(
    made_up, tmp_path
):
    published = tmp_path / "published.csv"
    rows = [f"Paper,cctv-fights,{iou:g},{10 + 100 * iou}" for iou in IOUS]
    published.write_text("\n".join(["method,dataset,iou,value", *rows]) + "\n")
    text, found = table(made_up, tmp_path, published)
    assert "CCTV-Fights" in text and "Published, not re-run" in text
    (line,) = [each for each in text.splitlines() if each.startswith("Paper &")]
    assert line.count("40.00") == 2  # at 0.3, and on average
    assert set(found.loc[found["block"] == "published", "dataset"]) == {"cctv-fights"}


def test_an_unknown_protocol_and_a_missing_file_are_one_line(made_up, tmp_path):
    with pytest.raises(FusevadError, match="protocol 'best'"):
        table(made_up, tmp_path, protocol="best")
    with pytest.raises(FusevadError, match=r"confusion\.csv"):
        moved = made_up.rows[0].runs["rendered"] / "confusion.csv"
        content = moved.read_text()
        moved.unlink()
        try:
            files = tmp_path / "confusion.pdf", tmp_path / "confusion.png"
            make_confusion(made_up.rows[0], made_up.dataset, "last", *files)
        finally:
            moved.write_text(content)


def test_the_figure_has_a_dark_column_where_all_videos_are_taken_for_one_class(made_up, tmp_path):
    files = tmp_path / "confusion.pdf", tmp_path / "confusion.png"
    make_confusion(made_up.rows[0], made_up.dataset, "validation", *files)
    picture = np.asarray(Image.open(files[1]).convert("L")).astype(int)
    # Columns of pixels by how many dark-blue ones they have: one class's stand out.
    dark = (picture < 90).sum(axis=0)
    assert dark.max() > 5 * np.median(dark[dark > 0])
    assert files[0].read_bytes().startswith(b"%PDF")
