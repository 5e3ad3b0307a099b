"""What rules ask a cluster for, against what their jobs were measured to use."""

import csv
import re

import pytest

from fusevad.cli import machine
from fusevad.plan.requests import memory, minutes

from ..conftest import ROOT

RULES = {
    match[1]: match[2]
    for file in sorted((ROOT / "workflow" / "rules").glob("*.smk"))
    for match in re.finditer(
        r"^ *rule (\w+):\n(.*?)(?=^ *(?:use )?rule\b|\Z)", file.read_text(), re.M | re.S
    )
}
with (ROOT / "benchmarks" / "resources.csv").open() as text:
    MEASURED = {row["rule"]: row for row in csv.DictReader(text)}
# Measured on two cores: two workers where a rule has several.
MEASURED_THREADS = 2


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_asks_for_memory_and_time(rule):
    assert re.search(r"^ +mem_mb=", RULES[rule], re.M)
    assert re.search(r"^ +runtime=minutes\(\d+\),$", RULES[rule], re.M)


def test_what_embeds_and_trains_detectors_asks_for_a_gpu():
    assert {rule for rule, text in RULES.items() if "gpu=1," in text} == {
        *("align", "embed", "search", "train"),
    }


def threads_of(rule: str) -> int:
    """Threads of a rule where it was measured."""
    stated = re.search(r"^ +threads: (.*)$", RULES[rule], re.M)
    return 1 if stated is None or stated[1] == "1" else MEASURED_THREADS


@pytest.mark.parametrize("rule", sorted(MEASURED.keys() - {"train"}))  # test_training_memory.py
def test_a_request_covers_what_was_measured_and_not_much_more(rule):
    stated = re.search(r"mem_mb=memory\((\d+)(?:, worker_mb=(\d+))?\)", RULES[rule])
    assert stated is not None
    asked = memory(*map(int, stated.groups(default="0")))(None, threads_of(rule), 1)
    assert float(MEASURED[rule]["max_rss_mb"]) <= asked <= 3 * float(MEASURED[rule]["max_rss_mb"])


@pytest.mark.parametrize("rule", sorted(MEASURED))
def test_a_job_has_more_time_than_was_measured(rule):
    stated = re.search(r"runtime=minutes\((\d+)\)", RULES[rule])
    assert stated is not None
    assert minutes(int(stated[1]))(None, 1) * 60 >= 4 * float(MEASURED[rule]["longest_s"])


def test_each_attempt_asks_for_more():
    assert [memory(100, worker_mb=40)(None, 6, attempt) for attempt in (1, 2, 3)] == [
        450,
        900,
        1350,
    ]
    assert [minutes(30)(None, attempt) for attempt in (1, 2, 3)] == [30, 60, 90]


def test_the_doctor_asks_for_as_much_memory_as_the_rule_that_embeds():
    stated = re.search(r"mem_mb=memory\((\d+)", RULES["embed"])
    assert stated is not None
    assert memory(int(stated[1]))(None, 1, 1) == machine.EMBED_MB
