# Metrics of a run under all three protocols.


rule evaluate:
    input:
        unpack(inputs_of("evaluate/{dataset}/{experiment}")),
    output:
        seeds="results/{dataset}/runs/{experiment}/seeds.csv",
        classes="results/{dataset}/runs/{experiment}/classes.csv",
        scores="results/{dataset}/runs/{experiment}/scores.parquet",
    log:
        "results/{dataset}/logs/evaluate-{experiment}.log",
    benchmark:
        "results/{dataset}/benchmarks/evaluate-{experiment}.tsv"
    conda:
        "../../envs/fusevad.yaml"
    params:
        main_metric=lambda w: CONFIG.datasets[w.dataset].metrics[0],
        folder=subpath(output.seeds, parent=True),
    shell:
        "fusevad evaluate {params.folder:q} --manifest {input.manifest:q}"
        " --intervals {input.intervals:q} --main-metric {params.main_metric:q}"
        " --settings {input.settings:q} 2>&1 | tee {log:q} >&2"
