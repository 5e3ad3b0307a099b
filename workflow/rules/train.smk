# Training: all seeds of one experiment on one data set, and the search of its learning rate, if any.


rule search:
    input:
        unpack(inputs_of("search/{dataset}/{experiment}")),
    output:
        f"{HOME}/{{dataset}}/runs/{{experiment}}/learning-rates.csv",
    log:
        f"{HOME}/{{dataset}}/logs/search-{{experiment}}.log",
    benchmark:
        f"{HOME}/{{dataset}}/benchmarks/search-{{experiment}}.tsv"
    wildcard_constraints:
        experiment=JOBS.one_of(JOBS.searched),
    conda:
        "../../envs/fusevad.yaml"
    threads: len(CONFIG.learning_rates["seeds"]) * len(CONFIG.learning_rates["factors"])
    resources:
        mem_mb=lambda w, threads, attempt: attempt
        * JOBS.search_memory(w.dataset, w.experiment, threads),
        runtime=minutes(720),
        gpu=1,
    params:
        streams=lambda w: JOBS.stream_options(w.dataset, w.experiment),
        texts=lambda w: JOBS.texts_option(w.dataset, w.experiment),
        store=lambda w: JOBS.seed_store(w.dataset, w.experiment),
        seeds=",".join(map(str, CONFIG.learning_rates["seeds"])),
    shell:
        "fusevad search --manifest {input.manifest:q} {params.streams:q} {params.texts:q}"
        " --settings {input.settings:q} --seeds {params.seeds:q} --seed-store {params.store:q}"
        " --workers {threads:q} --memory-mb {resources.mem_mb:q}"
        " {output:q} 2>&1 | tee {log:q} >&2"


rule train:
    input:
        unpack(inputs_of("train/{dataset}/{experiment}")),
    output:
        f"{HOME}/{{dataset}}/runs/{{experiment}}/history.csv",
        f"{HOME}/{{dataset}}/runs/{{experiment}}/epoch-scores.safetensors",
        expand(
            f"{HOME}/{{{{dataset}}}}/runs/{{{{experiment}}}}/weights/seed-{{seed}}-{{protocol}}.safetensors",
            seed=CONFIG.seeds,
            protocol=KEPT_PROTOCOLS,
        ),
    log:
        f"{HOME}/{{dataset}}/logs/train-{{experiment}}.log",
    benchmark:
        f"{HOME}/{{dataset}}/benchmarks/train-{{experiment}}.tsv"
    conda:
        "../../envs/fusevad.yaml"
    threads: len(CONFIG.seeds)
    resources:
        mem_mb=lambda w, threads, attempt: attempt
        * JOBS.train_memory(w.dataset, w.experiment, threads),
        runtime=minutes(720),
        gpu=1,
    params:
        streams=lambda w: JOBS.stream_options(w.dataset, w.experiment),
        teacher=lambda w: JOBS.teacher_option(w.dataset, w.experiment),
        texts=lambda w: JOBS.texts_option(w.dataset, w.experiment),
        # A cache, not an output: seeds that any configuration has trained are reused from it.
        store=lambda w: JOBS.seed_store(w.dataset, w.experiment),
        learning_rates=lambda w: JOBS.learning_rates_option(w.dataset, w.experiment),
        seeds=",".join(map(str, CONFIG.seeds)),
        folder=subpath(output[0], parent=True),
    shell:
        "fusevad train --manifest {input.manifest:q} {params.streams:q} {params.teacher:q}"
        " {params.texts:q} {params.learning_rates:q}"
        " --settings {input.settings:q} --seeds {params.seeds:q} --seed-store {params.store:q}"
        " --workers {threads:q} --memory-mb {resources.mem_mb:q}"
        " {params.folder:q} 2>&1 | tee {log:q} >&2"
