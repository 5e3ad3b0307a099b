# Videos and what is known about them.


rule render:
    output:
        labels="results/{dataset}/source/labels.csv",
        intervals="results/{dataset}/source/intervals.csv",
    log:
        "results/{dataset}/logs/render.log",
    benchmark:
        "results/{dataset}/benchmarks/render.tsv"
    conda:
        "../../envs/fusevad.yaml"
    threads: 64
    params:
        settings=lambda w: JOBS.render(w.dataset),
        folder=subpath(output.labels, parent=True),
    shell:
        "fusevad render {params.folder} --settings {params.settings:q} --workers {threads}"
        " 2>&1 | tee {log} >&2"


rule manifest:
    input:
        labels="results/{dataset}/source/labels.csv",
        intervals="results/{dataset}/source/intervals.csv",
    output:
        manifest="results/{dataset}/manifest.csv",
        intervals="results/{dataset}/intervals.csv",
        skipped="results/{dataset}/skipped.csv",
    log:
        "results/{dataset}/logs/manifest.log",
    benchmark:
        "results/{dataset}/benchmarks/manifest.tsv"
    conda:
        "../../envs/fusevad.yaml"
    threads: 64
    params:
        folder=subpath(output.manifest, parent=True),
        on_bad_video=CONFIG.on_bad_video,
        # Other pictures can leave labels and intervals as they were.
        made_from=lambda w: JOBS.render(w.dataset),
    shell:
        "fusevad manifest {input.labels} {input.intervals} {params.folder}"
        " --on-bad-video {params.on_bad_video} --workers {threads} 2>&1 | tee {log} >&2"


rule contact_sheet:
    input:
        labels="results/rendered/source/labels.csv",
        intervals="results/rendered/source/intervals.csv",
    output:
        report(
            "results/figures/rendered.png",
            caption="../report/rendered.rst",
            category="Data",
        ),
    log:
        "results/logs/contact_sheet.log",
    benchmark:
        "results/benchmarks/contact_sheet.tsv"
    conda:
        "../../envs/fusevad.yaml"
    params:
        folder=subpath(input.labels, parent=True),
    shell:
        "fusevad contact-sheet {params.folder} {output} 2>&1 | tee {log} >&2"
