# Studies of finished runs and encoders, their tables and figures, and the paper's claims.


rule study_masking:
    input:
        settings=lambda w: PLAN.settings(f"study-masking/{w.dataset}"),
        manifest="results/{dataset}/manifest.csv",
        intervals="results/{dataset}/intervals.csv",
        streams=lambda w: list(JOBS.streams(w.dataset, CONFIG.study_experiment).values()),
        run=lambda w: STUDIES.run(w.dataset, "history.csv"),
    output:
        "results/{dataset}/studies/masking.csv",
        "results/{dataset}/studies/masking-dimensions.csv",
    log:
        "results/{dataset}/logs/study-masking.log",
    benchmark:
        "results/{dataset}/benchmarks/study-masking.tsv"
    conda:
        "../../envs/fusevad.yaml"
    threads: len(CONFIG.seeds)
    params:
        streams=lambda w: JOBS.stream_options(w.dataset, CONFIG.study_experiment),
        run=subpath(input.run, parent=True),
    shell:
        "fusevad study-masking {params.run:q} --manifest {input.manifest:q}"
        " --intervals {input.intervals:q} {params.streams:q}"
        " --settings {input.settings:q} --workers {threads:q} {output:q} 2>&1 | tee {log:q} >&2"


rule study_noise:
    input:
        settings=lambda w: PLAN.settings(f"study-noise/{w.dataset}"),
        manifest="results/{dataset}/manifest.csv",
        intervals="results/{dataset}/intervals.csv",
        streams=lambda w: list(JOBS.streams(w.dataset, CONFIG.study_experiment).values()),
        cues=lambda w: JOBS.cues_of(w.dataset, CONFIG.study_experiment),
        run=lambda w: STUDIES.run(w.dataset, "history.csv"),
    output:
        "results/{dataset}/studies/noise.csv",
    log:
        "results/{dataset}/logs/study-noise.log",
    benchmark:
        "results/{dataset}/benchmarks/study-noise.tsv"
    conda:
        "../../envs/fusevad.yaml"
    threads: 64
    params:
        streams=lambda w: JOBS.stream_options(w.dataset, CONFIG.study_experiment),
        run=subpath(input.run, parent=True),
        cues=lambda w, input: JOBS.cue_options(input.cues),
    shell:
        "fusevad study-noise {params.run:q} --manifest {input.manifest:q}"
        " --intervals {input.intervals:q} {params.streams:q} {params.cues:q}"
        " --settings {input.settings:q} --workers {threads:q}"
        " {output:q} 2>&1 | tee {log:q} >&2"


rule study_attention:
    input:
        settings=lambda w: PLAN.settings(f"study-attention/{w.dataset}"),
        manifest="results/{dataset}/manifest.csv",
        intervals="results/{dataset}/intervals.csv",
        cues=lambda w: JOBS.cues_of(w.dataset, CONFIG.study_experiment),
        weights=lambda w: JOBS.encoder_weights(w.dataset, "motion"),
    output:
        "results/{dataset}/studies/attention.csv",
        "results/{dataset}/studies/attention-maps.csv",
    log:
        "results/{dataset}/logs/study-attention.log",
    benchmark:
        "results/{dataset}/benchmarks/study-attention.tsv"
    conda:
        "../../envs/fusevad.yaml"
    threads: 1
    params:
        cues=lambda w, input: JOBS.cue_options(input.cues),
    shell:
        "fusevad study-attention --manifest {input.manifest:q} --intervals {input.intervals:q}"
        " {params.cues:q} --settings {input.settings:q} --threads {threads:q}"
        " {output:q} 2>&1 | tee {log:q} >&2"


rule study_equivalence:
    input:
        settings=lambda w: PLAN.settings(f"study-equivalence/{w.dataset}"),
        manifest="results/{dataset}/manifest.csv",
        intervals="results/{dataset}/intervals.csv",
        streams=lambda w: list(JOBS.streams(w.dataset, STUDIES.paired).values()),
        run=f"results/{{dataset}}/runs/{STUDIES.paired}/history.csv",
    output:
        "results/{dataset}/studies/equivalence.csv",
    log:
        "results/{dataset}/logs/study-equivalence.log",
    benchmark:
        "results/{dataset}/benchmarks/study-equivalence.tsv"
    conda:
        "../../envs/fusevad.yaml"
    threads: len(CONFIG.seeds)
    params:
        streams=lambda w: JOBS.stream_options(w.dataset, STUDIES.paired),
        run=subpath(input.run, parent=True),
    shell:
        "fusevad study-equivalence {params.run:q} --manifest {input.manifest:q}"
        " --intervals {input.intervals:q} {params.streams:q}"
        " --settings {input.settings:q} --workers {threads:q} {output:q} 2>&1 | tee {log:q} >&2"


