"""The index of a stream: every video of the manifest once, in shards that are whole."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from fusevad.embed.index import make_index
from fusevad.embed.settings import EmbedSettings
from fusevad.embed.store import EmbeddingStore
from fusevad.errors import FusevadError
from fusevad.files import sha256
from tests.made_up_embeddings import embed, write_stream


@pytest.fixture
def shards(encoder, data, tmp_path):
    settings = EmbedSettings("rgb", encoder, crops=(0, 5), frame_stride=16)
    return [embed(data, tmp_path, settings, shard, 2) for shard in (0, 1)]


def rewrite(file, change):
    """Change a shard's tensors, keeping its metadata."""
    with safe_open(file, "numpy") as store:
        provenance = json.loads(store.metadata()["provenance"])
    tensors = load_file(file)
    change(tensors, provenance)
    save_file(tensors, file, {"provenance": json.dumps(provenance)})


def test_index_lists_every_video_in_the_manifests_order(data, shards, tmp_path):
    make_index(data / "manifest.csv", shards, tmp_path / "index.csv")
    first, second = (sha256(shard) for shard in shards)
    assert (tmp_path / "index.csv").read_text().split() == [
        "video,file,segments,crops,dim,sha256",
        f"a,shard-0.safetensors,3,2,24,{first}",
        f"b,shard-1.safetensors,1,2,24,{second}",
        f"c,shard-0.safetensors,1,2,24,{first}",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, _: x.pop("b"), "1 videos have no embeddings, such as b"),
        (lambda x, _: x.update(a=x["b"]), r"shard-1.*a is also in shard-0.safetensors"),
        (lambda x, _: x.update(z=x["b"]), r"shard-1.*z is not in .*manifest.csv"),
        (lambda x, _: x.update(b=x["b"][[0, 0]]), r"shard-1.*b have shape \(2, 2, 24\)"),
        (lambda x, _: x.update(b=x["b"] * np.float16(np.nan)), "shard-1.*b are not finite"),
        (lambda x, _: x.update(b=x["b"].astype(np.float64)), "shard-1.*b are not float16"),
        (lambda x, _: x.update(b=x["b"][:, :1]), "shard-1.*other settings"),
        (lambda x, _: x.update(b=x["b"][..., :8]), "shard-1.*other settings"),
        (lambda _, meta: meta.update(frame_stride="2"), "shard-1.*other settings"),
        (lambda _, meta: meta.pop("version"), "shard-1.*other settings"),
    ],
)
def test_wrong_shards_are_named(data, shards, tmp_path, change, message):
    rewrite(shards[1], lambda x, meta: change(x, meta))
    with pytest.raises(FusevadError, match=message):
        make_index(data / "manifest.csv", shards, tmp_path / "index.csv")
    assert not (tmp_path / "index.csv").exists()


def test_shards_from_before_an_upgrade_that_notes_more_stay_in_the_index(encoder, data, tmp_path):
    """Else days of work would be thrown away; between shards that note it, it is compared."""
    settings = EmbedSettings("rgb", encoder, crops=(0, 5), frame_stride=16)
    shards = [embed(data, tmp_path, settings, shard, 3) for shard in range(3)]
    rewrite(shards[0], lambda _, noted: [noted.pop(key) for key in ("quick_gelu", "mean", "std")])
    make_index(data / "manifest.csv", shards, tmp_path / "index.csv")
    rewrite(shards[2], lambda _, noted: noted.update(quick_gelu="true"))
    with pytest.raises(FusevadError, match=r"shard-2.*other settings"):
        make_index(data / "manifest.csv", shards, tmp_path / "index.csv")


@pytest.mark.parametrize("kind", ["BF16", "F8_E4M3", "F4"])
@pytest.mark.parametrize("about", ["{}", "[" * 100_000])
def test_a_shard_of_types_or_notes_of_others_is_one_line(data, tmp_path, kind, about):
    size = {"BF16": 8, "F8_E4M3": 4, "F4": 2}[kind]
    video = {"dtype": kind, "shape": [1, 1, 4], "data_offsets": [0, size]}
    header = json.dumps({"b": video, "__metadata__": {"provenance": about}}).encode()
    shard = tmp_path / "shard-0.safetensors"
    shard.write_bytes(len(header).to_bytes(8, "little") + header + bytes(size))
    with pytest.raises(FusevadError, match=r"shard-0\.safetensors: .*damaged embeddings; delete"):
        make_index(data / "manifest.csv", [shard], tmp_path / "index.csv")


def test_an_index_names_only_what_is_beside_it_and_as_it_is(tmp_path):
    index = write_stream(tmp_path, {"a": np.zeros((2, 1, 4), np.float16)})
    text = index.read_text()
    wrong = {
        text.replace("shard-0", "../shard-0"): "not an index of shards",
        text.replace("shard-0.safetensors", str(tmp_path / "shard-0.safetensors")): "not an index",
        text.splitlines()[0] + "\n": "not an index of shards",
        text.replace(",2,1,4,", ",2,1,8,"): "video a are not as listed",
        text.replace(",2,1,4,", ",9,1,4,"): "video a are not as listed",
        text.replace(",2,1,4,", ",2,1,x,"): "column dim: not all numbers",
        text.replace(",2,1,4,", ",2,1,inf,"): "sizes that are no whole numbers",
        text.replace(",2,1,4,", ",2,True,4,"): "column crops: not all numbers",
        text.replace("\na,", "\nb,"): "video b are not as listed",
        text + text.splitlines()[1] + "\n": "a video twice",
    }
    for written, message in wrong.items():
        index.write_text(written)
        with pytest.raises(FusevadError, match=rf"index\.csv: .*{message}"):
            EmbeddingStore(index, torch.device("cpu"))


def test_a_shard_with_a_flipped_bit_gets_no_index(data, shards, tmp_path):
    """Else an index made again would declare the damage good."""
    content = shards[1].read_bytes()
    shards[1].write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(FusevadError, match=r"shard-1.*embeddings of video b are damaged; delete"):
        make_index(data / "manifest.csv", shards, tmp_path / "index.csv")


def test_missing_and_damaged_shards_are_named(data, shards, tmp_path):
    shards[1].write_bytes(b"damaged")
    for files in (shards, [shards[0], tmp_path / "shard-9.safetensors"]):
        with pytest.raises(FusevadError, match=files[1].name):
            make_index(data / "manifest.csv", files, tmp_path / "index.csv")
