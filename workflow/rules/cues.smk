# Motion cues: every window and threshold from one decode of each video.


rule cues:
    input:
        unpack(inputs_of("cues/{dataset}/{definition}/{shard}")),
    output:
        # Undamaged videos of an earlier file are kept, as after a kill before Snakemake's metadata.
        update("results/{dataset}/cues/{definition}/shard-{shard}.h5"),
    log:
        "results/{dataset}/logs/cues-{definition}-{shard}.log",
    benchmark:
        "results/{dataset}/benchmarks/cues-{definition}-{shard}.tsv"
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(850),
        runtime=minutes(240),
    params:
        shards=lambda w: CONFIG.every[w.dataset].shards,
    shell:
        "fusevad cues --manifest {input.manifest:q} --settings {input.settings:q}"
        " --shard {wildcards.shard:q} --shards {params.shards:q} {output:q} 2>&1 | tee {log:q} >&2"


rule camera_cues:
    input:
        unpack(inputs_of("cues/{dataset}/camera/{shard}")),
    output:
        # Undamaged videos of an earlier file are kept, as after a kill before Snakemake's metadata.
        update("results/{dataset}/cues/camera/shard-{shard}.h5"),
    log:
        "results/{dataset}/logs/camera-cues-{shard}.log",
    benchmark:
        "results/{dataset}/benchmarks/camera-cues-{shard}.tsv"
    wildcard_constraints:
        dataset=JOBS.one_of(CONFIG.events),
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(850),
        runtime=minutes(240),
    params:
        events=lambda w: JOBS.event_streams(w.dataset),
        shards=lambda w: CONFIG.every[w.dataset].shards,
    shell:
        "fusevad camera-cues {params.events:q} --manifest {input.manifest:q}"
        " --settings {input.settings:q} --shard {wildcards.shard:q} --shards {params.shards:q}"
        " {output:q} 2>&1 | tee {log:q} >&2"
