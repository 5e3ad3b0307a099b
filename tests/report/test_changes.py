"""What changed between two results is found in their records, and said in a line a change."""

import copy
import io
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fusevad.cli import app, main
from fusevad.errors import FusevadError
from fusevad.plan.ancestry import Pair, ancestry_of
from fusevad.plan.made import Made
from fusevad.plan.records import FileRecord, Record, read_record, write_record
from fusevad.report.changes import diff_lines

METHODS = ("gating", "student-t")
TABLE = "results/table1.tex"
PACKAGES = {"torch": "2.9", "numpy": "2.3"}
MADE = Made("a" * 40, "A processor", 60.0)
DIGESTS = {"v0": "0" * 64, "v1": "1" * 64, "v2": "2" * 64}


def settings_of(method):
    return {"method": method, "epochs": 8, "model": {"nu": 5}, "seeds": [0, 1, 2]}


def step(stage, settings, **sources):
    return {"stage": stage, "version": 1, "settings": settings, "sources": sources}


class Project:
    """A made-up clone: a manifest, two trained and evaluated methods, and a table of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lineage = {"manifest/shop": step("manifest", {"on_bad_video": "stop"})}
        self.made(
            "manifest/shop",
            {"data/labels.csv": "video\n"},
            {
                "results/shop/manifest.csv": "video,sha256\n"
                + "".join(f"{name},{digest}\n" for name, digest in DIGESTS.items()),
                "results/shop/intervals.csv": "video,start,end\n",
            },
        )
        for method in METHODS:
            self.run(method)
        values = "".join(f"measured,{m},{m},shop,AUC,last,80.5,1.0\n" for m in METHODS)
        head = "block,method,experiment,dataset,metric,protocol,mean,std\n"
        experiments = [{"name": m, "runs": {"shop": f"results/shop/runs/{m}"}} for m in METHODS]
        self.lineage["report/table1"] = step("report", {"experiments": experiments})
        runs = {f"results/shop/runs/{m}/seeds.csv": None for m in METHODS}
        self.made("report/table1", runs, {TABLE: "tex", "results/table1.csv": head + values})

    def run(self, method):
        folder, data = f"results/shop/runs/{method}", {"results/shop/manifest.csv": None}
        trained = self.lineage[f"train/shop/{method}"] = step("train", settings_of(method))
        before = {name: self.lineage[name] for name in ("manifest/shop",)}
        own = before | {f"train/shop/{method}": trained}
        self.made(f"train/shop/{method}", data, {f"{folder}/history.csv": method}, own, MADE)
        evaluated = self.lineage[f"evaluate/shop/{method}"] = step("evaluate", {})
        own = own | {f"evaluate/shop/{method}": evaluated}
        values = "seed,protocol,epoch,metric,value\n0,last,7,AUC,0.80\n1,last,7,AUC,0.81\n"
        read = data | {f"{folder}/history.csv": None}
        self.made(f"evaluate/shop/{method}", read, {f"{folder}/seeds.csv": values}, own)

    def made(self, job, inputs, outputs, lineage=None, made=None):
        """Write outputs and their record; inputs with a content are written, too."""
        for path, content in {**inputs, **outputs}.items():
            if content is not None:
                (self.root / path).parent.mkdir(parents=True, exist_ok=True)
                (self.root / path).write_text(content)
        hashes = {path: FileRecord.of(self.root / path).sha256 for path in inputs}
        noted = {path: FileRecord.of(self.root / path) for path in outputs}
        lineage = copy.deepcopy(self.lineage if lineage is None else lineage)
        record = Record(job, job.split("/")[0], lineage, hashes, noted, PACKAGES, {}, made)
        first = self.root / next(iter(outputs))
        write_record(record, first.with_suffix(".provenance.json"))

    def rewrite(self, path, change):
        """Change the content of an output, as if its job had made it so."""
        file = self.root / path
        file.write_text(change(file.read_text()))
        for beside in file.parent.glob("*.provenance.json"):
            outputs = read_record(beside).outputs
            if path in outputs:
                self.change(
                    beside.relative_to(self.root), outputs=outputs | {path: FileRecord.of(file)}
                )

    def change(self, path, **values):
        """Change fields of a record."""
        file = self.root / path
        write_record(replace(read_record(file), **values), file)

    def change_steps(self, change):
        """Change the lineage in every record."""
        for file in self.root.rglob("*.provenance.json"):
            record = read_record(file)
            for name, values in record.lineage.items():
                change(name, values)
            write_record(record, file)


@pytest.fixture
def a(tmp_path):
    return Project(tmp_path / "a")


@pytest.fixture
def b(tmp_path):
    return Project(tmp_path / "b")


def lines(a, b, path=TABLE, other=None):
    return diff_lines(Pair.of(ancestry_of(a.root / path), ancestry_of(b.root / (other or path))))


def test_two_clones_that_made_the_same_differ_in_nothing(a, b):
    assert lines(a, b) == ["nothing differs in what makes them", "0 of 2 numbers moved"]


def test_a_hyperparameter_of_one_method_is_named_with_both_values(a, b):
    def change(name, step):
        if name == "train/shop/student-t":
            step["settings"]["epochs"], step["settings"]["model"]["nu"] = 3, 7

    b.change_steps(change)
    assert lines(a, b)[:2] == [
        "train/shop/student-t: epochs 8 -> 3",
        "train/shop/student-t: model.nu 5 -> 7",
    ]


def test_what_changed_for_all_methods_is_one_line_and_seeds_are_ranges(a, b):
    def change(name, step):
        if step["stage"] == "train":
            step["settings"]["seeds"] = [0, 1]

    b.change_steps(change)
    assert lines(a, b)[0] == "train, all 2 jobs: seeds 0-2 -> 0-1"


def test_versions_and_sources_of_steps_are_compared(a, b):
    a.change_steps(lambda _, step: step["sources"].update({"config/w.safetensors": "c" * 64}))

    def change(name, step):
        step["sources"]["config/w.safetensors"] = "d" * 64 if name == "manifest/shop" else "c" * 64
        step["version"] = 2 if step["stage"] == "evaluate" else 1

    b.change_steps(change)
    assert lines(a, b)[:2] == [
        f"manifest/shop: content of config/w.safetensors {'c' * 12} -> {'d' * 12}",
        "evaluate, all 2 jobs: version 1 -> 2",
    ]


def test_a_method_that_only_one_table_has_is_named(a, b):
    def change(name, step):
        if step["stage"] == "report":
            step["settings"]["experiments"].pop()

    b.change_steps(change)
    file = b.root / "results/table1.provenance.json"
    record = read_record(file)
    kept = {name: step for name, step in record.lineage.items() if "student-t" not in name}
    write_record(replace(record, lineage=kept), file)
    assert lines(a, b)[:2] == [
        "only in A: train/shop/student-t, evaluate/shop/student-t",
        "report/table1: experiments.student-t given -> unset",
    ]


def test_packages_are_compared_and_jobs_counted_where_not_all_differ(a, b):
    run = "results/shop/runs/gating/history.provenance.json"
    b.change(run, packages={"torch": "2.10", "numpy": "2.3"})
    assert lines(a, b)[0] == "torch 2.9 -> 2.10 (in 1 of 6 jobs)"
    for file in b.root.rglob("*.provenance.json"):
        b.change(file.relative_to(b.root), packages={"torch": "2.10", "numpy": "2.3"})
    assert lines(a, b)[0] == "torch 2.9 -> 2.10"


def test_other_videos_are_counted_and_other_annotations_said(a, b):
    (b.root / "data/labels.csv").write_text("other\n")
    content = "video,sha256\nv0," + "0" * 64 + "\nv1," + "9" * 64 + "\nv3," + "3" * 64 + "\n"
    b.made(
        "manifest/shop",
        {"data/labels.csv": None},
        {
            "results/shop/manifest.csv": content,
            "results/shop/intervals.csv": "video,start,end\nv1,0,3\n",
        },
    )
    assert lines(a, b)[:3] == [
        "data/labels.csv: other content",
        "manifest/shop: videos: 1 only in A, 1 only in B, 1 of other content",
        "manifest/shop: intervals.csv has other rows",
    ]


def test_a_job_that_made_other_bytes_of_the_same_is_named_with_commit_and_machine(a, b):
    path = "results/shop/runs/gating/history.provenance.json"
    b.rewrite("results/shop/runs/gating/history.csv", lambda text: f"other {text}")
    b.change(path, made=Made("b" * 40 + "-dirty", "Another processor", 61.0))
    assert lines(a, b)[:3] == [
        "train/shop/gating: other bytes of the same inputs, settings and packages",
        f"train/shop/gating: commit {'a' * 12} -> {'b' * 12}-dirty",
        "train/shop/gating: machine A processor -> Another processor",
    ]


def test_numbers_that_moved_come_last_the_largest_move_first(a, b):
    def change(text):
        text = text.replace("gating,shop,AUC,last,80.5", "gating,shop,AUC,last,79.25")
        return text.replace("student-t,shop,AUC,last,80.5", "student-t,shop,AUC,last,83")

    b.rewrite("results/table1.csv", change)
    assert lines(a, b)[-3:] == [
        "2 of 2 numbers moved",
        "  student-t, shop, AUC, last: 80.50 -> 83.00",
        "  gating, shop, AUC, last: 80.50 -> 79.25",
    ]


# Heads of tables' CSV files, and two rows each whose mean and everything beside it have changed.
FORMS = {
    "ablation": (
        "block,row,nu,experiment,dataset,metric,protocol,mean,std,iqm,iqm_low,iqm_high,n,p,parameters",
        "measured,x,8.0,x,shop,AUC,last,80.5,1,81,80,82,3,0.5,100",
        "measured,x,8.0,x,shop,AUC,last,79.5,2,80,79,81,4,0.4,200",
        "  x, 8.0, x, shop, AUC, last: 80.50 -> 79.50",
    ),
    "methods": (
        "block,method,experiment,dataset,metric,protocol,mean,std,streams,learning_rate,parameters,"
        "flops_per_segment",
        "measured,X,x,shop,AUC,last,80.5,1,rgb,0.1,100,7",
        "measured,X,x,shop,AUC,last,79.5,2,rgb motion,0.01,200,8",
        "  x, shop, AUC, last: 80.50 -> 79.50",
    ),
    "classes": (
        "block,method,experiment,dataset,class,videos,mean,std",
        "measured,X,x,shop,fire,3,80.5,1",
        "measured,X,x,shop,fire,4,79.5,1",
        "  x, shop, fire: 80.50 -> 79.50",
    ),
    "attention": (
        "block,dataset,modality,mean,standard_error,videos,segments",
        "measured,shop,rgb,0.5,0.1,3,30",
        "measured,shop,rgb,0.4,0.2,4,40",
        "  shop, rgb: 0.50 -> 0.40",
    ),
    "locality": (
        "dataset,experiment,method,seed,protocol,quantity,value,block",
        "shop,x,X,0,last,AUC,80.5,measured",
        "shop,x,X,0,last,AUC,79.5,measured",
        "  shop, x, last, AUC: 80.50 -> 79.50",
    ),
}


@pytest.mark.parametrize("head, old, new, line", FORMS.values(), ids=FORMS)
def test_a_number_is_known_by_what_it_is_of_not_by_what_stands_beside_it(
    a, b, head, old, new, line
):
    for project, row in ((a, old), (b, new)):
        project.rewrite("results/table1.csv", lambda _, row=row: f"{head}\n{row}\n")
    assert lines(a, b)[-2:] == ["1 of 1 numbers moved", line]


def test_of_leaks_the_numbers_of_videos_are_compared_and_rows_without_any_are_not_counted(a, b):
    rows = [
        "measured,shop,leaked,20,,,,,,",
        "measured,shop,moved,3,,,,,,",
        "measured,street,no released split,,,,,,,",
        "measured,shop,official_common,60,x,AUC,80.5,1,3,",
        "measured,shop,released_common,60,x,AP,,,0,",
    ]
    head = "block,dataset,quantity,videos,experiment,metric,mean,std,n,p"
    for project, changes in ((a, ()), (b, ((",20,", ",25,"), (",60,", ",61,")))):
        text = "\n".join([head, *rows, ""])
        for old, new in changes:
            text = text.replace(old, new)
        project.rewrite("results/table1.csv", lambda _, text=text: text)
    assert lines(a, b)[-2:] == ["1 of 3 numbers moved", "  shop, leaked: 20.00 -> 25.00"]
    b.rewrite("results/table1.csv", lambda text: text.replace("street,no rel", "lane,no rel"))
    assert lines(a, b)[-2] == "1 of 3 numbers moved"
    b.rewrite("results/table1.csv", lambda text: text.replace("shop,moved", "lane,moved"))
    assert lines(a, b)[-2] == "1 of 2 numbers moved; 1 only in A, 1 only in B"


def test_two_runs_of_one_clone_are_compared_though_their_names_differ(a):
    seeds = "results/shop/runs/student-t/seeds.csv"
    a.rewrite(seeds, lambda text: text.replace("0.81", "0.83"))
    assert lines(a, a, "results/shop/runs/gating", "results/shop/runs/student-t") == [
        "train/shop/gating: method gating -> student-t",
        "1 of 1 numbers moved",
        "  last, AUC: 80.50 -> 81.50",
    ]


def test_a_table_without_the_records_behind_it_says_which_inputs_differ(a, b):
    for each in (a, b):
        for file in (each.root / "results/shop").rglob("*.provenance.json"):
            file.unlink()
    record = read_record(b.root / "results/table1.provenance.json")
    path = "results/shop/runs/gating/seeds.csv"
    b.change("results/table1.provenance.json", inputs=record.inputs | {path: "f" * 64})
    assert lines(a, b)[0] == f"{path}: other content"


def test_a_record_that_names_files_outside_its_clone_is_not_followed_there(a, b, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x.provenance.json").write_text("no record")
    record = read_record(a.root / "results/table1.provenance.json")
    inputs = record.inputs | {"../outside/x.csv": "1" * 64}
    for each in (a, b):
        each.change("results/table1.provenance.json", inputs=inputs)
    assert lines(a, b)[0] == "nothing differs in what makes them"


def test_results_of_different_kinds_or_without_a_record_are_one_line(a, b):
    with pytest.raises(FusevadError, match="different kinds; compare two tables"):
        lines(a, b, TABLE, "results/shop/runs/gating")
    (a.root / "results/table1.provenance.json").unlink()
    with pytest.raises(FusevadError, match="no record of how it was made"):
        lines(a, b)
    with pytest.raises(FusevadError, match="no such result; name a table"):
        lines(a, b, "results/none.tex")


@pytest.mark.parametrize("value", ["80.5.1", "high"])
def test_a_table_with_text_for_a_number_is_one_line(a, b, value):
    b.rewrite("results/table1.csv", lambda text: text.replace("80.5", value))
    with pytest.raises(FusevadError, match=r"b/results/table1\.csv: column mean: not all numbers"):
        lines(a, b)


def test_a_table_with_text_for_a_number_of_videos_is_one_line(a, b):
    for project in (a, b):
        text = "dataset,quantity,videos,experiment,mean\nshop,leaked,many,,\n"
        project.rewrite("results/table1.csv", lambda _, text=text: text)
    with pytest.raises(FusevadError, match=r"results/table1\.csv: column videos: not all numbers"):
        lines(a, b)


def test_entries_without_a_name_for_a_name_are_compared_by_place(a, b):
    b.change_steps(
        lambda name, values: (
            values["settings"].update({"experiments": [{"name": ["x"]}]})
            if name == "report/table1"
            else None
        )
    )
    assert any("experiments" in line for line in lines(a, b))


def _emptied(text):
    return ""


def _doubled(text):
    return text * 2


def _shortened(text):
    return "".join(text.splitlines(keepends=True)[:-1])


def _endless(text):
    return text.replace("1,last,7", "1,last,1e308")


GATING = "results/shop/runs/gating"
ALTERED = {
    "the table lacks a row": (TABLE, "results/table1.csv", _shortened),
    "the table has rows twice": (TABLE, "results/table1.csv", _doubled),
    "the table's document": (TABLE, TABLE, _emptied),
    "a run behind the table": (TABLE, f"{GATING}/seeds.csv", _endless),
    "a manifest behind the table": (TABLE, "results/shop/manifest.csv", _shortened),
    "a run's values": (GATING, f"{GATING}/seeds.csv", _endless),
    "a history that is empty": (GATING, f"{GATING}/history.csv", _emptied),
    "a history that is doubled": (GATING, f"{GATING}/history.csv", _doubled),
}


@pytest.mark.parametrize("result, file, change", ALTERED.values(), ids=ALTERED)
def test_a_file_that_is_not_as_recorded_is_named_instead_of_compared(a, b, result, file, change):
    altered = b.root / file
    altered.write_text(change(altered.read_text()))
    for pair in ((a, b), (b, a)):
        with pytest.raises(FusevadError) as error:
            lines(*pair, result)
        assert str(error.value).startswith(f"{altered}: changed since it was made, so not as rec")
        assert str(error.value).endswith(f"; delete {altered} and run the workflow again")


def test_large_files_of_the_jobs_before_and_files_that_are_gone_are_not_asked_for(a, b):
    for each in (a, b):
        each.made("embed/shop", {"data/labels.csv": None}, {"results/shop/e/s.safetensors": "1"})
        record = read_record(each.root / "results/table1.provenance.json")
        inputs = record.inputs | {"results/shop/e/s.safetensors": "1" * 64}
        each.change("results/table1.provenance.json", inputs=inputs)
        (each.root / "results/shop/e/s.safetensors").write_text("not read")
        (each.root / GATING / "seeds.csv").unlink()
    assert lines(a, b) == ["nothing differs in what makes them", "0 of 2 numbers moved"]


def test_a_record_of_an_absolute_path_is_no_record_of_the_result(a, b):
    table = str(b.root / "results/table1.csv")
    b.change("results/table1.provenance.json", outputs={table: FileRecord.of(Path(table))})
    with pytest.raises(FusevadError, match="no record of how it was made"):
        lines(a, b)


def test_a_version_with_control_characters_is_a_line_that_no_terminal_obeys(a, b):
    for file in b.root.rglob("*.provenance.json"):
        b.change(file.relative_to(b.root), packages={"torch": "2\x1b[2J\nnothing", "numpy": "2.3"})
    found = CliRunner().invoke(app, ["diff", str(a.root / TABLE), str(b.root / TABLE)])
    assert found.output.splitlines()[0] == r"torch 2.9 -> 2\x1b[2J\nnothing"


def test_letters_that_a_terminal_lacks_are_written_out(a, b, monkeypatch):
    for file in b.root.rglob("*.provenance.json"):
        b.change(file.relative_to(b.root), packages={"torch": "2.9ü", "numpy": "2.3"})
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "ascii", "strict"))
    monkeypatch.setattr(sys, "argv", ["fusevad", "diff", *(str(x.root / TABLE) for x in (a, b))])
    with pytest.raises(SystemExit) as ended:
        main()
    sys.stdout.flush()
    assert ended.value.code == 0
    assert written.getvalue().startswith(b"torch 2.9 -> 2.9\\xfc\n")


def test_the_command_prints_the_lines(a, b):
    result = CliRunner().invoke(app, ["diff", str(a.root / TABLE), str(b.root / TABLE)])
    assert result.exit_code == 0
    assert result.output.splitlines() == lines(a, b)