rule study_leaks:
    input:
        lambda w: f"results/fetched/{CONFIG.datasets[w.dataset].source}.json",
        settings=lambda w: PLAN.settings(f"study-leaks/{w.dataset}"),
    output:
        "results/{dataset}/studies/leaks.csv",
    log:
        "results/{dataset}/logs/study-leaks.log",
    benchmark:
        "results/{dataset}/benchmarks/study-leaks.tsv"
    wildcard_constraints:
        dataset=JOBS.one_of(STUDIES.with_released_split),
    conda:
        "../../envs/fusevad.yaml"
    params:
        data=lambda w: JOBS.data_folder(w.dataset),
    shell:
        "fusevad study-leaks {params.data:q} --settings {input.settings:q} {output:q}"
        " 2>&1 | tee {log:q} >&2"


rule study_table:
    input:
        lambda w: STUDIES.table_files(w.table),
        published=lambda w: STUDIES.published(w.table),
        settings=lambda w: PLAN.settings(f"report/{w.table}"),
    output:
        report(
            "results/{table}.tex",
            caption="../report/study.rst",
            category="Studies",
        ),
        "results/{table}.csv",
    log:
        "results/logs/{table}.log",
    benchmark:
        "results/benchmarks/{table}.tsv"
    wildcard_constraints:
        table=JOBS.one_of(CONFIG.study_tables),
    conda:
        "../../envs/fusevad.yaml"
    params:
        kind=lambda w: CONFIG.study_tables[w.table]["study"],
    shell:
        "fusevad report {params.kind:q} --settings {input.settings:q} {output:q} 2>&1 | tee {log:q} >&2"


rule figure3:
    input:
        STUDIES.study_files("masking-dimensions.csv"),
        settings=lambda w: PLAN.settings("report/figure3"),
    output:
        report(
            "results/figures/figure3.pdf",
            caption="../report/figure3.rst",
            category="Studies",
        ),
        "results/figures/figure3.png",
    log:
        "results/logs/figure3.log",
    benchmark:
        "results/benchmarks/figure3.tsv"
    conda:
        "../../envs/fusevad.yaml"
    shell:
        "fusevad report weight-surface --settings {input.settings:q} {output:q} 2>&1 | tee {log:q} >&2"


rule figure4:
    input:
        maps="results/{dataset}/studies/attention-maps.csv",
        manifest="results/{dataset}/manifest.csv",
        cues=lambda w: JOBS.cues_of(w.dataset, CONFIG.study_experiment),
        settings=lambda w: PLAN.settings(f"report/figure4-{w.dataset}"),
    output:
        report(
            "results/figures/figure4-{dataset}.pdf",
            caption="../report/figure4.rst",
            category="Studies",
        ),
        "results/figures/figure4-{dataset}.png",
    log:
        "results/logs/figure4-{dataset}.log",
    benchmark:
        "results/benchmarks/figure4-{dataset}.tsv"
    conda:
        "../../envs/fusevad.yaml"
    shell:
        "fusevad report attention-maps --settings {input.settings:q} {output:q} 2>&1 | tee {log:q} >&2"


rule claims:
    input:
        STUDIES.claim_files("config/claims.yaml"),
        STUDIES.study_files("noise.csv"),
        STUDIES.study_files("masking.csv"),
        STUDIES.study_files("masking-dimensions.csv"),
        JOBS.dataset_files("manifest.csv"),
        JOBS.dataset_files("intervals.csv"),
        claims="config/claims.yaml",
        settings=lambda w: PLAN.settings("report/claims"),
    output:
        "results/claims.md",
        report(
            "results/claims.html",
            caption="../report/claims.rst",
            category="Claims",
        ),
    log:
        "results/logs/claims.log",
    benchmark:
        "results/benchmarks/claims.tsv"
    conda:
        "../../envs/fusevad.yaml"
    shell:
        "fusevad report claims --settings {input.settings:q} {output:q} 2>&1 | tee {log:q} >&2"


rule book:
    input:
        tables=BOOK_TABLES,
        figures=BOOK_FIGURES,
        settings=lambda w: PLAN.settings("book"),
    output:
        "results/all.pdf",
    log:
        "results/logs/all.log",
    benchmark:
        "results/benchmarks/all.tsv"
    conda:
        "../../envs/fusevad.yaml"
    params:
        figures=lambda w, input: [f"--figure={file}" for file in input.figures],
    shell:
        "fusevad book {output:q} {input.tables:q} {params.figures:q} --job {input.settings:q}"
        " 2>&1 | tee {log:q} >&2"
