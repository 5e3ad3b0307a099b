# Embeddings of RGB frames and of motion cues, in shards, and the index of each stream.


rule embed:
    input:
        unpack(inputs_of("embed/{dataset}/{encoder}/{stream}/{shard}")),
    output:
        # Undamaged videos of an earlier file are kept, as after a kill before Snakemake's metadata.
        update("results/{dataset}/embeddings/{encoder}/{stream}/shard-{shard}.safetensors"),
    log:
        "results/{dataset}/logs/embed-{encoder}-{stream}-{shard}.log",
    benchmark:
        "results/{dataset}/benchmarks/embed-{encoder}-{stream}-{shard}.tsv"
    wildcard_constraints:
        dataset=JOBS.one_of([*CONFIG.embedded, *JOBS.untrained]),
    conda:
        "../../envs/fusevad.yaml"
    threads: 1
    resources:
        mem_mb=memory(1300, worker_mb=500),
        runtime=minutes(240),
        gpu=1,
    params:
        shards=lambda w: CONFIG.every[w.dataset].shards,
        cues=lambda w, input: JOBS.cue_options(input.cues),
    shell:
        "fusevad embed --manifest {input.manifest:q} --settings {input.settings:q} {params.cues:q}"
        " --shard {wildcards.shard:q} --shards {params.shards:q} --threads {threads:q} {output:q}"
        " 2>&1 | tee {log:q} >&2"


rule index:
    input:
        unpack(inputs_of("index/{dataset}/{encoder}/{stream}")),
    output:
        "results/{dataset}/embeddings/{encoder}/{stream}/index.csv",
    log:
        "results/{dataset}/logs/index-{encoder}-{stream}.log",
    benchmark:
        "results/{dataset}/benchmarks/index-{encoder}-{stream}.tsv"
    wildcard_constraints:
        dataset=JOBS.one_of([*CONFIG.embedded, *JOBS.untrained]),
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(200),
        runtime=minutes(60),
    shell:
        "fusevad index --manifest {input.manifest:q} --settings {input.settings:q} {output:q} {input.shards:q}"
        " 2>&1 | tee {log:q} >&2"


# A rule for each data set, as the number of shards depends on it.
for imported in CONFIG.features:

    rule:
        name:
            f"import_features_{imported}"
        input:
            unpack(inputs_of("index/{dataset}/{encoder}/{stream}")),
        output:
            index="results/{dataset}/embeddings/{encoder}/{stream}/index.csv",
            shards=expand(
                "results/{{dataset}}/embeddings/{{encoder}}/{{stream}}/shard-{shard}.safetensors",
                shard=range(CONFIG.datasets[imported].shards),
            ),
            sources="results/{dataset}/embeddings/{encoder}/{stream}/sources.csv",
        log:
            "results/{dataset}/logs/import-{encoder}-{stream}.log",
        benchmark:
            "results/{dataset}/benchmarks/import-{encoder}-{stream}.tsv"
        wildcard_constraints:
            dataset=JOBS.one_of([imported]),
        conda:
            "../../envs/fusevad.yaml"
        resources:
            mem_mb=memory(200),
            runtime=minutes(240),
        params:
            features=lambda w: CONFIG.features[w.dataset]["folder"],
            shards=lambda w: CONFIG.every[w.dataset].shards,
            folder=subpath(output.index, parent=True),
        shell:
            "fusevad import-features {params.features:q} --manifest {input.manifest:q}"
            " --stream {wildcards.stream:q} --settings {input.settings:q} --shards {params.shards:q}"
            " {params.folder:q} 2>&1 | tee {log:q} >&2"


rule align:
    input:
        unpack(inputs_of("align/{dataset}/{name}")),
    output:
        "results/{dataset}/encoders/{name}/motion-cue.safetensors",
    log:
        "results/{dataset}/logs/align-{name}.log",
    benchmark:
        "results/{dataset}/benchmarks/align-{name}.tsv"
    wildcard_constraints:
        name=CONFIG.encoder,
    conda:
        "../../envs/fusevad.yaml"
    threads: 64
    resources:
        mem_mb=memory(1300),
        runtime=minutes(120),
        gpu=1,
    params:
        cues=lambda w, input: JOBS.cue_options(input.cues),
    shell:
        "fusevad align --manifest {input.manifest:q} --rgb {input.rgb:q} {params.cues:q}"
        " --settings {input.settings:q} --threads {threads:q} {output:q} 2>&1 | tee {log:q} >&2"


rule event_clip:
    input:
        unpack(inputs_of("event-clip")),
    output:
        "results/encoders/event-clip.safetensors",
    log:
        "results/logs/event-clip.log",
    benchmark:
        "results/benchmarks/event-clip.tsv"
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(3000),
        runtime=minutes(30),
    params:
        model=CONFIG.encoder_settings["model"],
    shell:
        "fusevad convert-event-clip --model {params.model:q} --settings {input.settings:q} {output:q}"
        " 2>&1 | tee {log:q} >&2"


rule class_texts:
    input:
        unpack(inputs_of("class-texts/{dataset}/{name}.texts")),
    output:
        "results/{dataset}/encoders/{name}/class-texts.safetensors",
    log:
        "results/{dataset}/logs/class-texts-{name}.log",
    benchmark:
        "results/{dataset}/benchmarks/class-texts-{name}.tsv"
    wildcard_constraints:
        name=JOBS.one_of(filter(None, map(CONFIG.text_tower, CONFIG.datasets))),
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(30),
    shell:
        "fusevad class-texts --manifest {input.manifest:q} --settings {input.settings:q} {output:q}"
        " 2>&1 | tee {log:q} >&2"
