"""Public data sets by name: address, hash, reader, licence, citation, expected counts.

Nothing is passed on with this package: a set is downloaded from its publisher, checked,
and kept as `<cache>/<name>/<file as published>`. A file put there by hand works as well
and then no network is needed; the cache may be read-only.
"""

import ast
import csv
import gzip
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from disrec_mini.checks import did_you_mean
from disrec_mini.errors import DisrecError
from disrec_mini.files import write_atomic
from disrec_mini.interactions import Interactions
from disrec_mini.orders import scrambled
from disrec_mini.reading import read_rows

Facts = dict[int, tuple[str, tuple[str, ...]]]  # published item id -> title, genres


@dataclass(frozen=True)
class Source:
    """One published file of a data set.

    Parameters
    ----------
    url : its address, or "pip:<requirement>" for a file that lies in a wheel.
    file : its name as published.
    hash : "sha256:..." or "md5:..."; "published": the address + ".md5" says it at
        download time; "recorded": nobody publishes it, so the first download writes
        `<file>.sha256`, which later loads are checked against.
    read : turns the file into Interactions.
    """

    url: str
    file: str
    hash: str
    read: Callable[[Path], Interactions]


@dataclass(frozen=True)
class Dataset:
    """What is known about a data set; counts are None where they may change."""

    name: str
    title: str
    sources: tuple[Source, ...]
    n_users: int | None
    n_items: int | None
    n_clicks: int | None
    licence: str
    citation: str

    @property
    def url(self) -> str:
        """The address that is tried first."""
        return self.sources[0].url

    @property
    def file(self) -> str:
        """The file at `url`."""
        return self.sources[0].file


def dataset_names() -> tuple[str, ...]:
    """The names that `load_dataset` knows."""
    return tuple(_REGISTRY)


def dataset_info(name: str) -> Dataset:
    """Everything known about one data set; an unknown name raises with a suggestion."""
    if not isinstance(name, str) or name not in _REGISTRY:
        hint = did_you_mean(str(name).lower(), _REGISTRY, cutoff=0.5)
        raise DisrecError(
            f"Unknown data set {name!r}.{hint} Known: {', '.join(_REGISTRY)}."
        )
    return _REGISTRY[name]


def cache_folder(cache: str | os.PathLike[str] | None = None) -> Path:
    """`cache` if given, else $DISREC_DATA, else the platform's cache folder."""
    chosen = cache or os.environ.get("DISREC_DATA")
    if chosen:
        try:
            return Path(chosen).expanduser()
        except (RuntimeError, TypeError):  # of a user unknown here; no path
            raise DisrecError(
                f"the folder of data {str(chosen)!r} cannot be found: give a whole "
                "path, as cache= or in DISREC_DATA."
            ) from None
    import pooch

    return Path(pooch.os_cache("disrec_mini"))


def load_dataset(
    name: str, cache: str | os.PathLike[str] | None = None, download: bool = True
) -> Interactions:
    """Load a public data set, downloading it at its first use.

    Parameters
    ----------
    name : one of `dataset_names()`.
    cache : folder to look in and download to, see `cache_folder`.
    download : False never touches the network.

    Returns
    -------
    Interactions
        With item names and categories where the set, or an `items.csv` beside its
        file, has them.

    Raises
    ------
    DisrecError : unknown name, no file and no network, a file that is not the published
        one, or counts that are not the expected ones.
    """
    dataset = dataset_info(name)
    source, path = _locate(dataset, cache, download)
    interactions = _read(source, path)
    _check_counts(dataset, interactions, path)
    table = path.with_name("items.csv")
    if interactions.item_names is None and table.is_file():
        interactions = _add_item_table(interactions, table)
    return interactions


def fetch_dataset(
    name: str, cache: str | os.PathLike[str] | None = None, download: bool = True
) -> Path:
    """The data set's verified file in the cache, downloaded when it is not there."""
    return _locate(dataset_info(name), cache, download)[1]


def _locate(
    dataset: Dataset, cache: str | os.PathLike[str] | None, download: bool
) -> tuple[Source, Path]:
    folder = cache_folder(cache) / dataset.name
    for source in dataset.sources:
        path = folder / source.file
        if path.is_file():
            _verify(source, path)
            return source, path
    first = folder / dataset.file
    if not download:
        raise DisrecError(
            f"Data set {dataset.name} is not in the cache: allow the download or put "
            f"{dataset.url} at {first} by hand."
        )
    reasons = []
    for source in dataset.sources:
        path = folder / source.file
        try:
            _download(source, path)
            return source, path
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            told = type(error) in (OSError, ValueError)  # else a library's long story
            reason = str(error) if told else type(error).__name__
            reasons.append(f"{source.url} ({reason[:200]})")
    raise DisrecError(
        f"Data set {dataset.name} could not be downloaded from "
        f"{' nor from '.join(reasons)}; check the network, or put the file from "
        f"{dataset.url} at {first} by hand."
    )


