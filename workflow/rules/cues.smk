# Motion cues: every window and threshold from one decode of each video.


rule cues:
    input:
        manifest="results/{dataset}/manifest.csv",
    output:
        "results/{dataset}/cues/{definition}/shard-{shard}.csv",
    log:
        "results/{dataset}/logs/cues-{definition}-{shard}.log",
    benchmark:
        "results/{dataset}/benchmarks/cues-{definition}-{shard}.tsv"
    conda:
        "../../envs/fusevad.yaml"
    params:
        settings=lambda w: JOBS.cues(w.definition),
        shards=lambda w: CONFIG.datasets[w.dataset].shards,
    shell:
        "fusevad cues --manifest {input.manifest} --settings {params.settings:q}"
        " --shard {wildcards.shard} --shards {params.shards} {output} 2>&1 | tee {log} >&2"
