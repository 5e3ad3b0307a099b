# The table of all methods, and what is measured for it alone.


rule study_speed:
    input:
        unpack(inputs_of("study-speed/{dataset}")),
    output:
        f"{HOME}/{{dataset}}/studies/speed.csv",
    log:
        f"{HOME}/{{dataset}}/logs/study-speed.log",
    benchmark:
        f"{HOME}/{{dataset}}/benchmarks/study-speed.tsv"
    conda:
        "../../envs/fusevad.yaml"
    threads: 64  # one is measured, and no other job is beside it
    resources:
        mem_mb=memory(2000),
        runtime=minutes(60),
    params:
        streams=lambda w: METHODS.stream_options(w.dataset),
    shell:
        "fusevad study-speed --manifest {input.manifest:q} {params.streams:q}"
        " --settings {input.settings:q} {output:q} 2>&1 | tee {log:q} >&2"


rule study_transfer:
    input:
        unpack(inputs_of("study-transfer/{dataset}")),
    output:
        f"{HOME}/{{dataset}}/studies/transfer.csv",
    log:
        f"{HOME}/{{dataset}}/logs/study-transfer.log",
    benchmark:
        f"{HOME}/{{dataset}}/benchmarks/study-transfer.tsv"
    wildcard_constraints:
        dataset=JOBS.one_of(METHODS.transferred()),
    conda:
        "../../envs/fusevad.yaml"
    threads: len(CONFIG.seeds)
    resources:
        mem_mb=memory(1200, worker_mb=1200),
        runtime=minutes(120),
    params:
        streams=lambda w: METHODS.stream_options(w.dataset),
    shell:
        "fusevad study-transfer --manifest {input.manifest:q} --intervals {input.intervals:q}"
        " {params.streams:q} --settings {input.settings:q} --workers {threads:q}"
        " {output:q} 2>&1 | tee {log:q} >&2"


rule methods_table:
    input:
        unpack(inputs_of("report/{table}")),
    output:
        tex=f"{HOME}/{{table}}.tex",
        csv=f"{HOME}/{{table}}.csv",
        tabular=f"{HOME}/{{table}}.tabular.tex",
        html=report(
            f"{HOME}/{{table}}.html",
            caption="../report/methods.rst",
            category="Results",
            labels={"what": "All methods"},
        ),
    log:
        f"{HOME}/logs/{{table}}.log",
    benchmark:
        f"{HOME}/benchmarks/{{table}}.tsv"
    wildcard_constraints:
        table=JOBS.one_of(METHODS.tables),
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(300),
        runtime=minutes(10),
    shell:
        "fusevad report methods --settings {input.settings:q} {output.tex:q} {output.csv:q}"
        " 2>&1 | tee {log:q} >&2"


rule leaderboard:
    input:
        unpack(inputs_of("leaderboard")),
    output:
        f"{HOME}/leaderboard.json",
    log:
        f"{HOME}/logs/leaderboard.log",
    benchmark:
        f"{HOME}/benchmarks/leaderboard.tsv"
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(300),
        runtime=minutes(10),
    shell:
        "fusevad leaderboard {input.table:q} {output:q} --settings {input.settings:q}"
        " 2>&1 | tee {log:q} >&2"
