# Train the bundled encoder again: snakemake --cores all encoder audio_tower
# Its weights are part of the repository; no other rule needs these outputs.


rule encoder_data:
    input:
        settings="config/encoders/fusevad-small/data.yaml",
    output:
        "results/encoder/data/segments.csv",
    log:
        "results/logs/encoder_data.log",
    benchmark:
        "results/benchmarks/encoder_data.tsv"
    conda:
        "../../envs/fusevad.yaml"
    threads: 64
    resources:
        mem_mb=memory(500, worker_mb=250),
        runtime=minutes(240),
    params:
        folder=subpath(output[0], parent=True),
    shell:
        "fusevad encoder-data {params.folder:q} --settings {input.settings:q} --workers {threads:q}"
        " 2>&1 | tee {log:q} >&2"


rule encoder:
    input:
        settings="config/encoders/fusevad-small/training.yaml",
        data_settings="config/encoders/fusevad-small/data.yaml",
        model="config/encoders/fusevad-small/fusevad-small.json",
        data="results/encoder/data/segments.csv",
    output:
        "results/encoder/clip.safetensors",
        "results/encoder/motion-cue.safetensors",
        "results/encoder/MODEL_CARD.md",
    log:
        "results/logs/encoder.log",
    benchmark:
        "results/benchmarks/encoder.tsv"
    conda:
        "../../envs/fusevad.yaml"
    threads: 64
    resources:
        mem_mb=memory(3000),
        runtime=minutes(720),
    params:
        data=subpath(input.data, parent=True),
        folder=subpath(output[0], parent=True),
    shell:
        "fusevad train-encoder --settings {input.settings:q} --data-settings {input.data_settings:q}"
        " --model {input.model:q} --data {params.data:q} {params.folder:q} 2>&1 | tee {log:q} >&2"


rule audio_tower:
    input:
        settings="config/encoders/fusevad-small/audio.yaml",
        # Named by the settings: its text tower gives the targets.
        clip=[
            "config/encoders/fusevad-small/fusevad-small.json",
            "config/encoders/fusevad-small/clip.safetensors",
        ],
    output:
        "results/encoder/audio.safetensors",
        "results/encoder/AUDIO_MODEL_CARD.md",
    log:
        "results/logs/audio_tower.log",
    benchmark:
        "results/benchmarks/audio_tower.tsv"
    conda:
        "../../envs/fusevad.yaml"
    threads: 64
    resources:
        mem_mb=memory(1500, worker_mb=250),
        runtime=minutes(720),
    params:
        folder=subpath(output[0], parent=True),
    shell:
        "fusevad train-audio-tower --settings {input.settings:q} --workers {threads:q}"
        " {params.folder:q} 2>&1 | tee {log:q} >&2"
