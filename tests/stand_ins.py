"""Small stand-ins of the real data sets: their names, folders, formats, frame rates and sizes.

A handful of videos of each part, a second or two long, in which a block wanders and, during an
anomaly, a bright one flickers. Each function lays out one data set below a folder, as its publisher
and `fusevad fetch` would leave it, and returns what to lay over the data set's file in
`config/datasets/`: the small numbers in place of the real ones.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import yaml

from fusevad.config.reading import merge
from fusevad.data.recorded.split import names_sha256
from fusevad.parsing import read_yaml

# Class of a stand-in video in the files of its publisher, and frames [start, end) of anomalies.
Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class StandIn:
    """A video: what the publisher calls it and its label, how long it is, and its anomalies."""

    name: str
    label: str
    frames: int
    spans: Spans = ()


@dataclass(frozen=True)
class Picture:
    """Size and frame rate of a data set's videos, and how they are encoded."""

    width: int
    height: int
    fps: int
    codec: str = "libx264"


UCF_TRAIN = [
    StandIn("Abuse001_x264", "Abuse", 48, ((10, 30),)),
    StandIn("Fighting002_x264", "Fighting", 60, ((20, 50),)),
    StandIn("Fighting004_x264", "Fighting", 45, ((8, 30),)),
    StandIn("RoadAccidents003_x264", "RoadAccidents", 50, ((20, 40),)),
    *(StandIn(f"Normal_Videos{n:03d}_x264", "Normal", 40 + n) for n in (1, 2, 4, 5)),
]
UCF_TEST = [
    StandIn("Abuse028_x264", "Abuse", 50, ((10, 26),)),
    # Ends after the video, as some do.
    StandIn("Fighting003_x264", "Fighting", 64, ((5, 20), (40, 66))),
    StandIn("RoadAccidents001_x264", "RoadAccidents", 47, ((0, 20),)),
    *(StandIn(f"Normal_Videos_{n:03d}_x264", "Normal", 40 + n) for n in (3, 6, 10)),
]
XD_TRAIN = [
    StandIn("Bad.Boys.1995__#01-07-01_01-08-13_label_B1-0-0", "B1-0-0", 40, ((10, 30),)),
    StandIn("Bad.Boys.1995__#00-26-51_00-27-53_label_B2-0-0", "B2-0-0", 45, ((5, 30),)),
    StandIn("Brick.Mansions.2014__#00-03-40_00-03-55_label_B1-B2-0", "B1-B2-0", 36, ((9, 30),)),
    StandIn("Deadpool.2016__#0-08-50_0-09-11_label_B6-0-0", "B6-0-0", 48, ((20, 40),)),
    *(
        StandIn(f"A.Beautiful.Mind.2001__#{times}_label_A", "A", frames)
        for times, frames in (("00-01-45_00-02-50", 40), ("00-03-00_00-04-05", 41))
    ),
    StandIn("Your.Name.2016__#00-36-52_00-41-00_label_A", "A", 38),
    StandIn("v=8cTqh9tMz_I__#1_label_A", "A", 44),
]
XD_TEST = [
    StandIn("Braveheart.1995__#00-56-30_00-57-20_label_B1-0-0", "B1-0-0", 52, ((0, 16), (30, 52))),
    StandIn("Desperado.1995__#00-38-36_00-39-21_label_B1-B2-0", "B1-B2-0", 48, ((16, 30),)),
    StandIn("Fast.Five.2011__#00-01-41_00-01-57_label_B6-0-0", "B6-0-0", 40, ((8, 24),)),
    *(
        StandIn(f"A.Beautiful.Mind.2001__#{times}_label_A", "A", frames)
        for times, frames in (("00-25-20_00-29-20", 40), ("00-40-52_00-42-01", 33))
    ),
    StandIn("wangted.2008__#0-27-17_0-28-07_label_A", "A", 41),
]
SHANGHAI_TRAIN = [
    StandIn("01_0014", "vehicle", 40, ((10, 30),)),
    StandIn("01_0026", "fighting", 36, ((5, 25),)),
    StandIn("01_0030", "skateboard", 48, ((20, 40),)),
    StandIn("01_0130", "car", 33, ((3, 20),)),
    *(StandIn(f"01_{n:03d}", "normal", 34 + n) for n in (2, 3, 5, 7)),
]
SHANGHAI_TEST = [
    StandIn("01_0025", "vehicle", 48, ((12, 30),)),
    # One frame long, and empty if the end is taken for the first frame after.
    StandIn("01_0028", "robbery", 41, ((10, 25), (30, 31))),
    StandIn("04_0012", "vehicle", 40, ((0, 10), (20, 40))),
    *(StandIn(f"01_{n:03d}", "normal", 34 + n) for n in (1, 4, 6)),
]
MSAD_TRAIN = [
    StandIn("Assault_1", "Assault", 45, ((10, 30),)),
    StandIn("Explosion_2", "Explosion", 40, ((20, 40),)),
    StandIn("Fire_1", "Fire", 50, ((5, 40),)),
    StandIn("Traffic_accident_1", "Traffic_accident", 40, ((10, 30),)),
    *(StandIn(name, "Normal", 40) for name in ("frontdoor1", "park11", "perdestrian_street1")),
    StandIn("street_highview1", "Normal", 44),
]
MSAD_TEST = [
    StandIn("Assault_2", "Assault", 48, ((19, 40),)),
    StandIn("Fire_2", "Fire", 44, ((0, 30),)),
    StandIn("Traffic_accident_2", "Traffic_accident", 50, ((30, 50),)),
    *(StandIn(f"MSAD_normal_testing_{n}", "Normal", 40 + n) for n in (1, 2, 3)),
]


