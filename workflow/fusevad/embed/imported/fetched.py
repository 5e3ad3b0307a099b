"""`fusevad fetch --features`: download public features and check them against the split."""

import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from fusevad.data.fetch.checksums import LockFile
from fusevad.data.fetch.dataset import alone_in, fetch, say_licence
from fusevad.data.fetch.hub_folder import fetch_folder
from fusevad.data.fetch.job import FetchJob, is_done
from fusevad.data.fetch.mirrors import need_room
from fusevad.data.fetch.record import Record
from fusevad.data.fetch.settings import FetchSettings, PublishedFeatures
from fusevad.data.label_tables import SPLITS
from fusevad.data.recorded.inventory import Inventory
from fusevad.data.recorded.settings import RecordedSettings
from fusevad.data.recorded.split import Listed, read_split
from fusevad.embed.imported.layouts import find_files
from fusevad.embed.imported.reading import scan
from fusevad.embed.imported.run import pooled_test
from fusevad.embed.imported.settings import LAYOUTS, ImportSettings
from fusevad.errors import FusevadError, notice


def fetch_features(
    dataset: str,
    name: str,
    settings: FetchSettings,
    recorded: RecordedSettings,
    folder: Path,
    lock: Path,
) -> None:
    """Download features to `folder/features/name` and compare them with the data set's split.

    The lists of the split come first, as with `fetch`. Existing files stay; a killed run resumes
    with the next one. If `folder` is a link to the user's data, the features go there too.

    Args:
        dataset: name of the data set.
        name: of the features, among those of `settings`.
        settings: section `fetch` of the data set.
        recorded: its section `recorded`.
        folder: `data/{dataset}`.
        lock: file with the checksums of files that the configuration does not pin; the features
            have a lock file of their own beside it.

    Raises:
        FusevadError: there are no such features, no mirror has them, the disk is too small, or
            videos of the split lack features; all of them are named.
    """
    published = _chosen(dataset, name, settings)
    fetch(dataset, settings, folder, lock, only=lambda file: bool(file.sources) and not file.unpack)
    videos, problems = read_split(
        Inventory.of(folder), recorded.chosen(recorded.split), recorded.labels
    )
    if problems:
        raise FusevadError(f"{folder}: split {recorded.split}: {problems[0]}; get the lists again")
    place = folder / "features" / name
    _announce(dataset, name, published, folder)
    _download(f"{dataset}: {name}", published, place, lock.with_stem(f"{lock.stem}.{name}"))
    _compare(place, published, videos, recorded.split)
    notice(f"in a configuration: {_use(dataset, place, published)}")


def _chosen(dataset: str, name: str, settings: FetchSettings) -> PublishedFeatures:
    if name not in settings.features:
        known = ", ".join(settings.features) or "none"
        raise FusevadError(
            f"{dataset}: no features '{name}' that anyone may download, but {known}; add them to"
            f" `fetch: features` of the data set, or import your own"
        )
    return settings.features[name]


def _announce(dataset: str, name: str, published: PublishedFeatures, folder: Path) -> None:
    most = published.most_gigabytes or published.gigabytes
    free = shutil.disk_usage(folder).free / 1e9
    notice(f"{dataset}: features {name}: {published.whose}")
    notice(
        f"{dataset}: features {name}: {published.gigabytes:g} GB to download, which need"
        f" {most:g} GB in {folder}; {free:.1f} GB are free"
    )


def _download(title: str, published: PublishedFeatures, place: Path, lock: Path) -> None:
    """Bring the files to their places below `place`."""
    if published.huggingface is not None:
        say_licence(title, published.licence)
        with alone_in(place):
            fetch_folder(published.huggingface, place, LockFile(lock))
        return
    settings = FetchSettings(licence=published.licence, files=published.files)
    job = FetchJob(title, settings, place, LockFile(lock), Record(place))
    if not all(is_done(job, file) for file in published.files):
        most = int((published.most_gigabytes or published.gigabytes) * 1e9)
        with alone_in(place):
            need_room(place, place, most - _bytes_below(place))
    fetch(title, settings, place, lock)


def _bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _compare(
    place: Path, published: PublishedFeatures, videos: Iterable[Listed], split: str
) -> None:
    """Name the videos without usable features and the files that belong to no video.

    Raises:
        FusevadError: more videos lack features than expected.
    """
    parts = {video.name: video.part for video in videos}
    layout = LAYOUTS[published.layout]
    found = find_files(place, layout, parts)
    settings = ImportSettings(published.layout, published.crops)
    looked = scan(found, list(parts), settings)
    pooled = {
        name: why
        for name, features in looked.good.items()
        if (why := pooled_test(features, parts[name], layout))
    }
    bad = looked.bad | pooled
    if found.unknown:
        names = ", ".join(str(path.relative_to(place)) for path in found.unknown)
        notice(f"{place}: {len(found.unknown)} files belong to no video of split {split}: {names}")
    good = Counter(part for name, part in parts.items() if name not in bad)
    counts = ", ".join(
        f"{good[part]} of {list(parts.values()).count(part)} {part}" for part in SPLITS
    )
    notice(f"{place}: features of {counts} videos")
    if not bad:
        return
    named = ", ".join(f"{name} ({why})" for name, why in bad.items())
    what = f"{place}: {len(bad)} of {len(parts)} videos of split {split} have no usable features"
    if len(bad) > published.lacks:
        known = f", expected {published.lacks}" if published.lacks else ""
        raise FusevadError(f"{what}{known}: {named}; run the command again, or get them by hand")
    notice(f"{what}, as is known: {named}; set on_bad_video: skip to do without them")


def _use(dataset: str, place: Path, published: PublishedFeatures) -> str:
    crops = ""
    if published.crops != ImportSettings(published.layout).crops:
        crops = f", crops: {list(published.crops)}"
    return f"features: {{{dataset}: {{layout: {published.layout}, folder: {place}{crops}}}}}"
