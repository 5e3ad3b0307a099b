# FuseVAD: from videos to the tables and figures of a paper. config/ says what is run,
# this file and workflow/rules/ when, and the package workflow/fusevad/ how.
import sys
from functools import partial
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

from fusevad.config.command_line import check_command_line
from fusevad.config.load import load
from fusevad.config.names import configuration_name
from fusevad.embed.streams.registry import PATTERN as STREAM_NAMES
from fusevad.errors import FusevadError
from fusevad.plan.jobs import Jobs
from fusevad.plan.method_jobs import MethodJobs
from fusevad.plan.requests import memory, minutes
from fusevad.config.protocols import KEPT_PROTOCOLS
from fusevad.plan.sources import changes_of
from fusevad.plan.stages import plan
from fusevad.plan.study_jobs import StudyJobs
from fusevad.system_errors import one_line_each

min_version("9.0")


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


try:
    with one_line_each():
        check_command_line(sys.argv[1:])
        OVER = workflow.config_settings.config
        FILES = workflow.config_settings.configfiles
        NAME = configuration_name(FILES, OVER, config.get("name"))
        CONFIG = load(config, Path("config"), NAME)
        JOBS = Jobs(CONFIG)
        STUDIES = StudyJobs(JOBS)
        METHODS = MethodJobs(JOBS)
        PLAN = plan(CONFIG)
        PLAN.check_targets(sys.argv[1:])
        # All at once: Snakemake lists a folder once, and doesn't see files written later.
        PLAN.write_all_settings()
        for change in changes_of(PLAN).values():
            logger.warning(f"fusevad: {change.line}")
except FusevadError as error:
    raise WorkflowError(str(error))


# Where this configuration's runs, tables, figures and pages go; data and embeddings are shared.
HOME = CONFIG.home
if OVER and "name" not in OVER:
    logger.info(f"Values of --config are laid over: runs and tables go to {HOME}.")


# Inputs of a rule's job, by name: inputs_of("train/{dataset}/{experiment}").
inputs_of = partial(PLAN.inputs_of, ancient)


wildcard_constraints:
    dataset=JOBS.one_of(CONFIG.every),
    definition="paper|released",
    encoder=JOBS.one_of(JOBS.embedding_folders),
    stream=STREAM_NAMES,
    shard="[0-9]+",
    experiment=JOBS.one_of(CONFIG.experiments),


rule all:
    input:
        f"{HOME}/table1.tex",
        f"{HOME}/metrics.json",
        f"{HOME}/figures/table1-seeds.pdf",
        expand(f"{HOME}/figures/timelines-{{dataset}}.pdf", dataset=CONFIG.embedded),
        # Without intervals of test videos no frame is judged.
        expand(
            f"{HOME}/{{made}}",
            made=["classes.tex", "figures/figure2.pdf", "figures/curves.pdf"] * CONFIG.frame_level,
        ),
        [f"{HOME}/figures/rendered.png"] if "rendered" in CONFIG.datasets else [],


include: "workflow/rules/data.smk"
include: "workflow/rules/cues.smk"
include: "workflow/rules/embed.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/studies.smk"
include: "workflow/rules/methods.smk"
include: "workflow/rules/deploy.smk"
include: "workflow/rules/encoder.smk"
