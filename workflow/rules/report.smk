# Tables and figures.


rule table1:
    input:
        unpack(inputs_of("report/table1")),
    output:
        report(
            "results/table1.tex",
            caption="../report/table1.rst",
            category="Results",
        ),
        "results/table1.csv",
    log:
        "results/logs/table1.log",
    benchmark:
        "results/benchmarks/table1.tsv"
    conda:
        "../../envs/fusevad.yaml"
    shell:
        "fusevad report table1 --settings {input.settings:q} {output:q} 2>&1 | tee {log:q} >&2"


rule metrics:
    input:
        unpack(inputs_of("report/metrics")),
    output:
        "results/metrics.json",
        "results/metrics.csv",
    log:
        "results/logs/metrics.log",
    benchmark:
        "results/benchmarks/metrics.tsv"
    conda:
        "../../envs/fusevad.yaml"
    shell:
        "fusevad report metrics --settings {input.settings:q} {output:q} 2>&1 | tee {log:q} >&2"


rule classes:
    input:
        unpack(inputs_of("report/classes")),
    output:
        report(
            "results/classes.tex",
            caption="../report/classes.rst",
            category="Results",
        ),
        "results/classes.csv",
    log:
        "results/logs/classes.log",
    benchmark:
        "results/benchmarks/classes.tsv"
    conda:
        "../../envs/fusevad.yaml"
    shell:
        "fusevad report classes --settings {input.settings:q} {output:q} 2>&1 | tee {log:q} >&2"


rule figure2:
    input:
        unpack(inputs_of("report/figure2")),
    output:
        report(
            "results/figures/figure2.pdf",
            caption="../report/figure2.rst",
            category="Results",
        ),
        "results/figures/figure2.png",
    log:
        "results/logs/figure2.log",
    benchmark:
        "results/benchmarks/figure2.tsv"
    conda:
        "../../envs/fusevad.yaml"
    shell:
        "fusevad report radar --settings {input.settings:q} {output:q} 2>&1 | tee {log:q} >&2"


rule curves:
    input:
        unpack(inputs_of("report/curves")),
    output:
        report(
            "results/figures/curves.pdf",
            caption="../report/curves.rst",
            category="Results",
        ),
        "results/figures/curves.png",
    log:
        "results/logs/curves.log",
    benchmark:
        "results/benchmarks/curves.tsv"
    conda:
        "../../envs/fusevad.yaml"
    shell:
        "fusevad report curves --settings {input.settings:q} {output:q} 2>&1 | tee {log:q} >&2"


rule timelines:
    input:
        unpack(inputs_of("report/timelines-{dataset}")),
    output:
        report(
            "results/figures/timelines-{dataset}.pdf",
            caption="../report/timelines.rst",
            category="Results",
        ),
        "results/figures/timelines-{dataset}.png",
    log:
        "results/logs/timelines-{dataset}.log",
    benchmark:
        "results/benchmarks/timelines-{dataset}.tsv"
    wildcard_constraints:
        # Frames and motion cues are drawn, over seconds.
        dataset=JOBS.one_of(CONFIG.embedded),
    conda:
        "../../envs/fusevad.yaml"
    shell:
        "fusevad report timelines --settings {input.settings:q} {output:q} 2>&1 | tee {log:q} >&2"


rule ablation:
    input:
        unpack(inputs_of("report/{table}")),
    output:
        report(
            "results/{table}.tex",
            caption="../report/ablation.rst",
            category="Ablations",
        ),
        "results/{table}.csv",
    log:
        "results/logs/{table}.log",
    benchmark:
        "results/benchmarks/{table}.tsv"
    wildcard_constraints:
        table=JOBS.one_of(CONFIG.ablations),
    conda:
        "../../envs/fusevad.yaml"
    shell:
        "fusevad report ablation --settings {input.settings:q} {output:q} 2>&1 | tee {log:q} >&2"
