"""Data sets: cache, hashes, download, and a reader for each published format.

Nothing here leaves the machine, except that the wheel which holds ML-100K is fetched
once by pip when it is not in the cache; without it those tests are skipped.
"""

import functools
import gzip
import hashlib
import http.server
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import disrec_mini as dm
from disrec_mini import datasets
from disrec_mini.datasets import (
    Dataset,
    Source,
    dataset_info,
    dataset_names,
    fetch_dataset,
    load_dataset,
    read_ml_1m_zip,
    read_ml_100k_wheel,
    read_ml_100k_zip,
    read_movielens_csv_zip,
    read_steam,
)
from disrec_mini.errors import DisrecError
from disrec_mini.interactions import Interactions
from disrec_mini.reading import read_interactions

TEXT = b"1 1\n1 2\n1 3\n2 2\n"


def rows(interactions: Interactions) -> list[list[int]]:
    return [row.tolist() for row in interactions]


def assert_same(one: Interactions, two: Interactions) -> None:
    assert (one.items == two.items).all()
    assert (one.offsets == two.offsets).all()
    assert one.n_items == two.n_items
    assert one.user_names == two.user_names
    for ours, theirs in zip(one.item_names or (), two.item_names or (), strict=True):
        assert ours == theirs
    assert one.item_categories == two.item_categories


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """A registered data set of four clicks, at an address where nobody listens."""
    source = Source(
        "http://127.0.0.1:9/tiny.txt",
        "tiny.txt",
        f"sha256:{hashlib.sha256(TEXT).hexdigest()}",
        read_interactions,
    )
    dataset = Dataset("tiny", "Tiny", (source,), 2, 3, 4, "none", "nobody")
    monkeypatch.setitem(datasets._REGISTRY, "tiny", dataset)
    return dataset


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Address and folder of a web server on this machine."""
    folder = tmp_path / "published"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", folder
        running.shutdown()


def register(
    monkeypatch: pytest.MonkeyPatch, dataset: Dataset, **changes: object
) -> None:
    source = replace(dataset.sources[0], **changes)  # type: ignore[arg-type]
    changed = replace(dataset, sources=(source,))
    monkeypatch.setitem(datasets._REGISTRY, "tiny", changed)


def put(cache: Path, data: bytes = TEXT) -> Path:
    path = cache / "tiny" / "tiny.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


# ----------------------------------------------------------------------- registry


def test_every_promised_name_is_there() -> None:
    promised = "beauty beauty-5core sports-5core toys-5core ml-1m ml-1m-raw ml-20m "
    promised += "steam ml-100k ml-latest-small"
    assert set(dataset_names()) == set(promised.split())
    for name in dataset_names():
        dataset = dataset_info(name)
        assert dataset.name == name
        assert dataset.url.startswith("https://")
        assert dataset.file == dataset.url.rpartition("/")[2]
        assert dataset.title
        assert dataset.licence
        assert dataset.citation
        for source in dataset.sources:
            algorithm, _, digest = source.hash.partition(":")
            if digest:
                int(digest, 16)
                assert len(digest) == {"sha256": 64, "md5": 32}[algorithm]


def test_unknown_name_suggests_and_lists() -> None:
    with pytest.raises(DisrecError, match=r"Did you mean beauty") as caught:
        load_dataset("beuty")
    assert all(name in str(caught.value) for name in dataset_names())
    with pytest.raises(DisrecError, match=r"Unknown data set 'zzz'. Known: beauty"):
        dataset_info("zzz")


def test_importing_needs_neither_torch_nor_pooch() -> None:
    code = (
        "import sys, disrec_mini.datasets, disrec_mini.synthetic; "
        "print([m for m in ('torch', 'pooch', 'requests') if m in sys.modules])"
    )
    root = Path(datasets.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert done.stdout.strip() == "[]", done.stderr


# -------------------------------------------------------------------------- cache


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DISREC_DATA", str(tmp_path / "there"))
    assert datasets.cache_folder(tmp_path) == tmp_path
    assert datasets.cache_folder() == tmp_path / "there"
    monkeypatch.delenv("DISREC_DATA")
    assert "disrec_mini" in str(datasets.cache_folder())
    with pytest.raises(DisrecError, match="'~nobody-here/x' cannot be found"):
        datasets.cache_folder("~nobody-here/x")


def test_cached_file_needs_no_network(
    tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path)
    before = path.stat()
    assert rows(load_dataset("tiny", tmp_path)) == [[1, 2, 3], [2]]
    assert rows(load_dataset("tiny", str(tmp_path), download=False))
    assert fetch_dataset("tiny", tmp_path) == path
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    monkeypatch.setenv("DISREC_DATA", str(tmp_path))
    assert load_dataset("tiny").n_clicks == 4


def test_wrong_checksum_is_set_aside(tiny: Dataset, tmp_path: Path) -> None:
    path = put(tmp_path, b"1 9\n")
    with pytest.raises(DisrecError, match=r"not the published file") as caught:
        load_dataset("tiny", tmp_path)
    for data in (TEXT, b"1 9\n"):
        assert hashlib.sha256(data).hexdigest() in str(caught.value)
    assert "run again" in str(caught.value)
    assert not path.exists()
    assert path.with_name("tiny.txt.wrong-checksum").read_bytes() == b"1 9\n"


def test_wrong_checksum_in_a_read_only_cache(
    tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, b"1 9\n")

    def refuse(*_: object) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr(datasets.os, "replace", refuse)
    with pytest.raises(DisrecError, match=r"expected .*; remove it, then run again"):
        load_dataset("tiny", tmp_path)
    assert path.read_bytes() == b"1 9\n"


def test_absent_and_not_allowed_or_not_reachable(tiny: Dataset, tmp_path: Path) -> None:
    place = str(tmp_path / "tiny" / "tiny.txt")
    with pytest.raises(DisrecError, match=r"not in the cache") as caught:
        load_dataset("tiny", tmp_path, download=False)
    assert place in str(caught.value)
    assert tiny.url in str(caught.value)
    assert not (tmp_path / "tiny").exists()
    with pytest.raises(DisrecError, match=r"could not be downloaded from") as caught:
        load_dataset("tiny", tmp_path)
    assert place in str(caught.value)
    assert tiny.url in str(caught.value)
    assert list((tmp_path / "tiny").iterdir()) == []


def test_wrong_counts(
    tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path)
    changed = replace(tiny, n_items=1234)
    monkeypatch.setitem(datasets._REGISTRY, "tiny", changed)
    with pytest.raises(
        DisrecError, match=r"gives 3 for n_items of tiny, expected 1,23"
    ):
        load_dataset("tiny", tmp_path)


def test_damaged_file_without_a_hash(
    tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, b"not a zip")
    for reader in (
        read_ml_1m_zip,
        read_ml_100k_zip,
        read_movielens_csv_zip,
        read_steam,
    ):
        register(monkeypatch, tiny, hash="published", read=reader)
        with pytest.raises(
            DisrecError, match=r"damaged or not in the published format"
        ):
            load_dataset("tiny", tmp_path)


# ----------------------------------------------------------------------- download


def test_download_then_cache(
    tiny: Dataset,
    server: tuple[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address, folder = server
    register(monkeypatch, tiny, url=f"{address}/tiny.txt")
    (folder / "tiny.txt").write_bytes(TEXT)
    assert load_dataset("tiny", tmp_path / "cache").n_clicks == 4
    (folder / "tiny.txt").unlink()
    assert load_dataset("tiny", tmp_path / "cache").n_clicks == 4
    assert os.listdir(tmp_path / "cache" / "tiny") == ["tiny.txt"]


def test_download_of_something_else(
    tiny: Dataset,
    server: tuple[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address, folder = server
    register(monkeypatch, tiny, url=f"{address}/tiny.txt")
    with pytest.raises(DisrecError, match=r"HTTPError"):
        load_dataset("tiny", tmp_path / "cache")
    (folder / "tiny.txt").write_bytes(b"<html>")
    with pytest.raises(DisrecError, match=r"does not match the known hash"):
        load_dataset("tiny", tmp_path / "cache")
    assert os.listdir(tmp_path / "cache" / "tiny") == []


def test_published_md5_decides(
    tiny: Dataset,
    server: tuple[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address, folder = server
    register(monkeypatch, tiny, url=f"{address}/tiny.txt", hash="published")
    (folder / "tiny.txt").write_bytes(TEXT)
    (folder / "tiny.txt.md5").write_text("nothing")
    with pytest.raises(DisrecError, match=r"holds no md5"):
        load_dataset("tiny", tmp_path / "cache")
    (folder / "tiny.txt.md5").write_text("0" * 32 + "  tiny.txt\n")
    with pytest.raises(DisrecError, match=r"does not match the known hash"):
        load_dataset("tiny", tmp_path / "cache")
    md5 = hashlib.md5(TEXT).hexdigest()
    (folder / "tiny.txt.md5").write_text(f"{md5}  tiny.txt\n")
    assert load_dataset("tiny", tmp_path / "cache").n_clicks == 4
    assert os.listdir(tmp_path / "cache" / "tiny") == ["tiny.txt"]


def test_first_download_is_recorded(
    tiny: Dataset,
    server: tuple[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address, folder = server
    register(monkeypatch, tiny, url=f"{address}/tiny.txt", hash="recorded")
    (folder / "tiny.txt").write_bytes(TEXT)
    assert load_dataset("tiny", tmp_path).n_clicks == 4
    record = tmp_path / "tiny" / "tiny.txt.sha256"
    assert record.read_text().split()[0] == hashlib.sha256(TEXT).hexdigest()
    assert load_dataset("tiny", tmp_path, download=False).n_clicks == 4
    put(tmp_path, b"1 9\n")
    with pytest.raises(DisrecError, match=r"not the published file"):
        load_dataset("tiny", tmp_path)


def test_second_source_when_the_first_is_gone(
    tiny: Dataset,
    server: tuple[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address, folder = server
    second = replace(tiny.sources[0], url=f"{address}/other.txt", file="other.txt")
    changed = replace(tiny, sources=(tiny.sources[0], second))
    monkeypatch.setitem(datasets._REGISTRY, "tiny", changed)
    with pytest.raises(DisrecError, match=r"tiny\.txt .* nor from .*other\.txt"):
        load_dataset("tiny", tmp_path / "cache")
    (folder / "other.txt").write_bytes(TEXT)
    assert load_dataset("tiny", tmp_path / "cache").n_clicks == 4
    assert load_dataset("tiny", tmp_path / "cache", download=False).n_clicks == 4


def test_pip_that_fails_is_one_sentence(
    tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert command[:4] == [sys.executable, "-m", "pip", "download"]
        return subprocess.CompletedProcess(command, 1, "", "WARNING\nERROR: no index\n")

    register(monkeypatch, tiny, url="pip:nothing==1")
    monkeypatch.setattr(datasets.subprocess, "run", fail)
    with pytest.raises(DisrecError, match=r"pip:nothing==1 \(ERROR: no index\)"):
        load_dataset("tiny", tmp_path)
    assert list((tmp_path / "tiny").iterdir()) == []


def test_pip_that_brings_something_else(
    tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = b"1 9\n"

    def bring(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        Path(command[command.index("--dest") + 1], "tiny.txt").write_bytes(data)
        return subprocess.CompletedProcess(command, 0, "", "")

    register(monkeypatch, tiny, url="pip:nothing==1")
    monkeypatch.setattr(datasets.subprocess, "run", bring)
    with pytest.raises(DisrecError, match=r"sha256 of tiny\.txt is"):
        load_dataset("tiny", tmp_path)
    data = TEXT
    assert load_dataset("tiny", tmp_path).n_clicks == 4
    assert os.listdir(tmp_path / "tiny") == ["tiny.txt"]


# ---------------------------------------------------------------------- item table


@pytest.mark.parametrize(
    ("text", "names", "categories"),
    [
        (
            'id,title,genres,more\n3,"Full, The (1997)",A|B,7\n1,One (1950),,8\n',
            ("", "One (1950)", "", "Full, The (1997)"),
            ((), (), (), ("A", "B")),
        ),
        (
            'id,asin,categories\n2,B00,"Puffs, Sponges|Make up"\n1,,\n',
            ("", "", "B00", ""),
            ((), (), ("Puffs, Sponges", "Make up"), ()),
        ),
    ],
)
def test_item_table(
    tiny: Dataset,
    tmp_path: Path,
    text: str,
    names: tuple[str, ...],
    categories: tuple[tuple[str, ...], ...],
) -> None:
    put(tmp_path)
    (tmp_path / "tiny" / "items.csv").write_text(text, encoding="utf-8")
    interactions = load_dataset("tiny", tmp_path)
    assert interactions.item_names == names
    assert interactions.item_categories == categories


@pytest.mark.parametrize(
    "text",
    ["id,title,genres\n4,a,b\n", "id,title\n1,a\n", "a,b\n1,2\n", "id,asin\n1\n"],
)
def test_wrong_item_table(tiny: Dataset, tmp_path: Path, text: str) -> None:
    put(tmp_path)
    (tmp_path / "tiny" / "items.csv").write_text(text)
    with pytest.raises(DisrecError, match=r"items\.csv must have the columns id"):
        load_dataset("tiny", tmp_path)


# --------------------------------------------------------------- published formats


def make_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_ml_1m_zip(tmp_path: Path) -> None:
    ratings = "2::30::5::100\n1::20::3::300\n1::10::4::200\n1::30::1::200\n"
    movies = "10::Misérables, Les (1995)::Drama|War\n20::Big: A :: (1988)::Comedy\n"
    movies = movies.replace(" :: ", " : ") + "99::Nobody's (2000)::Drama\n"
    path = make_zip(
        tmp_path / "ml-1m.zip",
        {
            "ml-1m/README": b"read me",
            "ml-1m/ratings.dat": ratings.encode(),
            "ml-1m/movies.dat": movies.encode("latin-1"),
        },
    )
    interactions = read_ml_1m_zip(path)
    assert rows(interactions) == [[1, 3, 2], [3]]
    assert interactions.user_names == ("1", "2")
    names = ("", "Misérables, Les (1995)", "Big: A : (1988)", "")
    assert interactions.item_names == names
    assert interactions.item_categories == ((), ("Drama", "War"), ("Comedy",), ())


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_movielens_csv_zip(tmp_path: Path, newline: str) -> None:
    ratings = ["userId,movieId,rating,timestamp", "7,5,3.5,20", "7,131262,0.5,10"]
    ratings += ["3,5,4.0,10", "3,6,4.0,10"]
    movies = ["movieId,title,genres", '5,"Piano, The (1993)",Drama|Romance']
    movies += ["6,Amélie (2001),Comedy", "131262,Innocence (2014),(no genres listed)"]
    path = make_zip(
        tmp_path / "ml.zip",
        {
            "ml/ratings.csv": newline.join([*ratings, ""]).encode(),
            "ml/movies.csv": newline.join([*movies, ""]).encode("utf-8"),
        },
    )
    interactions = read_movielens_csv_zip(path)
    assert [sorted(row) for row in rows(interactions)[:1]] == [[1, 2]]  # a tie
    assert rows(interactions)[1] == [3, 1]
    assert interactions.user_names == ("3", "7")
    names = ("", "Piano, The (1993)", "Amélie (2001)", "Innocence (2014)")
    assert interactions.item_names == names
    assert interactions.item_categories == ((), ("Drama", "Romance"), ("Comedy",), ())


def test_ties_of_the_csv_sets_do_not_follow_film_numbers(tmp_path: Path) -> None:
    """ratings.csv lists a user's films by number; a second holds many of them."""
    rng = np.random.default_rng(0)
    lines = [  # 40 users, 30 films each in rising order, in three seconds
        f"{user},{film},4.0,{1000 + second}"
        for user in range(1, 41)
        for film, second in zip(
            sorted(rng.choice(200, 30, replace=False) + 1),
            rng.integers(0, 3, 30),
            strict=True,
        )
    ]
    seconds = {tuple(map(int, ln.split(",")[:2])): int(ln[-4:]) for ln in lines}
    movies = ["movieId,title,genres", *(f"{j},{j},Drama" for j in range(1, 201))]

    def read(name: str, ratings: list[str]) -> Interactions:
        text = "\n".join(["userId,movieId,rating,timestamp", *ratings, ""])
        members = {"m/ratings.csv": text, "m/movies.csv": "\n".join([*movies, ""])}
        encoded = {name: text.encode() for name, text in members.items()}
        return read_movielens_csv_zip(make_zip(tmp_path / name, encoded))

    found = read("a.zip", lines)
    rises, ties = 0, 0
    firsts = []
    for user, row in enumerate(rows(found), 1):
        films = [int(found.item_names[item]) for item in row]
        times = [seconds[user, film] for film in films]
        assert times == sorted(times)  # different times are never swapped
        firsts.append(films[0] == min(f for f in films if seconds[user, f] == times[0]))
        for n in range(29):
            ties += times[n] == times[n + 1]
            rises += times[n] == times[n + 1] and films[n] < films[n + 1]
    assert ties > 1000
    assert 0.45 < rises / ties < 0.55  # in file order it would be 1
    assert sum(firsts) < 12
    shuffled = [lines[i] for i in rng.permutation(len(lines))]
    assert rows(read("b.zip", shuffled)) == rows(found)


