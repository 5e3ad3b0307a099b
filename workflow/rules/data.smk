# Videos and what is known about them.


rule render:
    output:
        labels="results/{dataset}/source/labels.csv",
        intervals="results/{dataset}/source/intervals.csv",
    log:
        "results/{dataset}/logs/render.log",
    benchmark:
        "results/{dataset}/benchmarks/render.tsv"
    wildcard_constraints:
        dataset=JOBS.one_of(CONFIG.with_origin("render")),
    conda:
        "../../envs/fusevad.yaml"
    threads: 64
    params:
        settings=lambda w: JOBS.origin(w.dataset),
        folder=subpath(output.labels, parent=True),
    shell:
        "fusevad render {params.folder} --settings {params.settings:q} --workers {threads}"
        " 2>&1 | tee {log} >&2"


rule fetch:
    output:
        "results/fetched/{source}.json",
    log:
        "results/logs/fetch-{source}.log",
    benchmark:
        "results/benchmarks/fetch-{source}.tsv"
    wildcard_constraints:
        source=JOBS.one_of(JOBS.fetched),
    conda:
        "../../envs/fusevad.yaml"
    params:
        settings=lambda w: JOBS.fetch(w.source),
        existing=lambda w: JOBS.existing(w.source),
    shell:
        "fusevad fetch {wildcards.source} --settings {params.settings:q} {params.existing}"
        " --record {output} 2>&1 | tee {log} >&2"


rule labels:
    input:
        lambda w: f"results/fetched/{CONFIG.datasets[w.dataset].source}.json",
    output:
        labels="results/{dataset}/source/labels.csv",
        intervals="results/{dataset}/source/intervals.csv",
    log:
        "results/{dataset}/logs/labels.log",
    benchmark:
        "results/{dataset}/benchmarks/labels.tsv"
    wildcard_constraints:
        dataset=JOBS.one_of(CONFIG.with_origin("recorded")),
    conda:
        "../../envs/fusevad.yaml"
    params:
        data=lambda w: JOBS.data_folder(w.dataset),
        settings=lambda w: JOBS.origin(w.dataset),
        folder=subpath(output.labels, parent=True),
        videos=lambda w: "--no-videos" if w.dataset in CONFIG.without_videos else "",
    shell:
        "fusevad labels {params.data} {params.folder} --settings {params.settings:q}"
        " {params.videos} 2>&1 | tee {log} >&2"


rule splice:
    input:
        lambda w: f"results/fetched/{CONFIG.datasets[w.dataset].source}.json",
    output:
        labels="results/{dataset}/source/labels.csv",
        intervals="results/{dataset}/source/intervals.csv",
    log:
        "results/{dataset}/logs/splice.log",
    benchmark:
        "results/{dataset}/benchmarks/splice.tsv"
    wildcard_constraints:
        dataset=JOBS.one_of(CONFIG.with_origin("splice")),
    conda:
        "../../envs/fusevad.yaml"
    threads: 64
    params:
        data=lambda w: JOBS.data_folder(w.dataset),
        settings=lambda w: JOBS.origin(w.dataset),
        folder=subpath(output.labels, parent=True),
    shell:
        "fusevad splice {params.data} {params.folder} --settings {params.settings:q}"
        " --workers {threads} 2>&1 | tee {log} >&2"


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
    wildcard_constraints:
        dataset=JOBS.one_of(CONFIG.with_videos),
    conda:
        "../../envs/fusevad.yaml"
    threads: 64
    params:
        folder=subpath(output.manifest, parent=True),
        on_bad_video=CONFIG.on_bad_video,
        past_end=lambda w: JOBS.past_end(w.dataset),
        # Other pictures can leave labels and intervals as they were.
        made_from=lambda w: JOBS.origin(w.dataset),
    shell:
        "fusevad manifest {input.labels} {input.intervals} {params.folder}"
        " --on-bad-video {params.on_bad_video} --past-end {params.past_end}"
        " --workers {threads} 2>&1 | tee {log} >&2"


rule manifest_from_features:
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
    wildcard_constraints:
        dataset=JOBS.one_of(CONFIG.without_videos),
    conda:
        "../../envs/fusevad.yaml"
    params:
        settings=lambda w: JOBS.features(w.dataset),
        features=lambda w: CONFIG.features[w.dataset]["folder"],
        folder=subpath(output.manifest, parent=True),
        on_bad_video=CONFIG.on_bad_video,
    shell:
        "fusevad manifest-from-features {params.features:q} {input.labels} {input.intervals}"
        " {params.folder} --settings {params.settings:q} --on-bad-video {params.on_bad_video}"
        " 2>&1 | tee {log} >&2"


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