def _verify(source: Source, path: Path) -> None:
    """Compare a cached file with its hash; a wrong one is set aside and refused."""
    expected = source.hash
    sidecar = path.with_name(f"{path.name}.sha256")
    if expected == "recorded" and sidecar.is_file():
        expected = f"sha256:{(sidecar.read_text().split() or [''])[0]}"
    algorithm, colon, digest = expected.partition(":")
    if not colon:
        return  # nothing to compare with: the counts are checked after reading
    actual = _digest(path, algorithm)
    if actual == digest:
        return
    aside = path.with_name(f"{path.name}.wrong-checksum")
    try:
        os.replace(path, aside)
        advice = f"it was set aside as {aside.name}; run again to download it afresh"
    except OSError:
        advice = "remove it, then run again to download it afresh"
    raise DisrecError(
        f"{path} is not the published file: its {algorithm} is {actual}, expected "
        f"{digest}; {advice}."
    )


def _digest(path: Path, algorithm: str) -> str:
    import pooch

    return str(pooch.file_hash(str(path), alg=algorithm))


def _download(source: Source, path: Path) -> None:
    """Bring one source's file to `path`, complete and checked, or raise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if source.url.startswith("pip:"):
        _pip_download(source, path)
        return
    import pooch

    known = source.hash if ":" in source.hash else None
    if source.hash == "published":
        with tempfile.TemporaryDirectory() as folder:  # a former answer never counts
            sidecar = _retrieve(f"{source.url}.md5", "md5", Path(folder), None)
            known = f"md5:{_published_md5(sidecar.read_text())}"
    pooch.get_logger().setLevel("WARNING")  # one set is one file: nothing to narrate
    _retrieve(source.url, path.name, path.parent, known)
    if source.hash == "recorded":
        line = f"{_digest(path, 'sha256')}  {path.name}\n".encode()
        write_atomic(f"{path}.sha256", lambda file: file.write(line))


def _retrieve(url: str, file: str, folder: Path, known_hash: str | None) -> Path:
    import pooch

    return Path(
        pooch.retrieve(url, known_hash, fname=file, path=folder, progressbar=False)
    )


def _published_md5(text: str) -> str:
    match = re.search(r"\b[0-9a-f]{32}\b", text.lower())
    if match is None:
        raise ValueError("the published .md5 file holds no md5")
    return match.group()


def _pip_download(source: Source, path: Path) -> None:
    requirement = source.url.removeprefix("pip:")
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--disable-pip-version-check", "--only-binary", ":all:"]
        done = subprocess.run(
            [*command, "--dest", folder, requirement],
            capture_output=True,
            text=True,
            timeout=600,
        )
        wheel = Path(folder, path.name)
        if done.returncode or not wheel.is_file():
            lines = done.stderr.strip().splitlines() or ["pip left no file"]
            raise OSError(lines[-1])
        algorithm, _, digest = source.hash.partition(":")
        actual = _digest(wheel, algorithm)
        if actual != digest:
            raise ValueError(f"{algorithm} of {path.name} is {actual}, not {digest}")
        shutil.move(wheel, path)


def _read(source: Source, path: Path) -> Interactions:
    damage = (OSError, EOFError, LookupError, zipfile.BadZipFile, zlib.error)
    values = (AttributeError, TypeError, RecursionError, MemoryError)
    try:
        return source.read(path)
    except DisrecError:  # a sentence already
        raise
    except (*damage, *values, ValueError, SyntaxError) as error:
        raise DisrecError(
            f"{path} is damaged or not in the published format ({error}): remove it "
            f"and fetch {source.url} again."
        ) from error


def _check_counts(dataset: Dataset, interactions: Interactions, path: Path) -> None:
    for name in ("n_users", "n_items", "n_clicks"):
        expected, actual = getattr(dataset, name), getattr(interactions, name)
        if expected is not None and actual != expected:
            raise DisrecError(
                f"{path} gives {actual:,} for {name} of {dataset.name}, expected "
                f"{expected:,}: this is not the published file."
            )


def _add_item_table(interactions: Interactions, path: Path) -> Interactions:
    """Names and categories from an `items.csv`: id, title or asin, genres or
    categories separated by `|`; items that it lacks have an empty name."""
    names = [""] * (interactions.n_items + 1)
    categories: list[tuple[str, ...]] = [()] * (interactions.n_items + 1)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows, known = csv.DictReader(file), set()
            if "id" not in (rows.fieldnames or ()):
                raise ValueError("it has no column id")
            for row in rows:
                item = int(row["id"])
                if None in row.values() or item in known:
                    what = "a second time" if item in known else "and is cut off"
                    raise ValueError(f"line {rows.line_num} has item {item} {what}")
                known.add(item)
                if not 1 <= item <= interactions.n_items:
                    raise ValueError(f"item id {item}")
                names[item] = row["title"] if "title" in row else row["asin"]
                both = row["genres"] if "genres" in row else row["categories"]
                categories[item] = _split_genres(both)
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise DisrecError(
            f"{path} must have the columns id, title or asin, genres or categories, "
            f"with ids 1 to {interactions.n_items}; it does not fit: {error}."
        ) from error
    return replace(interactions, item_names=names, item_categories=categories)


def _split_genres(text: str) -> tuple[str, ...]:
    return tuple(genre for genre in text.split("|") if genre)


# ---------------------------------------------------------------- published formats


def read_ml_100k_zip(path: Path) -> Interactions:
    """GroupLens's ml-100k.zip: u.data, u.item and u.genre.

    Users by their number, ratings in time order, ties in the order of u.data (51 % of
    neighbouring ratings of a user share a timestamp). Titles as published but without
    blanks at the end, e.g. "Toy Story (1995)", "Full Monty, The (1997)".
    """
    with zipfile.ZipFile(path) as archive:
        ratings = _ratings(_member(archive, "u.data"), "\t")
        genre_lines = _member(archive, "u.genre").read().split()
        items = _member(archive, "u.item").read().splitlines()
    genres = [line.split("|")[0] for line in genre_lines]
    facts: Facts = {}
    for line in items:
        fields = line.split("|")
        flags = zip(genres, fields[5:], strict=False)
        marked = tuple(genre for genre, flag in flags if flag == "1")
        facts[int(fields[0])] = (fields[1].strip(), marked)
    return from_ratings(*ratings, facts)


def read_ml_100k_wheel(path: Path) -> Interactions:
    """The same set from the `recbole` wheel, identical to `read_ml_100k_zip`.

    The wheel's .inter file is u.data with a header. Its .item file keeps the title and
    the year in two columns, joined here again, spells "unknown" (item 267) another way,
    and separates genres by blanks; the order of title words is the same.
    """
    with zipfile.ZipFile(path) as archive:
        ratings = _ratings(_member(archive, "ml-100k.inter", "utf-8"), "\t", skip=1)
        items = _member(archive, "ml-100k.item", "utf-8").read().split("\n")
    facts: Facts = {}
    for line in filter(None, items[1:]):
        item, title, year, genres = line.rstrip("\r").split("\t")
        known = year not in ("unkonwn", "unknown", "")
        name = f"{title.strip()} ({year})" if known else "unknown"
        facts[int(item)] = (name, tuple(genres.split()))
    return from_ratings(*ratings, facts)


def read_ml_1m_zip(path: Path) -> Interactions:
    """GroupLens's ml-1m.zip: `::`-separated ratings.dat and movies.dat, all ratings.

    Ties in time stay in the order of ratings.dat.
    """
    with zipfile.ZipFile(path) as archive:
        text = _member(archive, "ratings.dat").read().replace("::", "\t")
        ratings = _ratings(io.StringIO(text), "\t")
        rows = [line.split("::") for line in _member(archive, "movies.dat")]
    return from_ratings(*ratings, _movie_facts(rows))


def read_movielens_csv_zip(path: Path) -> Interactions:
    """GroupLens's ml-20m.zip and ml-latest-small.zip: ratings.csv and movies.csv.

    Many ratings of a user share a second, and the file lists them by film number, which
    has a meaning (old films have low ones). So ties are put into an order drawn from
    user and film: the same at every reading and for any order of the lines, without a
    meaning, and unlike the order of anybody else who uses the set.
    """
    with zipfile.ZipFile(path) as archive:
        ratings = _ratings(_member(archive, "ratings.csv", "utf-8"), ",", skip=1)
        rows = list(csv.reader(_member(archive, "movies.csv", "utf-8")))[1:]
    return from_ratings(*ratings, _movie_facts(rows), mix_ties=True)


def read_steam(path: Path) -> Interactions:
    """steam_reviews.json.gz: one Python literal a line (minutes for the full file).

    As SASRec's and BERT4Rec's sets were made: reviews whose user or item has fewer than
    5 reviews are dropped once, the rest is sorted by day (ties in file order), and
    users left with fewer than 5 are dropped. Ids by first appearance; the product id
    is the item's name.
    """
    users, items, days = array("q"), array("q"), array("q")
    user_ids: dict[str, int] = {}
    item_ids: dict[str, int] = {}
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in filter(str.strip, file):
            review = ast.literal_eval(line.strip())
            users.append(user_ids.setdefault(review["username"], len(user_ids)))
            items.append(item_ids.setdefault(review["product_id"], len(item_ids)))
            days.append(int(review["date"].replace("-", "")))
    user, item, day = (np.array(column, np.int64) for column in (users, items, days))
    kept = (np.bincount(user)[user] >= 5) & (np.bincount(item)[item] >= 5)
    user, item, day = user[kept], item[kept], day[kept]
    kept = np.bincount(user, minlength=1)[user] >= 5
    products: Facts = {number: (name, ()) for name, number in item_ids.items()}
    return from_ratings(user[kept], item[kept], day[kept], products, named_users=False)


def from_ratings(
    users: np.ndarray,
    items: np.ndarray,
    times: np.ndarray,
    facts: Facts,
    named_users: bool = True,
    mix_ties: bool = False,
) -> Interactions:
    """Every rating is a click. Users by number, clicks by time; items numbered from 1
    in the order of their published ids.

    mix_ties : clicks of one user at one time stand in an order drawn from user and
        item; without it, in file order, which may have a meaning.
    """
    if len(users) == 0:
        raise ValueError("no ratings are left")
    tie = scrambled(users, items) if mix_ties else np.arange(len(users))
    order = np.lexsort((tie, times, users))
    published, item_of_click = np.unique(items, return_inverse=True)
    names, lengths = np.unique(users, return_counts=True)
    known = [facts.get(item, ("", ())) for item in published.tolist()]
    return Interactions(
        item_of_click[order] + 1,
        np.concatenate([[0], np.cumsum(lengths)]),
        len(published),
        item_names=["", *(title for title, _ in known)],
        user_names=[str(name) for name in names.tolist()] if named_users else None,
        item_categories=[(), *(genres for _, genres in known)],
    )


def _member(
    archive: zipfile.ZipFile, name: str, encoding: str = "latin-1"
) -> io.TextIOWrapper:
    """A file of the archive, in whatever folder, as text."""
    for member in archive.namelist():
        if member.rpartition("/")[2] == name:
            return io.TextIOWrapper(archive.open(member), encoding=encoding, newline="")
    raise LookupError(f"it holds no {name}")


def _ratings(
    lines: Iterable[str], separator: str, skip: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Users, items and times (columns 0, 1 and 3), each (n_ratings,) int64."""
    columns = np.loadtxt(
        *(lines, np.int64, None, separator), skiprows=skip, usecols=(0, 1, 3), ndmin=2
    ).T
    return columns[0], columns[1], columns[2]