def steam_line(user: str, product: str, day: str) -> str:
    return (
        f"{{u'username': u'{user}', u'hours': 0.1, u'product_id': u'{product}', "
        f"u'date': u'{day}', u'text': u'it\\'s \"fine\"\\n', u'early_access': False}}\n"
    )


def test_steam(tmp_path: Path) -> None:
    lines = []
    for user in "abcde":  # five users review five products, newest product first
        for day in range(5, 0, -1):
            lines.append(steam_line(user, f"p{day}", f"2017-12-0{day}"))
    lines.append(steam_line("a", "rare", "2017-01-01"))  # an item with one review
    lines.append(steam_line("once", "p1", "2017-01-01"))  # a user with one review
    for product in ("p1", "p2", "p3", "p4", "odd"):  # left with four: dropped
        lines.append(steam_line("short", product, "2017-01-01"))
    path = tmp_path / "steam_reviews.json.gz"
    path.write_bytes(gzip.compress("".join(lines).encode()))
    interactions = read_steam(path)
    assert interactions.n_users == 5
    assert interactions.item_names == ("", "p5", "p4", "p3", "p2", "p1")
    assert rows(interactions) == [[5, 4, 3, 2, 1]] * 5
    assert interactions.user_names is None


@pytest.mark.parametrize(
    "text",
    [
        *(b"hello\n", b"{'username': 'a'\n", b"[1, 2]\n", b"\xff\n", b""),
        b"{'username': 5, 'product_id': None, 'date': 3}\n",
        b"{'username': 'a', 'product_id': '1', 'date': 'x'}\n",
        b"(" * 100_000 + b"\n",
    ],
)
@pytest.mark.parametrize("ending", ["whole", "cut", "plain"])
def test_a_damaged_steam_file_is_a_sentence(
    text: bytes, ending: str, tmp_path: Path
) -> None:
    path, packed = tmp_path / "steam_reviews.json.gz", gzip.compress(text)
    path.write_bytes({"whole": packed, "cut": packed[:-9], "plain": text}[ending])
    source = dm.datasets.dataset_info("steam").sources[0]
    with pytest.raises(dm.DisrecError, match="damaged or not in the published format"):
        dm.datasets._read(source, path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no column id"),
        ("a,b\n1,2\n", "no column id"),
        ("id,title,genres\n1,A,x\n1,B,y\n", "line 3 has item 1 a second time"),
        ("id,title,genres\n1\n", "line 2 has item 1 and is cut off"),
        ('id,title,genres\n1,"A,x\n2,B', "line 3 has item 1 and is cut off"),
        ("id,title,genres\n9,A,x\n", "item id 9"),
    ],
)
def test_a_damaged_table_of_items_is_a_sentence(
    text: str, why: str, tmp_path: Path
) -> None:
    path = tmp_path / "items.csv"
    path.write_text(text)
    data = dm.Interactions.from_sequences([[1, 2, 3]])
    with pytest.raises(dm.DisrecError, match=f"it does not fit: .*{why}"):
        dm.datasets._add_item_table(data, path)


