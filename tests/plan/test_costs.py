"""What a target will take: against numbers computed by hand."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from fusevad.config.load import load_files
from fusevad.errors import FusevadError
from fusevad.plan.costs import StageCost, stage_costs, total
from fusevad.plan.needed import needed_for
from fusevad.plan.rates import Rate, Rates, benchmark_file, measured_rates, recorded_rates
from fusevad.plan.sizes import Size, Work, Workload
from fusevad.plan.stages import plan

# Ten crops of every frame; a tenth of the training videos is held out.
SIZE = Size(100, 80, 160_000, 10_000, 2_000, 500, 1e9, "made up")
RATES = Rates(
    {
        "cues": Rate(0.001, None, "a"),
        "embed vit-l-14": Rate(None, 0.01, "b"),
        "train vit-l-14": Rate(0.002, 0.0001, "c"),
        "train gaussian vit-l-14": Rate(0.004, 0.0001, "d"),
    }
)
EMBEDDINGS = 10_000 * 10 * 768 * 2


@pytest.fixture
def paper(root, monkeypatch) -> Workload:
    monkeypatch.chdir(root)
    config = load_files([Path("config/paper.yaml")], pairs=["datasets=[ucf-crime]"])
    return Workload(config, {"ucf-crime": SIZE})


def costs(workload: Workload, times: int = 1) -> dict[str, StageCost]:
    config = workload.config
    jobs = needed_for(plan(config), f"{config.home}/table1.tex").values()
    found = stage_costs(jobs, workload, RATES, times)
    shards = sum(job.step != job.name for job in jobs)
    assert total(found).jobs == len(jobs) + (times - 1) * shards
    return {cost.stage: cost for cost in found}


def test_motion_cues_cost_a_reading_of_every_frame(paper):
    cues = costs(paper)["cues"]
    assert cues.jobs == 32
    assert cues.core_hours == pytest.approx(160_000 * 0.001 / 3600)
    assert cues.gpu_hours is None
    # One window and threshold; 12 kB a segment.
    assert cues.written == pytest.approx(10_000 * 12_000)
    assert cues.read == pytest.approx(1e9)


def test_the_cues_of_a_camera_cost_a_reading_of_every_frame(root, monkeypatch):
    monkeypatch.chdir(root)
    pairs = ["datasets=[ucf-crime]", "events={ucf-crime: ucf-crime-dvs}"]
    config = load_files([Path("config/paper.yaml")], pairs=pairs)
    jobs = [job for job in plan(config).jobs.values() if job.stage == "camera-cues"]
    found = stage_costs(
        jobs, Workload(config, {"ucf-crime": SIZE, "ucf-crime-dvs": SIZE}), RATES, 1
    )
    (cost,) = found
    assert cost.jobs == len(jobs) > 0


def test_embeddings_cost_crops_of_every_frame_and_of_every_segment_s_cue(paper):
    embed = costs(paper)["embed"]
    assert embed.jobs == 2 * 32
    assert embed.gpu_hours == pytest.approx((160_000 * 10 + 10_000 * 10) * 0.01 / 3600)
    assert embed.core_hours is None
    assert embed.written == pytest.approx(2 * EMBEDDINGS)
    assert embed.read == pytest.approx(1e9 + 10_000 * 12_000)


def test_training_costs_all_seeds_and_epochs_of_padded_batches(paper):
    # Seven rows of the paper and one of ours; two of them read one stream.
    train = costs(paper)["train"]
    assert train.jobs == 8
    rows = 10 * 10 * (80 * 0.9) * 10 * 256
    assert train.gpu_hours == pytest.approx(8 * rows * 0.0001 / 3600)
    # The method `gaussian` has a rate of its own.
    assert train.core_hours == pytest.approx((7 * 0.002 + 0.004) * rows / 3600)
    assert train.read == pytest.approx((6 * 2 + 2) * EMBEDDINGS)
    weights = 10 * 2 * 105 * 768**2
    assert train.written == pytest.approx(8 * (weights + 2_000 * 1_000))


def test_a_hundred_times_the_data_has_more_shards_and_as_many_runs(paper):
    one, hundred = costs(paper), costs(paper, 100)
    assert hundred["cues"].jobs == 3200 and hundred["embed"].jobs == 6400
    assert hundred["train"].jobs == one["train"].jobs
    for stage in ("cues", "embed", "train"):
        assert hundred[stage].read == pytest.approx(100 * one[stage].read)
    assert hundred["train"].gpu_hours == pytest.approx(100 * one["train"].gpu_hours)
    assert hundred["cues"].written == pytest.approx(100 * one["cues"].written)


def test_a_download_brings_all_videos_and_what_is_not_measured_has_no_hours(paper):
    found = costs(paper)
    assert found["fetch"].read == found["fetch"].written == 1e9
    assert found["fetch"].core_hours is None
    assert "report: not measured" in found["report"].rates
    known = total(found.values())
    assert known.core_hours == found["cues"].core_hours + found["train"].core_hours


def test_short_videos_pad_batches_to_the_longest_of_them(paper):
    short = Size(100, 80, 16_000, 1_000, 200, 50, 1e9, "made up")
    found = costs(Workload(paper.config, {"ucf-crime": short}))["train"].gpu_hours
    assert found == pytest.approx(8 * 10 * 10 * 72 * 10 * 50 * 0.0001 / 3600)


def test_the_width_is_the_encoder_s_or_the_layout_s_of_imported_features(root, paper):
    assert paper.width("ucf-crime") == 768
    small = load_files([])
    assert Workload(small, {}).width("rendered") == 128
    over = [Path("config/ucf-crime-i3d.yaml")]
    imported = Workload(load_files(over), {"ucf-crime": SIZE})
    assert imported.width("ucf-crime") == 2048
    found = costs(imported)
    # Nobody measured training on these features.
    assert found["train"].core_hours is None
    assert found["import-features"].written == pytest.approx(10_000 * 10 * 2048 * 2)


@pytest.mark.parametrize("text", ["{}", '{"embed_dim": "wide"}', '{"model_cfg": {"embed_dim": 0}}'])
def test_a_model_that_does_not_say_its_width_is_named(paper, tmp_path, text):
    model = tmp_path / "model.json"
    model.write_text(text)
    settings = paper.config.encoder_settings | {"model": str(model)}
    without = Workload(replace(paper.config, encoder_settings=settings), {})
    with pytest.raises(FusevadError, match=r"model\.json: embed_dim: no number"):
        without.width("ucf-crime")


def test_finished_jobs_give_the_rate_of_their_stage_unless_they_may_have_had_a_gpu(
    paper, tmp_path, monkeypatch
):
    jobs = plan(paper.config).jobs.values()
    monkeypatch.chdir(tmp_path)
    folder = Path("results/ucf-crime/benchmarks")
    folder.mkdir(parents=True)
    for shard, seconds in enumerate((5, 10, 0.1)):  # the last one resumed
        _benchmark(folder / f"cues-paper-{shard}.tsv", seconds)
    _benchmark(folder / "embed-vit-l-14-rgb-0.tsv", 100)
    found = measured_rates(jobs, paper, "results/paper")
    assert set(found) == {"cues paper"}
    # A shard has a 32nd of the frames.
    assert found["cues paper"].core == pytest.approx(10 / (160_000 / 32))
    both = Rates(RATES.by_key | found)
    assert both.of(Work(("cues paper", "cues"), 1, "frame")) is found["cues paper"]
    for damaged in ("s\th:m:s\n", "s\tcpu_time\n1\tnan\n", "s\tcpu_time\ninf\t-\n"):
        (folder / "cues-paper-0.tsv").write_text(damaged)
        with pytest.raises(FusevadError, match="not a benchmark file"):
            measured_rates(jobs, paper, "results/paper")


def test_the_recorded_rates_are_read_and_a_damaged_table_is_named(root, tmp_path):
    rates = recorded_rates(root / "benchmarks" / "rates.csv")
    assert rates["embed vit-l-14"].gpu == pytest.approx(1 / 2150, rel=0.01)
    table = tmp_path / "rates.csv"
    head = "rate,unit,core_seconds,gpu_seconds,source\n"
    for text, said in (("a,b\n", "its columns must be"), (head + "a,b,-1,,c\n", "no seconds")):
        table.write_text(text)
        with pytest.raises(FusevadError, match=said):
            recorded_rates(table)


def test_benchmark_files_are_those_of_the_rules(root, paper):
    rules = "".join(path.read_text() for path in (root / "workflow" / "rules").glob("*.smk"))
    named = re.findall(r"^rule (\w+):.*?benchmark:\n\s+f?\"(.*?)\"", rules, re.M | re.S)
    patterns = {
        rule: re.sub(r"\{+\w+\}+", "(.+)", text.replace("{HOME}", "results/paper"))
        for rule, text in named
    }
    seen = set()
    for job in plan(paper.config).jobs.values():
        if job.stage in ("manifest", "cues", "index", "evaluate", "films"):
            found = re.fullmatch(patterns[job.stage], str(benchmark_file(job, "results/paper")))
            assert found is not None, job.name
            assert "-".join(found.groups()) == "-".join(job.name.split("/")[1:])
            seen.add(job.stage)
    assert len(seen) == 5


def _benchmark(file: Path, seconds: float) -> None:
    file.write_text(f"s\tmax_rss\tcpu_time\n{2 * seconds}\t100\t{seconds}\n")
