# Embeddings of RGB frames and of motion cues, in shards, and the index of each stream.


rule embed:
    input:
        manifest="results/{dataset}/manifest.csv",
        cues=lambda w: JOBS.cue_index(w.dataset, w.stream, w.shard),
        weights=lambda w: JOBS.encoder_weights(w.stream),
    output:
        "results/{dataset}/embeddings/{encoder}/{stream}/shard-{shard}.safetensors",
    log:
        "results/{dataset}/logs/embed-{encoder}-{stream}-{shard}.log",
    benchmark:
        "results/{dataset}/benchmarks/embed-{encoder}-{stream}-{shard}.tsv"
    conda:
        "../../envs/fusevad.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        settings=lambda w: JOBS.embed(w.dataset, w.stream),
        shards=lambda w: CONFIG.datasets[w.dataset].shards,
        cues=lambda w, input: (f"--cue-folder {Path(input.cues[0]).parent}" if input.cues else ""),
    shell:
        "fusevad embed --manifest {input.manifest} --settings {params.settings:q} {params.cues}"
        " --shard {wildcards.shard} --shards {params.shards} --threads {threads} {output}"
        " 2>&1 | tee {log} >&2"


rule index:
    input:
        manifest="results/{dataset}/manifest.csv",
        shards=lambda w: JOBS.shard_files(w.dataset, w.encoder, w.stream),
    output:
        "results/{dataset}/embeddings/{encoder}/{stream}/index.csv",
    log:
        "results/{dataset}/logs/index-{encoder}-{stream}.log",
    benchmark:
        "results/{dataset}/benchmarks/index-{encoder}-{stream}.tsv"
    conda:
        "../../envs/fusevad.yaml"
    shell:
        "fusevad index --manifest {input.manifest} {output} {input.shards} 2>&1 | tee {log} >&2"
