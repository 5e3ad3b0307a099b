"""The renderer of the embedded data set: a synthetic surveillance benchmark with its truth."""

from fusevad.render.dataset import render_dataset, render_video, renderer_digest, video_path
from fusevad.render.frames import Frame, iter_frames
from fusevad.render.groundtruth import render_ground_truth, segment_captions
from fusevad.render.plan import VideoPlan, encoder_plans, plan
from fusevad.render.settings import CLASSES, RenderSettings
from fusevad.render.sheet import contact_sheet

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
