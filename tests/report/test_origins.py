"""Numbers on a table's page lead to the seeds that they are made of."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from fusevad.plan.records import FileRecord, Record, write_record
from fusevad.report.table1 import make_table1
from tests.made_up_runs import PUBLISHED, SEEDS, changed_run, make_up


class Page(HTMLParser):
    """Links of a page with their texts, and the texts of its sections."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: dict[str, str] = {}
        self.sections: dict[str, str] = {}
        self._link = self._section = ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "a":  # the link that closes a section leads nowhere
            self._link = given["href"].removeprefix("#")
        if tag == "section":
            self._section = given["id"]

    def handle_endtag(self, tag):
        if tag == "a":
            self._link = ""
        if tag == "section":
            self._section = ""

    def handle_data(self, data):
        if self._link:
            self.links[self._link] = self.links.get(self._link, "") + data
        if self._section:
            self.sections[self._section] = self.sections.get(self._section, "") + data + " "


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    made_up = make_up(tmp_path_factory.mktemp("made_up"))
    run = made_up.rows[-1].runs["rendered"]
    (run / "weights").mkdir()
    outputs = {}
    for seed in SEEDS:
        path = run / "weights" / f"seed-{seed}-validation.safetensors"
        path.write_text(f"weights {seed}")
        outputs[str(path)] = FileRecord.of(path)
    inputs = {"manifest.csv": "1" * 64, "rgb/index.csv": "2" * 64, "rgb/shard-0.st": "3" * 64}
    record = Record("train/rendered/x", "train", {}, inputs, outputs, {})
    write_record(record, run / "history.provenance.json")
    return made_up


@pytest.fixture(scope="module")
def table(made_up, tmp_path_factory):
    out = tmp_path_factory.mktemp("results") / "table1.tex"
    make(made_up.rows, made_up.dataset, out)
    return out


def make(rows, dataset, out):
    published, csv = PUBLISHED / "table01.csv", out.with_suffix(".csv")
    make_table1(rows, [dataset], "validation", published, SEEDS, (), out, csv)


@pytest.fixture(scope="module")
def page(table):
    return Page(table.with_suffix(".html").read_text())


def test_each_measured_number_links_to_a_section_and_each_section_is_linked(made_up, page):
    expected = {
        f"rendered/{row.name}/{metric}"
        for row in made_up.rows
        for metric in made_up.dataset.metrics
    }
    assert set(page.links) == set(page.sections) == expected


def test_the_values_of_a_section_are_the_seeds_of_the_number(made_up, page):
    for row in made_up.rows:
        seeds = pd.read_csv(row.runs["rendered"] / "seeds.csv")
        chosen = seeds[(seeds["protocol"] == "validation") & (seeds["metric"] == "AP")]
        section = page.sections[f"rendered/{row.name}/AP"]
        found = [float(value) for value in re.findall(r"\b\d+\.\d\d\b", section)]
        assert found == pytest.approx(100 * chosen["value"].to_numpy(), abs=0.00501)
        mean = float(page.links[f"rendered/{row.name}/AP"].split()[0])
        assert mean == pytest.approx(sum(found) / len(found), abs=0.011)


def test_a_section_has_the_recorded_hashes_of_weights_and_data(made_up, page):
    run = made_up.rows[-1].runs["rendered"]
    weights = run / "weights" / "seed-3-validation.safetensors"
    section = page.sections["rendered/student-t/AUC"]
    assert FileRecord.of(weights).sha256[:12] in section
    assert f"{'1' * 64} manifest.csv" in section
    assert f"{'2' * 64} rgb/index.csv" in section
    assert "shard-0" not in section


def test_a_section_names_the_command_that_says_more(table, page):
    assert f"fusevad why {table} student-t AUC" in page.sections["rendered/student-t/AUC"]


def test_sections_are_on_the_page_alone(table):
    assert "fusevad why" not in table.read_text()
    assert "fusevad why" not in Path(f"{table.with_suffix('')}.tabular.tex").read_text()


def test_a_table_reads_the_values_of_each_run_once(made_up, tmp_path, monkeypatch):
    read, read_bytes = [], Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path) or read_bytes(path))
    make(made_up.rows, made_up.dataset, tmp_path / "table1.tex")
    runs = [row.runs["rendered"] for row in made_up.rows]
    assert sorted(path.parent for path in read if path.name == "seeds.csv") == sorted(runs)


def test_a_section_of_an_undefined_metric_has_the_seeds_and_their_epochs(made_up, tmp_path):
    def changed(seeds):
        undefined = seeds["metric"] == "Ano-AP"
        return seeds.assign(value=seeds["value"].mask(undefined), epoch=10 * seeds["seed"] + 7)

    row = changed_run(made_up.rows[0], tmp_path / "run", changed)
    make([row], made_up.dataset, tmp_path / "table1.tex")
    section = Page((tmp_path / "table1.html").read_text()).sections[f"rendered/{row.name}/Ano-AP"]
    for seed in SEEDS:
        assert re.search(rf"\b{seed}\s+–\s+{10 * seed + 7}\b", section)