def _movie_facts(rows: Iterable[list[str]]) -> Facts:
    facts: Facts = {}
    for row in filter(None, rows):
        movie, title, genres = (field.strip() for field in row)
        genres = genres.replace("(no genres listed)", "")
        facts[int(movie)] = (title, _split_genres(genres))
    return facts


# ------------------------------------------------------------------------ registry

_GITHUB = "https://raw.githubusercontent.com"
_GROUPLENS = "https://files.grouplens.org/datasets/movielens"
_STEAM = "https://cseweb.ucsd.edu/~wckang/steam_reviews.json.gz"
_RESEARCH = (
    "GroupLens: research use with acknowledgement; no redistribution without permission"
)
_SMALL = "GroupLens: may be passed on under its own terms (README in the zip)"
_AMAZON = "Amazon reviews 2014 (McAuley): research use with citation"
_HARPER = (
    "F. M. Harper and J. A. Konstan. The MovieLens Datasets: History and Context. "
    "ACM TiiS 5(4), 2015."
)
_MCAULEY = (
    "R. He and J. McAuley. Ups and Downs. WWW 2016; J. McAuley, C. Targett, Q. Shi and "
    "A. van den Hengel. Image-based Recommendations on Styles and Substitutes. "
    "SIGIR 2015."
)
_KANG = (
    "W.-C. Kang and J. McAuley. Self-Attentive Sequential Recommendation. ICDM 2018."
)


