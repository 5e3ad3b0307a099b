"""The model card of the bundled encoder, with the results of its training."""

from fusevad.bundled.settings import EncoderDataSettings, EncoderTraining
from fusevad.bundled.training import EncoderReport

_CARD = """\
# fusevad-small

A small CLIP for FuseVAD's rendered data set: image, text and motion-cue towers in open_clip's
format. It makes the whole path run offline and alike on every machine. It has seen nothing but
renders: do not use it on real video.

- Architecture: `fusevad-small.json`. Image towers: CLIP's modified ResNet, 112 pixels, one block a
  stage, width 12, attention pooling. Text tower: 2 layers of width 48. Embeddings of 128.
- {parameters:,} parameters in image and text towers; the motion-cue tower is a second image tower.
- Stored as float16 safetensors under open_clip's own names.

## Data

{clips} clips of 4 to 6 s (seed {seed}), rendered, encoded to H.264 and decoded again:
{segments:,} segments of 16 frames, {captions:,} distinct captions. Scenes and seeds come from a
namespace that the data set never uses. {held_out} more clips, in scenes of their own, measure
retrieval.

## Training

Both trainings: batches of {batch}, AdamW, learning rate {rate}, weight decay {decay}, warm-up over
a tenth of the steps, then a cosine to zero; random crops, mirrored at random.

- Image and text, {clip_epochs} epochs: open_clip's contrastive loss on a frame of a segment and its
  caption. Mean loss of the last epoch: {clip_loss:.3f} (chance: {chance_loss:.3f}).
- Motion cue, {cue_epochs} epochs, from the image tower's weights: the same loss between a segment's
  cue (T = 16, tau = 10, or one of the other settings) and the mean embedding of its frames by the
  frozen image tower, after Jeong et al. 2024. Mean loss of the last epoch: {cue_loss:.3f}.

## Retrieval on unseen renders

Among {candidates} held-out segments with distinct captions; chance is {chance:.1%} (top 1) and
{chance5:.1%} (top 5). Several captions fit a segment as often as not, so 100 % is out of reach.

| query | top 1 | top 5 |
|---|---|---|
{rows}

Made again by `make encoder`; another machine's arithmetic gives slightly other weights.
"""


def model_card(data: EncoderDataSettings, training: EncoderTraining, report: EncoderReport) -> str:
    """Markdown text of the model card."""
    queries = dict.fromkeys(name.rsplit("_", 1)[0] for name in report.retrieval)
    rows = "\n".join(
        f"| {query.replace('_', ' ')} | {report.retrieval[f'{query}_top1']:.1%} |"
        f" {report.retrieval[f'{query}_top5']:.1%} |"
        for query in queries
    )
    return _CARD.format(
        parameters=report.parameters,
        clips=data.clips,
        seed=data.seed,
        segments=report.segments,
        captions=report.distinct_captions,
        held_out=data.held_out_clips,
        clip_epochs=training.clip_epochs,
        cue_epochs=training.cue_epochs,
        batch=training.batch_size,
        rate=training.learning_rate,
        decay=training.weight_decay,
        clip_loss=report.clip_loss,
        cue_loss=report.cue_loss,
        chance_loss=report.chance_loss,
        candidates=report.candidates,
        chance=1 / report.candidates,
        chance5=5 / report.candidates,
        rows=rows,
    )
