# Bundles: trained runs as one file each, for own videos.


rule bundle:
    input:
        unpack(inputs_of("bundle/{dataset}/{experiment}")),
    output:
        f"{HOME}/{{dataset}}/bundles/{{experiment}}.fusevad",
    log:
        f"{HOME}/{{dataset}}/logs/bundle-{{experiment}}.log",
    benchmark:
        f"{HOME}/{{dataset}}/benchmarks/bundle-{{experiment}}.tsv"
    conda:
        "../../envs/fusevad.yaml"
    resources:
        mem_mb=memory(1200),
        runtime=minutes(60),
    params:
        folder=subpath(input.run, parent=True),
    shell:
        "fusevad bundle {params.folder:q} --out {output:q} --settings {input.settings:q}"
        " 2>&1 | tee {log:q} >&2"
