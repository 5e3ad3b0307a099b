"""The model card of the bundled audio tower, with the results of its training."""

from fusevad.bundled.settings import AudioTraining
from fusevad.bundled.sound import AudioReport

_CARD = """\
# fusevad-small: audio tower

A small audio tower for FuseVAD's rendered data set, aligned with the bundled CLIP. It has heard
nothing but the renderer's synthetic sounds: do not use it on real video.

- Architecture: `SmallAudioTower` in `workflow/fusevad/encoders/audio.py`: the logarithm of a
  spectrogram in 64 equal bands (16 kHz, windows of 512 samples every 160), four convolutions with
  stride 2, mean and maximum, a linear layer. Embeddings of 128; {parameters:,} parameters.
- `audio.safetensors`, float16.

## Data

{clips} clips of 4 to 6 s (seed {seed}): {segments:,} segments of 16 frames, {captions:,} distinct
captions. Their sound is encoded to AAC and read again. Scenes and seeds come from a namespace that
the data set never uses. {held_out} more clips, in scenes of their own, measure retrieval.

## Training

{epochs} epochs, batches of {batch}, AdamW, learning rate {rate}, weight decay {decay}, warm-up over
a tenth of the steps, then a cosine to zero. Loss: CLIP's, between a segment's sound and the
embedding of its caption by the bundled text tower, which is frozen. Mean loss of the last epoch:
{loss:.3f}.

## Retrieval on unseen renders

The caption of a held-out segment by its sound, among {candidates} distinct captions. Many captions
sound alike (walking here or there), so 100 % is out of reach.

| | found | by chance |
|---|---|---|
{rows}

Made again by `make audio-tower`; another machine's arithmetic gives slightly other weights.
"""


def audio_card(settings: AudioTraining, report: AudioReport) -> str:
    """Markdown text of the model card."""
    rows = "\n".join(
        f"| {name} | {found:.1%} | {int(name.split()[1]) / report.candidates:.1%} |"
        for name, found in report.retrieval.items()
    )
    return _CARD.format(
        parameters=report.parameters,
        clips=settings.clips,
        seed=settings.seed,
        segments=report.segments,
        captions=report.captions,
        held_out=settings.held_out_clips,
        epochs=settings.epochs,
        batch=settings.batch_size,
        rate=settings.learning_rate,
        decay=settings.weight_decay,
        loss=report.loss,
        candidates=report.candidates,
        rows=rows,
    )