VIDEOS = {
    "ucf-crime": {"train": UCF_TRAIN, "test": UCF_TEST},
    "xd-violence": {"train": XD_TRAIN, "test": XD_TEST},
    "shanghaitech": {"train": SHANGHAI_TRAIN, "test": SHANGHAI_TEST},
    "msad": {"train": MSAD_TRAIN, "test": MSAD_TEST},
}


def ucf_crime(folder: Path, in_parts: bool = False) -> dict[str, Any]:
    """UCF-Crime as in the one archive, or as in the archives that it is also given in."""
    picture = Picture(160, 120, 30)
    videos = folder if in_parts else folder / "UCF_Crimes/Videos"
    train = {video.name: _ucf_folder(video, "Training", in_parts) for video in UCF_TRAIN}
    test = {video.name: _ucf_folder(video, "Testing", in_parts) for video in UCF_TEST}
    for video in UCF_TRAIN + UCF_TEST:
        place = (train | test)[video.name]
        write_clip(videos / place / f"{video.name}.mp4", video, picture)
    # Another video with the name of one of the test set: it belongs to another task.
    other = "Normal_Videos_for_Event_Recognition" if in_parts else "Normal_Videos_event"
    write_clip(videos / other / f"{UCF_TEST[-1].name}.mp4", UCF_TRAIN[-1], picture)
    lists = folder / ("UCF_Crimes-Train-Test-Split" if in_parts else "lists")
    named = {video.name: _ucf_folder(video, "Training", False) for video in UCF_TRAIN}
    write_lines(lists / "Anomaly_Train.txt", (f"{place}/{n}.mp4" for n, place in named.items()))
    ucf_annotations(lists / "Temporal_Anomaly_Annotation.txt")
    released = _released_lists(folder, "UCFCrime_dataset", UCF_TRAIN, UCF_TEST)
    return _override("ucf-crime", {"official": (UCF_TRAIN, UCF_TEST), "released": released})


def ucf_annotations(path: Path) -> None:
    """The published annotations: frames count from 1, both ends belong to the anomaly."""
    lines = []
    for video in UCF_TEST:
        pairs = [(start + 1, end) for start, end in video.spans] + [(-1, -1)] * 2
        numbers = "  ".join(f"{start}  {end}" for start, end in pairs[:2])
        lines.append(f"{video.name}.mp4  {video.label}  {numbers}  ")
    write_lines(path, lines)


