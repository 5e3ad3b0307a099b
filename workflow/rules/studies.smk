# Studies of finished runs and encoders, their tables and figures, and the paper's claims.


rule study_masking:
    input:
        unpack(inputs_of("study-masking/{dataset}")),
    output:
        f"{HOME}/{{dataset}}/studies/masking.csv",
        f"{HOME}/{{dataset}}/studies/masking-dimensions.csv",
    log:
        f"{HOME}/{{dataset}}/logs/study-masking.log",
    benchmark:
        f"{HOME}/{{dataset}}/benchmarks/study-masking.tsv"
    conda:
        "../../envs/fusevad.yaml"
    threads: len(CONFIG.seeds)
    resources:
        mem_mb=memory(800, worker_mb=400),
        runtime=minutes(120),
    params:
        streams=lambda w: JOBS.stream_options(w.dataset, CONFIG.study_experiment),
        run=subpath(input.run, parent=True),
    shell:
        "fusevad study-masking {params.run:q} --manifest {input.manifest:q}"
        " --intervals {input.intervals:q} {params.streams:q}"
        " --settings {input.settings:q} --workers {threads:q} {output:q} 2>&1 | tee {log:q} >&2"


rule study_alarms:
    input:
        unpack(inputs_of("study-alarms/{dataset}/{experiment}")),
    output:
        f"{HOME}/{{dataset}}/studies/normal-scores/{{experiment}}.parquet",
    log:
        f"{HOME}/{{dataset}}/logs/study-alarms-{{experiment}}.log",
    benchmark:
        f"{HOME}/{{dataset}}/benchmarks/study-alarms-{{experiment}}.tsv"
    wildcard_constraints:
        experiment=JOBS.one_of(STUDIES.of_study("alarms")),
    conda:
        "../../envs/fusevad.yaml"
    threads: len(CONFIG.seeds)
    resources:
        mem_mb=memory(1200, worker_mb=1200),
        runtime=minutes(120),
    params:
        streams=lambda w: JOBS.stream_options(w.dataset, w.experiment),
        run=subpath(input.run, parent=True),
    shell:
        "fusevad study-alarms {params.run:q} --manifest {input.manifest:q} {params.streams:q}"
        " --settings {input.settings:q} --workers {threads:q} {output:q} 2>&1 | tee {log:q} >&2"


# The runs of a data set score the normal footage that certifies its alarms.
rule study_footage:
    input:
        unpack(inputs_of("study-footage/{dataset}/{experiment}")),
    output:
        f"{HOME}/{{dataset}}/studies/footage/{{experiment}}.parquet",
    log:
        f"{HOME}/{{dataset}}/logs/study-footage-{{experiment}}.log",
    benchmark:
        f"{HOME}/{{dataset}}/benchmarks/study-footage-{{experiment}}.tsv"
    wildcard_constraints:
        dataset=JOBS.one_of(CONFIG.footage),
        experiment=JOBS.one_of(STUDIES.of_study("alarms")),
    conda:
        "../../envs/fusevad.yaml"
    threads: len(CONFIG.seeds)
    resources:
        mem_mb=memory(1200, worker_mb=1200),
        runtime=minutes(120),
    params:
        streams=lambda w: JOBS.stream_options(CONFIG.footage[w.dataset].key, w.experiment),
        run=subpath(input.run, parent=True),
    shell:
        "fusevad study-alarms {params.run:q} --manifest {input.manifest:q} {params.streams:q}"
        " --settings {input.settings:q} --workers {threads:q} {output:q} 2>&1 | tee {log:q} >&2"