U_DATA = "2\t3\t5\t90\n1\t1\t3\t50\n1\t3\t4\t40\n1\t2\t4\t50\n2\t2\t1\t80\n"
TITLES = (
    ("Toy Story (1995)", "1995", ("Animation", "Children's", "Comedy")),
    ("unknown", "unkonwn", ("unknown",)),
    ("Land Before Time III: Giving (1995) (V)", "V", ("Children's",)),
)
GENRES = ("unknown", "Animation", "Children's", "Comedy")


def ml_100k_zip(
    path: Path, ratings: bytes, titles: tuple, genres: tuple[str, ...]
) -> Path:
    """The published layout: u.data, u.item (latin-1), u.genre."""
    lines = []
    for item, (title, _, marked) in enumerate(titles, 1):
        flags = "|".join("01"[genre in marked] for genre in genres)
        lines.append(f"{item}|{title}|01-Jan-1995||http://us.imdb.com/M|{flags}\n")
    genre_lines = [f"{genre}|{number}\n" for number, genre in enumerate(genres)]
    members = {
        "ml-100k/u.data": ratings,
        "ml-100k/u.item": "".join(lines).encode("latin-1"),
        "ml-100k/u.genre": "".join([*genre_lines, "\n"]).encode(),
        "ml-100k/u.user": b"1|24|M|technician|85711\n",
    }
    return make_zip(path, members)