def _text(path: str, sha256: str, format: str) -> tuple[Source, ...]:
    def read(file: Path) -> Interactions:
        return read_rows(file, format)

    file = path.rpartition("/")[2]
    return (Source(f"{_GITHUB}/{path}", file, f"sha256:{sha256}", read),)


def _five_core(
    name: str, file: str, sha256: str, counts: tuple[int, int, int]
) -> Dataset:
    title = f"Amazon {file[:-4].replace('_', ' ')}, 5-core, as S3-Rec and later papers"
    source = _text(f"RUCAIBox/CIKM2020-S3Rec/master/data/{file}", sha256, "user-first")
    return Dataset(name, title, source, *counts, _AMAZON, _MCAULEY)


def _movielens(
    name: str,
    title: str,
    source: tuple[str, str, Callable[[Path], Interactions]],
    counts: tuple[int | None, int | None, int | None],
    *others: Source,
) -> Dataset:
    sources = (Source(f"{_GROUPLENS}/{source[0]}", *source), *others)
    licence = _SMALL if name == "ml-latest-small" else _RESEARCH
    return Dataset(name, title, sources, *counts, licence, _HARPER)


_BEAUTY = "f480b7a7403852342ffd8f9809bb30697dd669be31813d0e204b698fec86ef49"
_BEAUTY_5CORE = "226cce9c3105299ca0db9615d7d3fb32b3175e90da43100ae352599f0f0107b8"
_SPORTS = "2a095e0648872beb9982408958290f5d655db5be2911c3756b5446de9f0b8de2"
_TOYS = "176c680c688d497598c4a89a03b402c0fe78d795e5db335c2e78dd5f2d778a3f"
_ML_1M = "b725f3acb3986fe3130bffd1e77a74d182a1f51799567a236dbd60270f95b0a2"
_ML_1M_RAW = "md5:c4d9eecfca2ab87c1945afe126590906"
_ML_20M = "md5:cd245b17a1ae2cc31bb14903e1204af3"
_ML_100K = "md5:0e33842e24a9c977be4e0107933c0723"
_WHEEL = "sha256:9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"