# The runs of a data set score the test videos and the normal ones of another.
rule study_alarms_elsewhere:
    input:
        unpack(inputs_of("study-alarms/{dataset}/{trained_on}/{experiment}/{videos}")),
    output:
        f"{HOME}/{{dataset}}/studies/transferred/{{trained_on}}/{{experiment}}.{{videos}}.parquet",
    log:
        f"{HOME}/{{dataset}}/logs/study-alarms-{{trained_on}}-{{experiment}}-{{videos}}.log",
    benchmark:
        f"{HOME}/{{dataset}}/benchmarks/study-alarms-{{trained_on}}-{{experiment}}-{{videos}}.tsv"
    wildcard_constraints:
        trained_on=JOBS.one_of(CONFIG.datasets),
        experiment=JOBS.one_of(STUDIES.of_study("alarms")),
        videos="other|footage",
    conda:
        "../../envs/fusevad.yaml"
    threads: len(CONFIG.seeds)
    resources:
        mem_mb=memory(1200, worker_mb=1200),
        runtime=minutes(120),
    params:
        streams=lambda w: JOBS.stream_options(
            STUDIES.scored_dataset(w.dataset, w.videos), w.experiment
        ),
        run=subpath(input.run, parent=True),
    shell:
        "fusevad study-alarms {params.run:q} --manifest {input.manifest:q} {params.streams:q}"
        " --settings {input.settings:q} --workers {threads:q} {output:q} 2>&1 | tee {log:q} >&2"


rule study_locality:
    input:
        unpack(inputs_of("study-locality/{dataset}/{experiment}")),
    output:
        f"{HOME}/{{dataset}}/studies/locality/{{experiment}}.csv",
    log:
        f"{HOME}/{{dataset}}/logs/study-locality-{{experiment}}.log",
    benchmark:
        f"{HOME}/{{dataset}}/benchmarks/study-locality-{{experiment}}.tsv"
    wildcard_constraints:
        experiment=JOBS.one_of(STUDIES.of_study("locality")),
    conda:
        "../../envs/fusevad.yaml"
    threads: len(CONFIG.seeds)
    resources:
        mem_mb=memory(1200, worker_mb=1200),
        runtime=minutes(120),
    params:
        streams=lambda w: JOBS.stream_options(w.dataset, w.experiment),
        run=subpath(input.run, parent=True),
    shell:
        "fusevad study-locality {params.run:q} --manifest {input.manifest:q}"
        " --intervals {input.intervals:q} {params.streams:q}"
        " --settings {input.settings:q} --workers {threads:q} {output:q} 2>&1 | tee {log:q} >&2"


rule study_noise:
    input:
        unpack(inputs_of("study-noise/{dataset}")),
    output:
        f"{HOME}/{{dataset}}/studies/noise.csv",
    log:
        f"{HOME}/{{dataset}}/logs/study-noise.log",
    benchmark:
        f"{HOME}/{{dataset}}/benchmarks/study-noise.tsv"
    conda:
        "../../envs/fusevad.yaml"
    threads: 64
    resources:
        mem_mb=memory(1300, worker_mb=1200),
        runtime=minutes(240),
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
        unpack(inputs_of("study-attention/{dataset}")),
    output:
        f"{HOME}/{{dataset}}/studies/attention.csv",
        f"{HOME}/{{dataset}}/studies/attention-maps.csv",
    log:
        f"{HOME}/{{dataset}}/logs/study-attention.log",
    benchmark:
        f"{HOME}/{{dataset}}/benchmarks/study-attention.tsv"
    conda:
        "../../envs/fusevad.yaml"
    threads: 1
    resources:
        mem_mb=memory(1200),
        runtime=minutes(60),
    params:
        cues=lambda w, input: JOBS.cue_options(input.cues),
    shell:
        "fusevad study-attention --manifest {input.manifest:q} --intervals {input.intervals:q}"
        " {params.cues:q} --settings {input.settings:q} --threads {threads:q}"
        " {output:q} 2>&1 | tee {log:q} >&2"


