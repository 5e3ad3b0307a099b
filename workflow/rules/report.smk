# Tables and figures.


rule table1:
    input:
        unpack(inputs_of("report/table1")),
    output:
        tex=f"{HOME}/table1.tex",
        csv=f"{HOME}/table1.csv",
        tabular=f"{HOME}/table1.tabular.tex",
        html=report(
            f"{HOME}/table1.html",
            caption="../report/table1.rst",
            category="Results",
            labels={"what": "Table 1"},
        ),
    log:
        f"{HOME}/logs/table1.log",
    benchmark:
        f"{HOME}/benchmarks/table1.tsv"
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(300),
        runtime=minutes(10),
    shell:
        "fusevad report table1 --settings {input.settings:q} {output.tex:q} {output.csv:q}"
        " 2>&1 | tee {log:q} >&2"


rule metrics:
    input:
        unpack(inputs_of("report/metrics")),
    output:
        json=f"{HOME}/metrics.json",
        csv=f"{HOME}/metrics.csv",
        macros=f"{HOME}/numbers.tex",
    log:
        f"{HOME}/logs/metrics.log",
    benchmark:
        f"{HOME}/benchmarks/metrics.tsv"
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(300),
        runtime=minutes(10),
    shell:
        "fusevad report metrics --settings {input.settings:q} {output.json:q} {output.csv:q}"
        " 2>&1 | tee {log:q} >&2"


rule classes:
    input:
        unpack(inputs_of("report/classes")),
    output:
        tex=f"{HOME}/classes.tex",
        csv=f"{HOME}/classes.csv",
        tabular=f"{HOME}/classes.tabular.tex",
        html=report(
            f"{HOME}/classes.html",
            caption="../report/classes.rst",
            category="Results",
            labels={"what": "Classes"},
        ),
    log:
        f"{HOME}/logs/classes.log",
    benchmark:
        f"{HOME}/benchmarks/classes.tsv"
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(300),
        runtime=minutes(10),
    shell:
        "fusevad report classes --settings {input.settings:q} {output.tex:q} {output.csv:q}"
        " 2>&1 | tee {log:q} >&2"


rule figure2:
    input:
        unpack(inputs_of("report/figure2")),
    output:
        report(
            f"{HOME}/figures/figure2.pdf",
            caption="../report/figure2.rst",
            category="Results",
            labels={"what": "Figure 2, by class"},
        ),
        f"{HOME}/figures/figure2.png",
    log:
        f"{HOME}/logs/figure2.log",
    benchmark:
        f"{HOME}/benchmarks/figure2.tsv"
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(300),
        runtime=minutes(10),
    shell:
        "fusevad report radar --settings {input.settings:q} {output:q} 2>&1 | tee {log:q} >&2"


rule curves:
    input:
        unpack(inputs_of("report/curves")),
    output:
        report(
            f"{HOME}/figures/curves.pdf",
            caption="../report/curves.rst",
            category="Results",
            labels={"what": "ROC and precision-recall"},
        ),
        f"{HOME}/figures/curves.png",
    log:
        f"{HOME}/logs/curves.log",
    benchmark:
        f"{HOME}/benchmarks/curves.tsv"
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(300),
        runtime=minutes(10),
    shell:
        "fusevad report curves --settings {input.settings:q} {output:q} 2>&1 | tee {log:q} >&2"


rule table1_seeds:
    input:
        unpack(inputs_of("report/table1-seeds")),
    output:
        report(
            f"{HOME}/figures/table1-seeds.pdf",
            caption="../report/table1-seeds.rst",
            category="Results",
            labels={"what": "Table 1, seed by seed"},
        ),
        f"{HOME}/figures/table1-seeds.png",
    log:
        f"{HOME}/logs/table1-seeds.log",
    benchmark:
        f"{HOME}/benchmarks/table1-seeds.tsv"
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(300),
        runtime=minutes(10),
    shell:
        "fusevad report seeds --settings {input.settings:q} {output:q} 2>&1 | tee {log:q} >&2"


rule timelines:
    input:
        unpack(inputs_of("report/timelines-{dataset}")),
    output:
        report(
            f"{HOME}/figures/timelines-{{dataset}}.pdf",
            caption="../report/timelines.rst",
            category="Results",
            labels={"what": "Timelines, {dataset}"},
        ),
        f"{HOME}/figures/timelines-{{dataset}}.png",
    log:
        f"{HOME}/logs/timelines-{{dataset}}.log",
    benchmark:
        f"{HOME}/benchmarks/timelines-{{dataset}}.tsv"
    wildcard_constraints:
        # Needed to draw frames and motion cues over time in seconds.
        dataset=JOBS.one_of(CONFIG.embedded),
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(600),
        runtime=minutes(30),
    shell:
        "fusevad report timelines --settings {input.settings:q} {output:q} 2>&1 | tee {log:q} >&2"


rule films:
    input:
        unpack(inputs_of("films/{dataset}")),
    output:
        table=f"{HOME}/explorer/films/{{dataset}}/films.csv",
        videos=directory(f"{HOME}/explorer/films/{{dataset}}/videos"),
    log:
        f"{HOME}/{{dataset}}/logs/films.log",
    benchmark:
        f"{HOME}/{{dataset}}/benchmarks/films.tsv"
    wildcard_constraints:
        dataset=JOBS.one_of(CONFIG.embedded),
    conda:
        "../../envs/fusevad.yaml"
    threads: 64
    resources:
        mem_mb=memory(700, worker_mb=700),
        runtime=minutes(240),
    params:
        cues=lambda w, input: JOBS.cue_options(input.cues),
    shell:
        "fusevad films --manifest {input.manifest:q} {params.cues:q} --settings {input.settings:q}"
        " --workers {threads:q} {output.table:q} 2>&1 | tee {log:q} >&2"


# Snakemake takes a folder into report.zip only, and refuses to write report.html beside it.
EXPLORER = directory(f"{HOME}/explorer/page")


rule explorer:
    input:
        unpack(inputs_of("explorer")),
    output:
        f"{HOME}/explorer/index.html",
        (
            report(
                EXPLORER,
                caption="../report/explorer.rst",
                category="Results",
                labels={"what": "Explorer"},
                htmlindex="index.html",
            )
            if any(word.endswith(".zip") for word in sys.argv)
            else EXPLORER
        ),
    log:
        f"{HOME}/logs/explorer.log",
    benchmark:
        f"{HOME}/benchmarks/explorer.tsv"
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(300),
        runtime=minutes(60),
    shell:
        "fusevad explorer --settings {input.settings:q} {output:q} 2>&1 | tee {log:q} >&2"


rule ablation:
    input:
        unpack(inputs_of("report/{table}")),
    output:
        tex=f"{HOME}/{{table}}.tex",
        csv=f"{HOME}/{{table}}.csv",
        tabular=f"{HOME}/{{table}}.tabular.tex",
        html=report(
            f"{HOME}/{{table}}.html",
            caption="../report/ablation.rst",
            category="Ablations",
            labels={"what": "{table}"},
        ),
    log:
        f"{HOME}/logs/{{table}}.log",
    benchmark:
        f"{HOME}/benchmarks/{{table}}.tsv"
    wildcard_constraints:
        table=JOBS.one_of(CONFIG.ablations),
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(300),
        runtime=minutes(10),
    shell:
        "fusevad report ablation --settings {input.settings:q} {output.tex:q} {output.csv:q}"
        " 2>&1 | tee {log:q} >&2"
