# Motion cues: every window and threshold from one decode of each video.


rule cues:
    input:
        settings=lambda w: PLAN.settings(f"cues/{w.dataset}/{w.definition}/{w.shard}"),
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
        shards=lambda w: CONFIG.datasets[w.dataset].shards,
    shell:
        "fusevad cues --manifest {input.manifest} --settings {input.settings}"
        " --shard {wildcards.shard} --shards {params.shards} {output} 2>&1 | tee {log} >&2"
