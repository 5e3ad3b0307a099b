"""The renderer of the bundled data set: a synthetic surveillance benchmark with its truth."""

from fusevad.data.render.dataset import render_dataset, render_video, renderer_digest, video_path
from fusevad.data.render.frames import Frame, iter_frames
from fusevad.data.render.groundtruth import render_ground_truth, segment_captions
from fusevad.data.render.plan import VideoPlan, encoder_plans, plan
from fusevad.data.render.settings import CLASSES, RenderSettings
from fusevad.data.render.sheet import contact_sheet

__all__ = [
    "CLASSES",
    "Frame",
    "RenderSettings",
    "VideoPlan",
    "contact_sheet",
    "encoder_plans",
    "iter_frames",
    "plan",
    "render_dataset",
    "render_ground_truth",
    "render_video",
    "renderer_digest",
    "segment_captions",
    "video_path",
]
