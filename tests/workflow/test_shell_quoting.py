"""A configuration is data: no value or name in it reaches a shell as anything but a word."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from fusevad.config.load import load
from fusevad.errors import FusevadError
from tests.workflow_runs import copy_project, run

HOSTILE = "$(touch X)"


def _shell_blocks(path: Path) -> list[str]:
    """The text of every `shell:` block of a rule file: all lines indented further than its key."""
    blocks: list[str] = []
    depth = None
    for line in path.read_text().splitlines():
        indent = len(line) - len(line.lstrip())
        if depth is not None and line.strip() and indent > depth:
            blocks[-1] += line
        elif match := re.fullmatch(r"( *)shell:(.*)", line):
            depth = len(match[1])
            blocks.append(match[2])
        elif line.strip():
            depth = None
    return blocks


def test_every_placeholder_of_every_shell_block_is_quoted(root):
    files = [root / "Snakefile", *sorted((root / "workflow" / "rules").glob("*.smk"))]
    blocks = {(path.name, block) for path in files for block in _shell_blocks(path)}
    assert len(blocks) > 25
    for name, block in blocks:
        found = re.findall(r"(?<!\{)\{[^{}]+\}", block)
        assert found, f"{name}: a command without placeholders: {block}"
        unquoted = [each for each in found if not each.endswith(":q}")]
        assert not unquoted, f"{name}: {unquoted} in {block}"


def test_rules_run_nothing_but_shell_blocks(root):
    for path in (root / "workflow" / "rules").glob("*.smk"):
        assert not re.search(r"^ *(run|script|notebook|wrapper):", path.read_text(), re.M), path


def test_a_models_name_that_is_a_command_is_not_run(root, tmp_path):
    folder = copy_project(root, tmp_path)
    encoder = folder / "config" / "encoders" / "fusevad-small.yaml"
    values = yaml.safe_load(encoder.read_text())
    encoder.write_text(yaml.safe_dump(values | {"model": f"ViT-L-14{HOSTILE}"}))
    target = "results/encoders/event-clip.safetensors"
    done = run(folder, "snakemake", "--cores", "1", "--printshellcmds", target, check=False)
    assert done.returncode != 0
    assert f"'ViT-L-14{HOSTILE}'" in done.stdout + done.stderr
    assert not (folder / "X").exists()


@pytest.mark.parametrize(
    ("kind", "key", "original"),
    [
        ("datasets", "datasets", "rendered"),
        ("encoders", "encoder", "fusevad-small"),
        ("hyperparameters", "hyperparameters", "rendered"),
    ],
)
@pytest.mark.parametrize("name", [HOSTILE, "../rendered", "a b", "-n", "x\n"])
def test_files_of_the_configuration_have_names_that_are_words(
    root, tmp_path, kind, key, original, name
):
    folder = shutil.copytree(root / "config", tmp_path / "config")
    path = folder / kind / f"{name}.yaml"
    if not path.exists():
        shutil.copy(folder / kind / f"{original}.yaml", path)
    values = yaml.safe_load((folder / "config.yaml").read_text())
    with pytest.raises(FusevadError, match="a name has lower-case letters") as error:
        load(values | {key: [name] if key == "datasets" else name}, folder)
    assert "\n" not in str(error.value)


def test_tables_and_experiments_have_names_that_are_words(root, tmp_path):
    folder = shutil.copytree(root / "config", tmp_path / "config")
    values = yaml.safe_load((folder / "config.yaml").read_text())
    experiment = {"label": "A", "method": "concat"}
    file = folder / "experiments" / "mine.yaml"
    file.write_text(yaml.safe_dump({HOSTILE: experiment}))
    with pytest.raises(FusevadError, match=r"mine\.yaml.*touch X"):
        load(values, folder)
    file.unlink()
    swept = {"what": {"label": "x", "set": "model.nu", "values": [HOSTILE]}}
    table = {"title": "A", "base": "student-t", "sweeps": swept}
    (folder / "tables" / "mine.yaml").write_text(yaml.safe_dump(table))
    with pytest.raises(FusevadError, match=r"mine\.yaml.*touch X.*correct the value"):
        load(values, folder)
    (folder / "tables" / "mine.yaml").rename(folder / "tables" / f"{HOSTILE}.yaml")
    with pytest.raises(FusevadError, match="a name has lower-case letters"):
        load(values, folder)


@pytest.mark.parametrize("path", ["-n", "", "a\nb", "a\x1bb", "{a}"])
@pytest.mark.parametrize(
    ("file", "keys"),
    [
        ("encoders/fusevad-small.yaml", ["model"]),
        ("encoders/fusevad-small.yaml", ["pretrained"]),
        ("encoders/fusevad-small.yaml", ["motion_cue_weights"]),
        ("datasets/mine.yaml", ["own", "labels"]),
        ("datasets/mine.yaml", ["own", "intervals"]),
        ("tables/table2.yaml", ["published"]),
    ],
)
def test_paths_of_every_file_of_the_configuration_are_paths(root, tmp_path, path, file, keys):
    folder = shutil.copytree(root / "config", tmp_path / "config")
    own = yaml.safe_load((folder / "datasets/rendered-tiny.yaml").read_text())
    del own["render"]
    own |= {"own": {"labels": "labels.csv", "intervals": "intervals.csv"}}
    (folder / "datasets/mine.yaml").write_text(yaml.safe_dump(own))
    values = yaml.safe_load((folder / "config.yaml").read_text())
    values |= {"add": {"datasets": ["mine"]}, "table1_ours": []}
    load(values, folder)
    changed = yaml.safe_load((folder / file).read_text())
    section = changed[keys[0]] if len(keys) > 1 else changed
    section[keys[-1]] = path
    (folder / file).write_text(yaml.safe_dump(changed))
    with pytest.raises(FusevadError, match=rf"{file}: {'.'.join(keys)}: ") as error:
        load(values, folder)
    assert str(error.value).isprintable()