rule study_equivalence:
    input:
        unpack(inputs_of("study-equivalence/{dataset}")),
    output:
        f"{HOME}/{{dataset}}/studies/equivalence.csv",
    log:
        f"{HOME}/{{dataset}}/logs/study-equivalence.log",
    benchmark:
        f"{HOME}/{{dataset}}/benchmarks/study-equivalence.tsv"
    conda:
        "../../envs/fusevad.yaml"
    threads: len(CONFIG.seeds)
    resources:
        mem_mb=memory(1200, worker_mb=1200),
        runtime=minutes(120),
    params:
        streams=lambda w: JOBS.stream_options(w.dataset, STUDIES.paired),
        run=subpath(input.run, parent=True),
    shell:
        "fusevad study-equivalence {params.run:q} --manifest {input.manifest:q}"
        " --intervals {input.intervals:q} {params.streams:q}"
        " --settings {input.settings:q} --workers {threads:q} {output:q} 2>&1 | tee {log:q} >&2"


rule study_leaks:
    input:
        unpack(inputs_of("study-leaks/{dataset}")),
    output:
        f"{HOME}/{{dataset}}/studies/leaks.csv",
    log:
        f"{HOME}/{{dataset}}/logs/study-leaks.log",
    benchmark:
        f"{HOME}/{{dataset}}/benchmarks/study-leaks.tsv"
    wildcard_constraints:
        dataset=JOBS.one_of(STUDIES.with_released_split),
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(600),
        runtime=minutes(240),
    params:
        data=lambda w: JOBS.data_folder(w.dataset),
    shell:
        "fusevad study-leaks {params.data:q} --settings {input.settings:q} {output:q}"
        " 2>&1 | tee {log:q} >&2"


# The runs of a table of transfer on a data set that they were not trained on.
rule study_transfer_of_table:
    input:
        unpack(inputs_of("study-transfer/{dataset}/{table}")),
    output:
        f"{HOME}/{{dataset}}/studies/transfer-{{table}}.csv",
    log:
        f"{HOME}/{{dataset}}/logs/study-transfer-{{table}}.log",
    benchmark:
        f"{HOME}/{{dataset}}/benchmarks/study-transfer-{{table}}.tsv"
    wildcard_constraints:
        table=JOBS.one_of(STUDIES.transfer_tables),
    conda:
        "../../envs/fusevad.yaml"
    threads: len(CONFIG.seeds)
    resources:
        mem_mb=memory(1200, worker_mb=1200),
        runtime=minutes(120),
    params:
        streams=lambda w: STUDIES.transfer(w.table).stream_options(w.dataset),
    shell:
        "fusevad study-transfer --manifest {input.manifest:q} --intervals {input.intervals:q}"
        " {params.streams:q} --settings {input.settings:q} --workers {threads:q}"
        " {output:q} 2>&1 | tee {log:q} >&2"


rule study_table:
    input:
        unpack(inputs_of("report/{table}")),
    output:
        tex=f"{HOME}/{{table}}.tex",
        csv=f"{HOME}/{{table}}.csv",
        tabular=f"{HOME}/{{table}}.tabular.tex",
        html=report(
            f"{HOME}/{{table}}.html",
            caption="../report/study.rst",
            category="Studies",
            labels={"what": "{table}"},
        ),
    log:
        f"{HOME}/logs/{{table}}.log",
    benchmark:
        f"{HOME}/benchmarks/{{table}}.tsv"
    wildcard_constraints:
        table=JOBS.one_of(set(CONFIG.study_tables).difference(METHODS.tables)),
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(300),
        runtime=minutes(10),
    params:
        kind=lambda w: CONFIG.study_tables[w.table]["study"],
    shell:
        "fusevad report {params.kind:q} --settings {input.settings:q} {output.tex:q} {output.csv:q}"
        " 2>&1 | tee {log:q} >&2"


rule confusion:
    input:
        unpack(inputs_of("report/confusion-{dataset}")),
    output:
        report(
            f"{HOME}/figures/confusion-{{dataset}}.pdf",
            caption="../report/confusion.rst",
            category="Studies",
            labels={"what": "Confused classes, {dataset}"},
        ),
        f"{HOME}/figures/confusion-{{dataset}}.png",
    log:
        f"{HOME}/logs/confusion-{{dataset}}.log",
    benchmark:
        f"{HOME}/benchmarks/confusion-{{dataset}}.tsv"
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(300),
        runtime=minutes(10),
    shell:
        "fusevad report confusion --settings {input.settings:q} {output:q} 2>&1 | tee {log:q} >&2"


