"""Clips that the bundled encoder is trained on."""

from dataclasses import replace

import pandas as pd

from fusevad.bundled.data import make_encoder_data
from fusevad.bundled.settings import EncoderDataSettings
from fusevad.parsing import parse, read_mapping
from fusevad.plan.stage import STAGES


def test_clips_whose_cues_another_version_counted_are_not_kept(root, tmp_path, monkeypatch):
    file = root / "config/encoders/fusevad-small/data.yaml"
    whole = parse(EncoderDataSettings, read_mapping(file), str(file))
    settings = replace(whole, clips=1, held_out_clips=1)

    def files() -> set[str]:
        make_encoder_data(settings, tmp_path, workers=1)
        return set(pd.read_csv(tmp_path / "segments.csv")["file"])

    first = files()
    assert files() == first
    monkeypatch.setitem(STAGES, "cues", replace(STAGES["cues"], version=99))
    assert not files() & first
