"""What of a run goes into its bundle."""

from fusevad.deploy.making import paths_in


def test_only_models_and_weights_are_files_that_travel(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("key.pem", "model.json", "clip.safetensors"):
        (tmp_path / name).touch()
    encoder = {"name": "key.pem", "model": "model.json", "pretrained": "clip.safetensors"}
    settings = {
        "stream": "key.pem",
        "encoder": encoder | {"motion_cue_weights": "none.safetensors"},
    }
    assert list(paths_in(settings)) == ["model.json", "clip.safetensors"]