def test_ml_100k_two_sources_one_result(tmp_path: Path) -> None:
    items = (
        "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
    )
    for item, (title, year, genres) in enumerate(TITLES, 1):
        bare = "unkonwn" if item == 2 else title.removesuffix(f" ({year})")
        items += f"{item}\t{bare}\t{year}\t{' '.join(genres)}\n"
    folder = "recbole/dataset_example/ml-100k/ml-100k"
    wheel = make_zip(
        tmp_path / "a.whl",
        {
            f"{folder}.inter": ("user_id:token\tetc\n" + U_DATA).encode(),
            f"{folder}.item": items.encode(),
        },
    )
    published = (*TITLES[:2], (TITLES[2][0] + " ", *TITLES[2][1:]))  # blanks at the end
    zipped = ml_100k_zip(tmp_path / "a.zip", U_DATA.encode(), published, GENRES)
    interactions = read_ml_100k_zip(zipped)
    assert rows(interactions) == [[3, 1, 2], [2, 3]]
    assert interactions.item_names == ("", *(title for title, _, _ in TITLES))
    assert interactions.item_categories == ((), *(genres for _, _, genres in TITLES))
    assert_same(interactions, read_ml_100k_wheel(wheel))


# ----------------------------------------------------------------------- real files


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that holds ML-100K: from the cache, else fetched by pip once."""
    source = dataset_info("ml-100k").sources[1]
    path = datasets.cache_folder() / "ml-100k" / source.file
    if path.is_file():
        return path
    path = tmp_path_factory.mktemp("wheel") / source.file
    try:
        datasets._download(source, path)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        pytest.skip(f"the wheel with ML-100K cannot be fetched here: {error}")
    return path


def test_ml_100k_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    (tmp_path / "ml-100k").mkdir()
    shutil.copy(wheel, tmp_path / "ml-100k" / wheel.name)
    interactions = load_dataset("ml-100k", tmp_path, download=False)
    assert interactions.user_names == tuple(str(u) for u in range(1, 944))
    names, categories = interactions.item_names, interactions.item_categories
    assert names is not None
    assert categories is not None
    assert names[1] == "Toy Story (1995)"
    assert names[267] == "unknown"
    assert names[543] == "Misérables, Les (1995)"
    assert names[1412].endswith("Giving (1995) (V)")
    assert categories[1] == ("Animation", "Children's", "Comedy")
    assert len({genre for genres in categories for genre in genres}) == 19
    unlike = [name for name in names[1:] if not name.endswith(")")]
    assert unlike == ["unknown"]


def test_ml_100k_zip_made_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """All 100,000 ratings and 1,682 titles in the published layout: the same result."""
    with zipfile.ZipFile(wheel) as archive:
        folder = "recbole/dataset_example/ml-100k/ml-100k"
        ratings = archive.read(f"{folder}.inter").split(b"\n", 1)[1]
    assert hashlib.sha256(ratings).hexdigest().startswith("06416e597f82b734")
    expected = read_ml_100k_wheel(wheel)
    names, categories = expected.item_names, expected.item_categories
    assert names is not None
    assert categories is not None
    genres = tuple(sorted({genre for entry in categories for genre in entry}))
    titles = tuple(
        (name, "", entry) for name, entry in zip(names[1:], categories[1:], strict=True)
    )
    zipped = ml_100k_zip(tmp_path / "ml-100k.zip", ratings, titles, genres)
    assert_same(read_ml_100k_zip(zipped), expected)
    table = np.array([line.split(b"\t") for line in ratings.splitlines()], np.int64)
    for user in (1, 500, 943):  # a loop: by time, ties in file order
        own = [(row[3], number, row[1]) for number, row in enumerate(table.tolist())]
        own = [entry for entry in own if table[entry[1], 0] == user]
        assert expected[user - 1].tolist() == [item for _, _, item in sorted(own)]


@pytest.mark.parametrize("name", ["beauty", "beauty-5core", "sports-5core", "ml-1m"])
def test_real_sets(name: str) -> None:
    """With DISREC_DATA set: hash, counts, and a round trip of the first user."""
    cache = os.environ.get("DISREC_DATA")
    if not cache or not (Path(cache) / name).is_dir():
        pytest.skip(f"DISREC_DATA does not hold {name}")
    interactions = load_dataset(name, download=False)
    dataset = dataset_info(name)
    assert (interactions.n_users, interactions.n_items, interactions.n_clicks) == (
        dataset.n_users,
        dataset.n_items,
        dataset.n_clicks,
    )
    path = fetch_dataset(name, download=False)
    with path.open() as file:
        lines = [next(file).split() for _ in range(5)]
    if name in ("beauty", "ml-1m"):
        assert [int(item) for _, item in lines] == interactions[0][:5].tolist()
    else:
        for user, (_, *items) in enumerate(lines):
            assert interactions[user].tolist() == [int(item) for item in items]
    if (path.parent / "items.csv").is_file():
        assert interactions.item_names is not None
        assert interactions.item_categories is not None
        assert any(interactions.item_categories)


def test_published_ids_are_rows(tmp_path: Path) -> None:
    (source,) = datasets._text("owner/name/main/clicks.txt", "0", "pairs")
    (tmp_path / "clicks.txt").write_text("1 3\n1 9\n1 3\n1 9\n")
    read = source.read(tmp_path / "clicks.txt")
    assert (read.n_items, read.item_names) == (9, None)
    assert read[0].tolist() == [3, 9, 3, 9]
