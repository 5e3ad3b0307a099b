# FuseVAD: from videos to the tables and figures of a paper. What is run stands in config/, when it
# is run here and in workflow/rules/, how it is done in the package workflow/fusevad/.
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

from fusevad.config.command_line import check_command_line
from fusevad.config.load import load
from fusevad.errors import FusevadError
from fusevad.plan.jobs import Jobs
from fusevad.config.protocols import KEPT_PROTOCOLS
from fusevad.plan.stages import plan
from fusevad.plan.study_jobs import StudyJobs
from fusevad.system_errors import one_line_each

min_version("9.0")


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


try:
    with one_line_each():
        check_command_line(sys.argv[1:])
        CONFIG = load(config, Path("config"))
        JOBS = Jobs(CONFIG)
        STUDIES = StudyJobs(JOBS)
        PLAN = plan(CONFIG)
        # All at once: Snakemake lists a folder once, and doesn't see what is written there later.
        PLAN.write_all_settings()
except FusevadError as error:
    raise WorkflowError(str(error))


def inputs_of(job):
    """Inputs, by name, of the job that a rule does; its name has the rule's wildcards.

    Shards of embeddings are compared by the hashes in their index, which is an input too: new times
    alone, as `dvc pull` sets them, train nothing again.
    """

    def inputs(wildcards):
        found = PLAN.inputs(job.format(**dict(wildcards.items())))
        if "embeddings" in found:
            found["embeddings"] = ancient(found["embeddings"])
        return found

    return inputs


wildcard_constraints:
    dataset=JOBS.one_of(CONFIG.datasets),
    definition="paper|released",
    encoder=JOBS.one_of(map(CONFIG.embedding_folder, CONFIG.datasets)),
    stream="rgb|motion-(released-|camera-)?T[0-9]+-thr[0-9]+",
    shard="[0-9]+",
    experiment=JOBS.one_of(CONFIG.experiments),


rule all:
    input:
        "results/table1.tex",
        "results/classes.tex",
        "results/metrics.json",
        "results/figures/figure2.pdf",
        "results/figures/curves.pdf",
        expand("results/figures/timelines-{dataset}.pdf", dataset=CONFIG.embedded),
        ["results/figures/rendered.png"] if "rendered" in CONFIG.datasets else [],


include: "workflow/rules/data.smk"
include: "workflow/rules/cues.smk"
include: "workflow/rules/embed.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/studies.smk"
include: "workflow/rules/encoder.smk"