def ucf_crime_dvs(folder: Path) -> dict[str, Any]:
    """UCF-Crime-DVS: event streams, some 100 events in each of a few frames."""
    event_streams(folder, UCF_TRAIN[:2] + UCF_TRAIN[-2:] + UCF_TEST[:1] + UCF_TEST[-1:], 16)
    train, test = UCF_TRAIN[:2] + UCF_TRAIN[-2:], UCF_TEST[:1] + UCF_TEST[-1:]
    write_lines(folder / "lists/Anomaly_Train.txt", (f"x/{video.name}.mp4" for video in train))
    write_lines(
        folder / "lists/Temporal_Anomaly_Annotation.txt",
        ("Abuse028_x264.mp4  Abuse  2  3  -1  -1  ", f"{test[1].name}.mp4  Normal  -1  -1  -1  -1"),
    )
    return _override("ucf-crime-dvs", {"official": (train, test)})


def event_streams(folder: Path, videos: Iterable[StandIn], shorter: int = 1) -> None:
    """Event streams of videos, with as many frames of 1/30 s, or so many times fewer."""
    random = np.random.default_rng(0)
    for video in videos:
        path = folder / "events" / video.label / f"{video.name}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        count = 100 * video.frames // shorter
        np.savez_compressed(
            path,
            t=np.sort(random.integers(0, video.frames * 33_333 // shorter, count)),
            x=random.integers(0, 1280, count),
            y=random.integers(0, 720, count),
            p=random.integers(0, 2, count),
        )


def xd_violence(folder: Path) -> dict[str, Any]:
    """XD-Violence; the released split trains on a test video with two labels and lacks two."""
    picture = Picture(320, 180, 24)
    places = ["1-1004", "1005-2004", "2005-2804", "2805-3319", "3320-3954"]
    for number, video in enumerate(XD_TRAIN):
        place = folder / "videos" / places[number % len(places)]
        write_clip(place / f"{video.name}.mp4", video, picture)
    for video in XD_TEST:
        write_clip(folder / "videos/test_videos/videos" / f"{video.name}.mp4", video, picture)
    lists = folder / "lists"
    write_lines(
        lists / "annotations.txt",
        (
            " ".join([video.name, *(f"{start} {end}" for start, end in video.spans)])
            for video in XD_TEST
            if video.spans
        ),
    )
    write_features_list(lists / "xd_CLIP_rgb.csv", "/x/XDTrainClipFeatures", XD_TRAIN, range(10))
    write_features_list(lists / "xd_CLIP_rgbtest.csv", "/x/XDTestClipFeatures", XD_TEST, [0])
    leaked = [video for video in XD_TEST if video.label == "B1-B2-0"]
    lacking = ("Your.Name", "v=8cTqh9tMz_I")
    train = [video for video in XD_TRAIN if not video.name.startswith(lacking)] + leaked
    test = [video for video in XD_TEST if video not in leaked]
    released = _released_lists(folder, "xd_dataset", train, test)
    return _override("xd-violence", {"official": (XD_TRAIN, XD_TEST), "released": released})


def shanghaitech(folder: Path) -> dict[str, Any]:
    """ShanghaiTech: normal videos as avi files, the others as images; 04_0012 leaks."""
    picture = Picture(428, 240, 24, "mpeg4")
    for video in SHANGHAI_TRAIN + SHANGHAI_TEST:
        if video.label == "normal":
            place = folder / "shanghaitech/training/videos"
            write_clip(place / f"{video.name}.avi", video, picture)
            continue
        place = folder / "shanghaitech/testing/frames" / video.name
        place.mkdir(parents=True, exist_ok=True)
        for number, image in enumerate(images(video, picture)):
            cv2.imwrite(str(place / f"{number:03d}.jpg"), image)
        mask = folder / "shanghaitech/testing/test_frame_mask" / f"{video.name}.npy"
        mask.parent.mkdir(parents=True, exist_ok=True)
        np.save(mask, _mask(video).astype(np.uint8))
    lists = folder / "lists"
    for part, videos in (("Train", SHANGHAI_TRAIN), ("Test", SHANGHAI_TEST)):
        write_lines(
            lists / f"shanghai-i3d-{part.lower()}-10crop.list",
            (f"/home/yu/yu_ssd/SH_{part}_ten_crop_i3d/{video.name}_i3d.npy" for video in videos),
        )
    write_lines(lists / "shang_annotations.txt", _shanghai_lines())
    leaked = [video for video in SHANGHAI_TEST if video.name == "04_0012"]
    test = [video for video in SHANGHAI_TEST if video not in leaked]
    released = _released_lists(folder, "shang_dataset", SHANGHAI_TRAIN + leaked, test)
    return _override(
        "shanghaitech", {"official": (SHANGHAI_TRAIN, SHANGHAI_TEST), "released": released}
    )


def _shanghai_lines() -> Iterator[str]:
    """The annotations, both ends inside; the video with two classes stands there in two parts."""
    for video in SHANGHAI_TEST:
        parts = [(f"{video.name}.avi", video.label, video.spans)]
        if video.name == "04_0012":
            parts = [
                ("04_0012_0.avi", "vehicle", video.spans[:1]),
                ("04_0012_1.avi", "circuit", video.spans[1:]),
            ]
        for name, label, spans in parts:
            pairs = [(start, end - 1) for start, end in spans] + [(-1, -1)] * 8
            numbers = " ".join(f"{start} {end}" for start, end in pairs[:8])
            yield f"{name} {label} {numbers}"


def msad(folder: Path) -> dict[str, Any]:
    """MSAD, with videos of several sizes; the released split tests on a training video."""
    pictures = [Picture(320, 180, 30), Picture(240, 180, 25), Picture(640, 360, 30)]
    top = folder / "MSAD Dataset"
    for number, video in enumerate(MSAD_TRAIN + MSAD_TEST):
        place = "MSAD_normal_training_blur" if video in MSAD_TRAIN else "MSAD_normal_testing_blur"
        if video.spans:
            place = f"MSAD_anomaly_blur/{video.label}"
        write_clip(
            top / "MSAD_blur" / place / f"{video.name}.mp4", video, pictures[number % len(pictures)]
        )
    for part, videos in (("Train", MSAD_TRAIN), ("Test", MSAD_TEST)):
        write_lines(
            top / f"MSAD_I3D_WS_{part}.list",
            (f"/scratch/kf09/lz1278/MSAD-I3D-WS/{v.name}_i3d.npy" for v in videos),
        )
    rows = ["name,scenario,total frames,starting frame of anomaly,ending frame of anomaly"]
    for video in MSAD_TRAIN + MSAD_TEST:
        rows += [f"{video.name},shop,{video.frames},{s + 1},{e}" for s, e in video.spans]
    write_lines(top / "anomaly_annotation.csv", rows)
    moved = [video for video in MSAD_TRAIN if video.name == "Fire_1"]
    train = [video for video in MSAD_TRAIN if video not in moved]
    lines = []
    for video in MSAD_TEST + moved:
        numbers = [f"{s + 1}  {e}" for s, e in video.spans] or ["-1  -1"]
        scenario = "office" if video.spans else "Normal"
        lines.append(f"{video.name}.mp4  {scenario}  {numbers[0]}  -1  -1  ")
    write_lines(folder / "lists/msad_annotations.txt", lines)
    released = _released_lists(folder, "msad_dataset", train, MSAD_TEST + moved)
    return _override("msad", {"official": (MSAD_TRAIN, MSAD_TEST), "released": released})


STAND_INS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "ucf-crime": ucf_crime,
    "xd-violence": xd_violence,
    "shanghaitech": shanghaitech,
    "msad": msad,
    "ucf-crime-dvs": ucf_crime_dvs,
}
CONFIG = Path(__file__).resolve().parents[1] / "config" / "datasets"


def make(folder: Path, config: Path, datasets: Iterable[str]) -> None:
    """Lay out data sets in `folder/{dataset}` and write their files to `config/datasets/`."""
    for dataset in datasets:
        over = STAND_INS[dataset](folder / dataset)
        path = config / "datasets" / f"{dataset}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(configured(dataset, over), sort_keys=False))


def configured(dataset: str, over: dict[str, Any]) -> dict[str, Any]:
    """The data set's file with the small numbers laid over it."""
    return merge(read_yaml(CONFIG / f"{dataset}.yaml"), over)


def write_clip(path: Path, video: StandIn, picture: Picture) -> None:
    """Encode a video."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(picture.codec, rate=Fraction(picture.fps))
        stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, "yuv420p"
        if picture.codec == "libx264":
            stream.options = {"preset": "ultrafast", "threads": "1"}
        for image in images(video, picture):
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def images(video: StandIn, picture: Picture) -> Iterator[np.ndarray]:
    """BGR frames, which follow from the video's name."""
    random = np.random.default_rng(list(video.name.encode()))
    coarse = random.integers(40, 160, (9, 16, 3), dtype=np.uint8)
    ground = cv2.resize(coarse, (picture.width, picture.height), interpolation=cv2.INTER_LINEAR)
    side = picture.height // 6
    left, top = random.integers(0, picture.width - 2 * side), random.integers(0, 2 * side)
    for time, anomalous in enumerate(_mask(video)):
        image = ground.copy()
        x = int(left + 3 * time) % (picture.width - side)
        image[top : top + side, x : x + side] = (30, 30, 60)
        if anomalous:
            row, column = random.integers(2 * side, 4 * side, 2)
            image[row : row + side, column : column + 2 * side] = random.integers(150, 255, 3)
        yield image


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a text file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def write_features_list(
    path: Path, folder: str, videos: Iterable[StandIn], crops: Iterable[int]
) -> None:
    """A list of feature files and labels, as it comes with released code."""
    rows = [f"{folder}/{v.name}__{crop}.npy,{v.label}" for v in videos for crop in crops]
    write_lines(path, ["path,label", *rows])


def _released_lists(
    folder: Path, dataset: str, train: list[StandIn], test: list[StandIn]
) -> tuple[list[StandIn], list[StandIn]]:
    """Write the lists of the released code; returns the split that they make."""
    for part, videos, crops in (("train", train, range(10)), ("test", test, [5])):
        top = f"/media/Data1/{dataset}/vitl/rgb"
        write_features_list(folder / f"lists/iefvad/{part}.csv", top, videos, crops)
    return train, test


def _ucf_folder(video: StandIn, part: str, in_parts: bool) -> str:
    if video.label != "Normal":
        return f"Anomaly-Videos-Part-1/{video.label}" if in_parts else video.label
    if part == "Training" and in_parts:
        return "Training-Normal-Videos-Part-1"
    return f"{part}_Normal_Videos_Anomaly"


def _mask(video: StandIn) -> np.ndarray:
    """(frames,) bool, true during an anomaly."""
    mask = np.zeros(video.frames, bool)
    for start, end in video.spans:
        mask[start:end] = True
    return mask


def _override(
    dataset: str, splits: dict[str, tuple[list[StandIn], list[StandIn]]]
) -> dict[str, Any]:
    """The small numbers: videos, classes and names of each part of each split."""
    recorded = read_yaml(CONFIG / f"{dataset}.yaml")["recorded"]
    labels = recorded["labels"]
    classes = dict.fromkeys(labels["names"].values(), 0)
    over: dict[str, Any] = {}
    for split, parts in splits.items():
        over[split] = {}
        for part, videos in zip(("train", "test"), parts, strict=True):
            counts = Counter(name for video in videos for name in _classes(video, labels))
            over[split][part] = {
                "videos": len(videos),
                "classes": classes | counts,
                "names_sha256": names_sha256(video.name for video in videos),
            }
    return {"shards": 1, "recorded": {"splits": over}}


def _classes(video: StandIn, labels: dict[str, Any]) -> list[str]:
    if video.label == "Normal":
        return ["normal"]
    return [labels["names"][part] for part in video.label.split("-") if part != "0"]
