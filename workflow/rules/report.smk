# Tables and figures.


rule table1:
    input:
        unpack(inputs_of("report/table1")),
    output:
        "results/table1.tex",
        "results/table1.csv",
        "results/table1.tabular.tex",
        report(
            "results/table1.html",
            caption="../report/table1.rst",
            category="Results",
            labels={"what": "Table 1"},
        ),
    log:
        "results/logs/table1.log",
    benchmark:
        "results/benchmarks/table1.tsv"
    conda:
        "../../envs/fusevad.yaml"
    shell:
        "fusevad report table1 --settings {input.settings:q} {output[0]:q} {output[1]:q} 2>&1 | tee {log:q} >&2"


rule metrics:
    input:
        unpack(inputs_of("report/metrics")),
    output:
        "results/metrics.json",
        "results/metrics.csv",
        "results/numbers.tex",
    log:
        "results/logs/metrics.log",
    benchmark:
        "results/benchmarks/metrics.tsv"
    conda:
        "../../envs/fusevad.yaml"
    shell:
        "fusevad report metrics --settings {input.settings:q} {output[0]:q} {output[1]:q} 2>&1 | tee {log:q} >&2"


rule classes:
    input:
        unpack(inputs_of("report/classes")),
    output:
        "results/classes.tex",
        "results/classes.csv",
        "results/classes.tabular.tex",
        report(
            "results/classes.html",
            caption="../report/classes.rst",
            category="Results",
            labels={"what": "Classes"},
        ),
    log:
        "results/logs/classes.log",
    benchmark:
        "results/benchmarks/classes.tsv"
    conda:
        "../../envs/fusevad.yaml"
    shell:
        "fusevad report classes --settings {input.settings:q} {output[0]:q} {output[1]:q} 2>&1 | tee {log:q} >&2"


rule figure2:
    input:
        unpack(inputs_of("report/figure2")),
    output:
        report(
            "results/figures/figure2.pdf",
            caption="../report/figure2.rst",
            category="Results",
            labels={"what": "Figure 2, by class"},
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
            labels={"what": "ROC and precision-recall"},
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
            labels={"what": "Timelines, {dataset}"},
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
        "results/{table}.tex",
        "results/{table}.csv",
        "results/{table}.tabular.tex",
        report(
            "results/{table}.html",
            caption="../report/ablation.rst",
            category="Ablations",
            labels={"what": "{table}"},
        ),
    log:
        "results/logs/{table}.log",
    benchmark:
        "results/benchmarks/{table}.tsv"
    wildcard_constraints:
        table=JOBS.one_of(CONFIG.ablations),
    conda:
        "../../envs/fusevad.yaml"
    shell:
        "fusevad report ablation --settings {input.settings:q} {output[0]:q} {output[1]:q} 2>&1 | tee {log:q} >&2"