_DATASETS = (
    Dataset(
        "beauty",
        "Amazon Beauty as BERT4Rec and the paper use it",
        _text("FeiSun/BERT4Rec/master/data/beauty.txt", _BEAUTY, "pairs"),
        *(40_226, 54_542, 353_962, _AMAZON, _MCAULEY),
    ),
    _five_core("beauty-5core", "Beauty.txt", _BEAUTY_5CORE, (22_363, 12_101, 198_502)),
    _five_core(
        "sports-5core", "Sports_and_Outdoors.txt", _SPORTS, (35_598, 18_357, 296_337)
    ),
    _five_core("toys-5core", "Toys_and_Games.txt", _TOYS, (19_412, 11_924, 167_597)),
    Dataset(
        "ml-1m",
        "MovieLens 1M as SASRec and the paper use it",
        _text("kang205/SASRec/master/data/ml-1m.txt", _ML_1M, "pairs"),
        *(6_040, 3_416, 999_611, _RESEARCH, f"{_HARPER} Prepared by {_KANG}"),
    ),
    _movielens(
        "ml-1m-raw",
        "MovieLens 1M, GroupLens's own zip, all ratings",
        ("ml-1m.zip", _ML_1M_RAW, read_ml_1m_zip),
        (6_040, 3_706, 1_000_209),
    ),
    _movielens(
        "ml-20m",
        "MovieLens 20M, all ratings; ties in time in a drawn order",
        ("ml-20m.zip", _ML_20M, read_movielens_csv_zip),
        (138_493, 26_744, None),
    ),
    Dataset(
        "steam",
        "Steam reviews, prepared as BERT4Rec's and the paper's Steam",
        (Source(_STEAM, "steam_reviews.json.gz", "recorded", read_steam),),
        *(281_428, 13_044, None, "Steam: research use with citation", _KANG),
    ),
    _movielens(
        "ml-100k",
        "MovieLens 100K with titles, years and genres",
        ("ml-100k.zip", _ML_100K, read_ml_100k_zip),
        (943, 1_682, 100_000),
        Source(
            "pip:recbole==1.2.1",
            *("recbole-1.2.1-py3-none-any.whl", _WHEEL, read_ml_100k_wheel),
        ),
    ),
    _movielens(
        "ml-latest-small",
        "MovieLens latest, small; ties in time in a drawn order; it changes, so "
        "results on it do not last",
        ("ml-latest-small.zip", "published", read_movielens_csv_zip),
        (None, None, None),
    ),
)
_REGISTRY = {dataset.name: dataset for dataset in _DATASETS}
