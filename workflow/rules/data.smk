# Videos, labels and manifests.

# Recorded data sets whose images or events are converted to videos.
CONVERTED = list(filter(JOBS.makes_videos, CONFIG.with_origin("recorded")))


rule render:
    input:
        unpack(inputs_of("render/{dataset}")),
    output:
        labels="results/{dataset}/source/labels.csv",
        intervals="results/{dataset}/source/intervals.csv",
        videos=directory("results/{dataset}/source/videos"),
    log:
        "results/{dataset}/logs/render.log",
    benchmark:
        "results/{dataset}/benchmarks/render.tsv"
    wildcard_constraints:
        dataset=JOBS.one_of(CONFIG.with_origin("render")),
    conda:
        "../../envs/fusevad.yaml"
    threads: 64
    resources:
        mem_mb=memory(500, worker_mb=250),
        runtime=minutes(240),
    params:
        folder=subpath(output.labels, parent=True),
    shell:
        "fusevad render {params.folder:q} --settings {input.settings:q} --workers {threads:q}"
        " 2>&1 | tee {log:q} >&2"


rule fetch:
    input:
        unpack(inputs_of("fetch/{source}")),
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
    resources:
        mem_mb=memory(200),
        runtime=minutes(1440),
    params:
        existing=lambda w: JOBS.existing(w.source),
    shell:
        "fusevad fetch {wildcards.source:q} --settings {input.settings:q} {params.existing:q}"
        " --record {output:q} 2>&1 | tee {log:q} >&2"


rule labels:
    input:
        unpack(inputs_of("labels/{dataset}")),
    output:
        labels="results/{dataset}/source/labels.csv",
        intervals="results/{dataset}/source/intervals.csv",
    log:
        "results/{dataset}/logs/labels.log",
    benchmark:
        "results/{dataset}/benchmarks/labels.tsv"
    wildcard_constraints:
        dataset=JOBS.one_of(set(CONFIG.with_origin("recorded")).difference(CONVERTED)),
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(200),
        runtime=minutes(60),
    params:
        data=lambda w: JOBS.data_folder(w.dataset),
        folder=subpath(output.labels, parent=True),
        videos=lambda w: "--no-videos" if w.dataset in CONFIG.without_videos else "--videos",
        on_bad_video=CONFIG.on_bad_video,
    shell:
        "fusevad labels {params.data:q} {params.folder:q} --settings {input.settings:q}"
        " {params.videos:q} --on-bad-video {params.on_bad_video:q} 2>&1 | tee {log:q} >&2"


use rule labels as convert_videos with:
    output:
        labels="results/{dataset}/source/labels.csv",
        intervals="results/{dataset}/source/intervals.csv",
        videos=directory("results/{dataset}/source/videos"),
    wildcard_constraints:
        dataset=JOBS.one_of(CONVERTED),


rule own_labels:
    input:
        unpack(inputs_of("own-labels/{dataset}")),
    output:
        labels="results/{dataset}/source/labels.csv",
        intervals="results/{dataset}/source/intervals.csv",
    log:
        "results/{dataset}/logs/own-labels.log",
    benchmark:
        "results/{dataset}/benchmarks/own-labels.tsv"
    wildcard_constraints:
        dataset=JOBS.one_of(CONFIG.with_origin("own")),
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(200),
        runtime=minutes(60),
    params:
        folder=subpath(output.labels, parent=True),
    shell:
        "fusevad own-labels {input.labels:q} {input.intervals:q} {params.folder:q}"
        " --settings {input.settings:q} 2>&1 | tee {log:q} >&2"


rule splice:
    input:
        unpack(inputs_of("splice/{dataset}")),
    output:
        labels="results/{dataset}/source/labels.csv",
        intervals="results/{dataset}/source/intervals.csv",
        videos=directory("results/{dataset}/source/videos"),
    log:
        "results/{dataset}/logs/splice.log",
    benchmark:
        "results/{dataset}/benchmarks/splice.tsv"
    wildcard_constraints:
        dataset=JOBS.one_of(CONFIG.with_origin("splice")),
    conda:
        "../../envs/fusevad.yaml"
    threads: 64
    resources:
        mem_mb=memory(700, worker_mb=450),
        runtime=minutes(240),
    params:
        data=lambda w: JOBS.data_folder(w.dataset),
        folder=subpath(output.labels, parent=True),
    shell:
        "fusevad splice {params.data:q} {params.folder:q} --settings {input.settings:q}"
        " --workers {threads:q} 2>&1 | tee {log:q} >&2"


rule manifest:
    input:
        unpack(inputs_of("manifest/{dataset}")),
    output:
        manifest="results/{dataset}/manifest.csv",
        intervals="results/{dataset}/intervals.csv",
        skipped="results/{dataset}/skipped.csv",
    log:
        "results/{dataset}/logs/manifest.log",
    benchmark:
        "results/{dataset}/benchmarks/manifest.tsv"
    wildcard_constraints:
        dataset=JOBS.one_of([*CONFIG.with_videos, *JOBS.untrained]),
    conda:
        "../../envs/fusevad.yaml"
    threads: 64
    resources:
        mem_mb=memory(300, worker_mb=250),
        runtime=minutes(240),
    params:
        folder=subpath(output.manifest, parent=True),
        on_bad_video=CONFIG.on_bad_video,
        past_end=lambda w: JOBS.past_end(w.dataset),
        features=lambda w: JOBS.imported(w.dataset),
    shell:
        "fusevad manifest {input.labels:q} {input.intervals:q} {params.folder:q} --settings {input.settings:q}"
        " --on-bad-video {params.on_bad_video:q} --past-end {params.past_end:q}"
        " {params.features:q}"
        " --workers {threads:q} 2>&1 | tee {log:q} >&2"


rule manifest_from_features:
    input:
        unpack(inputs_of("manifest/{dataset}")),
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
    resources:
        mem_mb=memory(200),
        runtime=minutes(60),
    params:
        features=lambda w: CONFIG.features[w.dataset]["folder"],
        folder=subpath(output.manifest, parent=True),
        on_bad_video=CONFIG.on_bad_video,
    shell:
        "fusevad manifest-from-features {params.features:q} {input.labels:q} {input.intervals:q}"
        " {params.folder:q} --settings {input.settings:q} --on-bad-video {params.on_bad_video:q}"
        " 2>&1 | tee {log:q} >&2"


rule contact_sheet:
    input:
        unpack(inputs_of("contact-sheet/rendered")),
    output:
        report(
            f"{HOME}/figures/rendered.png",
            caption="../report/rendered.rst",
            category="Data",
        ),
    log:
        f"{HOME}/logs/contact_sheet.log",
    benchmark:
        f"{HOME}/benchmarks/contact_sheet.tsv"
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(600),
        runtime=minutes(10),
    params:
        folder=subpath(input.labels, parent=True),
    shell:
        "fusevad contact-sheet {params.folder:q} {output:q} --settings {input.settings:q} 2>&1 | tee {log:q} >&2"
