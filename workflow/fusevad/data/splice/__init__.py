"""Untrimmed videos with interval labels, spliced from the short clips of surveillance-fight."""

from fusevad.data.splice.clips import FIGHT, Clip, find_clips
from fusevad.data.splice.dataset import splice
from fusevad.data.splice.plan import Piece, SplicedVideo, plan
from fusevad.data.splice.settings import SpliceSettings
from fusevad.data.splice.sources import read_sources, source_groups

__all__ = [
    "FIGHT",
    "Clip",
    "Piece",
    "SpliceSettings",
    "SplicedVideo",
    "find_clips",
    "plan",
    "read_sources",
    "source_groups",
    "splice",
]
