# Metrics of a run under all three protocols.


rule evaluate:
    input:
        unpack(inputs_of("evaluate/{dataset}/{experiment}")),
    output:
        seeds=f"{HOME}/{{dataset}}/runs/{{experiment}}/seeds.csv",
        classes=f"{HOME}/{{dataset}}/runs/{{experiment}}/classes.csv",
        scores=f"{HOME}/{{dataset}}/runs/{{experiment}}/scores.parquet",
    log:
        f"{HOME}/{{dataset}}/logs/evaluate-{{experiment}}.log",
    benchmark:
        f"{HOME}/{{dataset}}/benchmarks/evaluate-{{experiment}}.tsv"
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(200),
        runtime=minutes(60),
    params:
        main_metric=lambda w: CONFIG.datasets[w.dataset].metrics[0],
        folder=subpath(output.seeds, parent=True),
    shell:
        "fusevad evaluate {params.folder:q} --manifest {input.manifest:q}"
        " --intervals {input.intervals:q} --main-metric {params.main_metric:q}"
        " --settings {input.settings:q} 2>&1 | tee {log:q} >&2"


rule localise:
    input:
        unpack(inputs_of("localise/{dataset}/{experiment}")),
    output:
        f"{HOME}/{{dataset}}/runs/{{experiment}}/localisation.csv",
        f"{HOME}/{{dataset}}/runs/{{experiment}}/confusion.csv",
    log:
        f"{HOME}/{{dataset}}/logs/localise-{{experiment}}.log",
    benchmark:
        f"{HOME}/{{dataset}}/benchmarks/localise-{{experiment}}.tsv"
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(200),
        runtime=minutes(60),
    params:
        folder=subpath(output[0], parent=True),
    shell:
        "fusevad localise {params.folder:q} --manifest {input.manifest:q}"
        " --intervals {input.intervals:q} --settings {input.settings:q} 2>&1 | tee {log:q} >&2"


rule import_scores:
    input:
        unpack(inputs_of("import-scores/{dataset}/{experiment}")),
    output:
        seeds=f"{HOME}/{{dataset}}/runs/{{experiment}}/seeds.csv",
        classes=f"{HOME}/{{dataset}}/runs/{{experiment}}/classes.csv",
        scores=f"{HOME}/{{dataset}}/runs/{{experiment}}/scores.parquet",
        sources=f"{HOME}/{{dataset}}/runs/{{experiment}}/sources.csv",
    log:
        f"{HOME}/{{dataset}}/logs/import-scores-{{experiment}}.log",
    benchmark:
        f"{HOME}/{{dataset}}/benchmarks/import-scores-{{experiment}}.tsv"
    wildcard_constraints:
        experiment=JOBS.one_of(CONFIG.imported),
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(200),
        runtime=minutes(60),
    params:
        given=lambda w: CONFIG.imported[w.experiment].scores[w.dataset],
        main_metric=lambda w: CONFIG.datasets[w.dataset].metrics[0],
        folder=subpath(output.seeds, parent=True),
    shell:
        "fusevad import-scores {params.given:q} {params.folder:q} --manifest {input.manifest:q}"
        " --intervals {input.intervals:q} --main-metric {params.main_metric:q}"
        " --settings {input.settings:q} 2>&1 | tee {log:q} >&2"