rule alarms_figure:
    input:
        unpack(inputs_of("report/figures/{table}")),
    output:
        report(
            f"{HOME}/figures/{{table}}.pdf",
            caption="../report/alarms.rst",
            category="Studies",
            labels={"what": "Events found, {table}"},
        ),
        f"{HOME}/figures/{{table}}.png",
    log:
        f"{HOME}/logs/figure-{{table}}.log",
    benchmark:
        f"{HOME}/benchmarks/figure-{{table}}.tsv"
    wildcard_constraints:
        table=JOBS.one_of(STUDIES.alarm_tables),
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(300),
        runtime=minutes(10),
    shell:
        "fusevad report alarms-figure --settings {input.settings:q} {output:q}"
        " 2>&1 | tee {log:q} >&2"


rule figure3:
    input:
        unpack(inputs_of("report/figure3")),
    output:
        report(
            f"{HOME}/figures/figure3.pdf",
            caption="../report/figure3.rst",
            category="Studies",
            labels={"what": "Figure 3, weights"},
        ),
        f"{HOME}/figures/figure3.png",
    log:
        f"{HOME}/logs/figure3.log",
    benchmark:
        f"{HOME}/benchmarks/figure3.tsv"
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(300),
        runtime=minutes(10),
    shell:
        "fusevad report weight-surface --settings {input.settings:q} {output:q} 2>&1 | tee {log:q} >&2"


rule figure4:
    input:
        unpack(inputs_of("report/figure4-{dataset}")),
    output:
        report(
            f"{HOME}/figures/figure4-{{dataset}}.pdf",
            caption="../report/figure4.rst",
            category="Studies",
            labels={"what": "Figure 4, {dataset}"},
        ),
        f"{HOME}/figures/figure4-{{dataset}}.png",
    log:
        f"{HOME}/logs/figure4-{{dataset}}.log",
    benchmark:
        f"{HOME}/benchmarks/figure4-{{dataset}}.tsv"
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(550),
        runtime=minutes(30),
    shell:
        "fusevad report attention-maps --settings {input.settings:q} {output:q} 2>&1 | tee {log:q} >&2"


rule claims:
    input:
        unpack(inputs_of("report/claims")),
    output:
        f"{HOME}/claims.md",
        report(
            f"{HOME}/claims.html",
            caption="../report/claims.rst",
            category="Claims",
            labels={"what": "The paper's claims"},
        ),
    log:
        f"{HOME}/logs/claims.log",
    benchmark:
        f"{HOME}/benchmarks/claims.tsv"
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(300),
        runtime=minutes(10),
    shell:
        "fusevad report claims --settings {input.settings:q} {output:q} 2>&1 | tee {log:q} >&2"


rule book:
    input:
        unpack(inputs_of("book")),
    output:
        f"{HOME}/all.pdf",
    log:
        f"{HOME}/logs/all.log",
    benchmark:
        f"{HOME}/benchmarks/all.tsv"
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(300),
        runtime=minutes(10),
    params:
        figures=lambda w, input: [f"--figure={file}" for file in input.figures],
    shell:
        "fusevad book {output:q} {input.tables:q} {params.figures:q} --settings {input.settings:q}"
        " 2>&1 | tee {log:q} >&2"


rule paper_tables:
    input:
        unpack(inputs_of("tables/{paper}")),
    output:
        f"{HOME}/{{paper}}-tables.pdf",
    log:
        f"{HOME}/logs/{{paper}}-tables.log",
    benchmark:
        f"{HOME}/benchmarks/{{paper}}-tables.tsv"
    wildcard_constraints:
        paper=JOBS.one_of(STUDIES.documents),
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(300),
        runtime=minutes(10),
    shell:
        "fusevad book {output:q} {input.tables:q} --settings {input.settings:q}"
        " 2>&1 | tee {log:q} >&2"
