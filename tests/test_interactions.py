"""Click sequences, their files, their split and their noise."""

import gzip
import io
import json
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from disrec_mini import ids
from disrec_mini.errors import DisrecError, DisrecIndexError
from disrec_mini.files import write_atomic, write_json_atomic
from disrec_mini.interactions import Interactions
from disrec_mini.reading import read_interactions, read_rows
from disrec_mini.splitting import Split, corrupt, leave_one_out

sequences_strategy = st.lists(
    st.lists(st.integers(1, 30), min_size=1, max_size=9), min_size=1, max_size=12
)
reuse_folder = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def small() -> Interactions:
    return Interactions(
        [1, 2, 2, 4, 3, 1, 1, 2],
        [0, 4, 4, 6, 8],
        5,
        item_names=["", "a", "b", "c", "d", "e"],
        user_names=["10", "20", "30", "40"],
        item_categories=[(), ("x",), ("x", "y"), (), (), ()],
    )


def rows(interactions: Interactions) -> list[list[int]]:
    return [row.tolist() for row in interactions]


def called(interactions: Interactions) -> list[list[str]]:
    names = interactions.item_names or range(interactions.n_items + 1)
    return [[str(names[item]) for item in row] for row in rows(interactions)]


# ------------------------------------------------------------------- Interactions


def test_rows_and_sizes(small: Interactions) -> None:
    assert rows(small) == [[1, 2, 2, 4], [], [3, 1], [1, 2]]
    assert (len(small), small.n_users, small.n_items, small.n_clicks) == (4, 4, 5, 8)
    assert small.lengths.tolist() == [4, 0, 2, 2]
    assert small.counts().tolist() == [0, 3, 3, 1, 1, 0]
    assert small.items.dtype == small.offsets.dtype == small.lengths.dtype == np.int64
    assert small[np.int32(2)].tolist() == [3, 1]
    text = repr(small)
    assert "4 users" in text
    assert "5 items, named" in text
    assert "8 clicks" in text


def test_summary(small: Interactions) -> None:
    summary = small.summary()
    assert summary["n_clicks"] == 8
    assert summary["mean_length"] == 2
    assert summary["median_length"] == 2
    assert summary["max_length"] == 4
    assert summary["items_under_5_clicks_share"] == 1
    assert summary["items_without_clicks_share"] == 1 / 5
    assert summary["top_1_percent_share"] == 3 / 8
    assert summary["density"] == 8 / 20
    json.dumps(summary)
    Interactions([], [0], 3).summary()


def test_nothing_can_change_underneath() -> None:
    items = np.array([1, 2, 3])
    interactions = Interactions(items, np.array([0, 3]), 3)
    items[0] = 3
    assert interactions[0].tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="read-only"):
        interactions[0][0] = 2
    with pytest.raises(AttributeError):
        interactions.n_items = 7  # type: ignore[misc]


@given(sequences_strategy)
def test_from_sequences_round_trip(sequences: list[list[int]]) -> None:
    interactions = Interactions.from_sequences(sequences)
    assert rows(interactions) == sequences
    assert interactions.n_items == max(max(row) for row in sequences)
    assert Interactions.from_sequences(sequences, n_items=99).n_items == 99


def test_select(small: Interactions) -> None:
    chosen = small.select([3, 0, 1])
    assert rows(chosen) == [[1, 2], [1, 2, 2, 4], []]
    assert chosen.user_names == ("40", "10", "20")
    assert chosen.item_names == small.item_names
    assert chosen.n_items == 5
    assert rows(small.select(small.lengths > 1)) == [[1, 2, 2, 4], [3, 1], [1, 2]]
    assert len(small.select([])) == 0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"items": [1, 0]}, r"position 1 is 0"),
        ({"items": [1, 9]}, r"between 1 and n_items = 3.*position 1 is 9"),
        ({"items": [1.0, 2.0]}, r"items must be a one-dimensional array of whole"),
        ({"items": [[1, 2]]}, r"shape \(1, 2\)"),
        ({"items": [[1], [1, 2]]}, r"one-dimensional"),
        ({"items": [True, True]}, r"type bool"),
        ({"offsets": [0, 1]}, r"offsets must run from 0 to the number of clicks, 2"),
        ({"offsets": [1, 2]}, r"not 1 to 2"),
        ({"offsets": []}, r"not nothing"),
        ({"offsets": [0, 2, 1, 2]}, r"offsets\[2\] is smaller than offsets\[1\]"),
        ({"n_items": 0}, r"n_items must be a whole number >= 1, not 0"),
        ({"n_items": 3.0}, r"n_items must be a whole number"),
        ({"n_items": True}, r"n_items must be a whole number"),
        ({"item_names": ["", "a"]}, r"item_names must have 4 entries, index 0 being"),
        ({"item_names": ["a", "b", "c", "d"]}, r'must be "", not \'a\''),
        ({"item_names": ["", 1, 2, 3]}, r"item_names must be a sequence of strings"),
        ({"user_names": ["a", "b"]}, r"user_names must have 1 entries, not 2"),
        ({"item_categories": [()]}, r"item_categories must have 4 entries"),
    ],
)
def test_wrong_arguments(changes: dict[str, object], sentence: str) -> None:
    arguments: dict = {"items": [1, 2], "offsets": [0, 2], "n_items": 3}
    with pytest.raises(DisrecError, match=sentence):
        Interactions(**{**arguments, **changes})


def test_no_clicks_at_all() -> None:
    with pytest.raises(DisrecError, match="pass n_items"):
        Interactions.from_sequences([[]])
    assert Interactions.from_sequences([[]], n_items=2).n_users == 1
    with pytest.raises(DisrecError, match="user 1 must be a one-dimensional"):
        Interactions.from_sequences([[1], ["x"]])  # type: ignore[list-item]
    with pytest.raises(DisrecError, match="position 0 is -4"):
        Interactions.from_sequences([[-4]])


def test_wrong_users(small: Interactions) -> None:
    for user in (-1, 4):
        with pytest.raises(DisrecIndexError, match=f"no user {user}: users are 0 to 3"):
            small[user]
        with pytest.raises(IndexError, match=f"no user {user}"):
            small.select([0, user])
    with pytest.raises(DisrecError, match=r"whole number, not 1\.5"):
        small[1.5]  # type: ignore[index]
    with pytest.raises(DisrecError, match="users must be"):
        small.select([0.5])  # type: ignore[list-item]


# -------------------------------------------------------------------------- Split


@given(sequences_strategy)
def test_leave_one_out_equals_a_loop(sequences: list[list[int]]) -> None:
    interactions = Interactions.from_sequences(sequences)
    split = leave_one_out(interactions)
    for u, row in enumerate(sequences):
        train, valid, test = (row[:-2], *row[-2:]) if len(row) >= 3 else (row, 0, 0)
        assert split.train[u].tolist() == train
        assert (split.valid_items[u], split.test_items[u]) == (valid, test)
    assert split.n_users == len(sequences)
    assert split.n_items == interactions.n_items
    assert (split.counts() == interactions.counts()).all()


def test_split_keeps_names_and_shows_itself(small: Interactions) -> None:
    split = leave_one_out(small)
    assert split.train.item_names == small.item_names
    assert split.train.user_names == small.user_names
    assert repr(split).endswith("1 valid, 1 test)")


@pytest.mark.parametrize(
    ("valid", "test", "sentence"),
    [
        ([0, 0], [0, 0, 0, 0], "valid_items must have one entry for each of the 4"),
        ([0, 0, 0, 0], [0, 6, 0, 0], "between 0 .none. and n_items = 5, but user 1 ha"),
        ([0, -1, 0, 0], [0, 0, 0, 0], "user 1 has -1"),
        ([0.0] * 4, [0, 0, 0, 0], "valid_items must be a one-dimensional"),
    ],
)
def test_wrong_split(
    small: Interactions, valid: list[int], test: list[int], sentence: str
) -> None:
    with pytest.raises(DisrecError, match=sentence):
        Split(small, valid, test)  # type: ignore[arg-type]
    with pytest.raises(DisrecError, match="train must be Interactions"):
        Split([[1]], valid, test)  # type: ignore[arg-type]


# ------------------------------------------------------------------------ corrupt


@given(sequences_strategy, st.floats(0, 1), st.integers(0, 2**32))
def test_corrupt_changes_exactly_its_share(
    sequences: list[list[int]], rate: float, seed: int
) -> None:
    clean = Interactions.from_sequences(sequences, n_items=30)
    noisy = corrupt(clean, rate, seed)
    changed = 0
    for before, after in zip(clean.items, noisy.items, strict=True):
        assert 1 <= after <= 30
        changed += before != after
    assert changed == round(rate * clean.n_clicks)
    assert (noisy.offsets == clean.offsets).all()
    assert (corrupt(clean, rate, seed).items == noisy.items).all()


def test_corrupt_draws_uniformly_among_the_others() -> None:
    n_items, n = 5, 40_000
    clean = Interactions(np.full(n, 3), [0, n], n_items)
    counts = corrupt(clean, 1, seed=1).counts()
    assert counts[3] == 0
    others = counts[[1, 2, 4, 5]]
    chi_squared = ((others - n / 4) ** 2 / (n / 4)).sum()
    assert chi_squared < 16.3  # 3 degrees of freedom: exceeded once in 1,000 seeds


def test_corrupt_picks_clicks_everywhere() -> None:
    clean = Interactions(np.ones(20_000, int), [0, 20_000], 9)
    changed = corrupt(clean, 0.3, seed=2).items != 1
    assert 2_800 < changed[:10_000].sum() < 3_200
    assert not (changed == (corrupt(clean, 0.3, seed=3).items != 1)).all()


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan"), "0.1", None])
def test_corrupt_wrong_rate(small: Interactions, rate: float) -> None:
    with pytest.raises(DisrecError, match="rate must be a share between 0 and 1"):
        corrupt(small, rate, seed=0)


def test_corrupt_wrong_seed_or_too_few_items(small: Interactions) -> None:
    with pytest.raises(DisrecError, match="seed must be a whole number >= 0"):
        corrupt(small, 0.1, seed=-1)
    one = Interactions([1, 1], [0, 2], 1)
    with pytest.raises(DisrecError, match="at least 2 items"):
        corrupt(one, 0.5, seed=0)
    assert (corrupt(one, 0, seed=0).items == one.items).all()


# -------------------------------------------------------------------------- files


def write(path: Path, text: str | bytes, zipped: bool = False) -> Path:
    data = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(gzip.compress(data) if zipped else data)
    return path


@reuse_folder
@given(sequences_strategy, st.booleans(), st.sampled_from(["\n", "\r\n", "\n\n"]))
def test_files_round_trip(
    tmp_path: Path, sequences: list[list[int]], zipped: bool, newline: str
) -> None:
    texts = {
        "pairs": [f"{u + 7} {i}" for u, row in enumerate(sequences) for i in row],
        "user-first": [
            " ".join(map(str, [u + 7, *row])) for u, row in enumerate(sequences)
        ],
        "items-only": ["\t".join(map(str, row)) for row in sequences],
    }
    for format, lines in texts.items():
        path = write(tmp_path / "clicks", newline.join(lines), zipped)
        for asked in (format, *(["auto"] if format != "items-only" else [])):
            read = read_interactions(path, asked)
            known = sorted({item for row in sequences for item in row})
            assert called(read) == [[str(item) for item in row] for row in sequences]
            assert read.n_items == len(known)
            gaps = known != list(range(1, len(known) + 1))
            expected = ("", *map(str, known)) if gaps else None
            assert read.item_names == expected
            numbered = read_rows(path, asked)  # a published set's own numbers
            assert rows(numbered) == sequences
            assert (numbered.n_items, numbered.item_names) == (max(known), None)
            if format != "items-only":
                users = [str(u + 7) for u in range(len(sequences))]
                assert list(read.user_names or ()) == users


def test_pairs_of_one_user_need_not_follow_each_other(tmp_path: Path) -> None:
    path = write(tmp_path / "clicks", "9 5\n2 1\n9 4\n\n2 2\n9 5\n7 1")
    read = read_interactions(path)
    assert called(read) == [list("545"), list("12"), ["1"]]
    assert read.user_names == ("9", "2", "7")


def test_byte_order_mark_and_old_line_ends(tmp_path: Path) -> None:
    path = write(tmp_path / "clicks", b"\xef\xbb\xbf1 2 3\r2 3\r")
    assert called(read_interactions(path)) == [["2", "3"], ["3"]]


@pytest.mark.parametrize(
    ("text", "format", "sentence"),
    [
        ("", "auto", r"clicks is empty"),
        ("\n \n", "auto", r"clicks is empty"),
        (b"PK\x03\x04\x00\x00", "auto", r"clicks is not a text file"),
        (b"\xff\xfe1\x00", "auto", r"clicks is not a text file"),
        (b"\xe9\xe9", "auto", r"clicks is not a text file"),
        ("1 2\n1 x3\n", "auto", r"line 2: expected whole.*found '1 x3'"),
        ("user item\n1 2\n", "auto", r"line 1: expected whole numbers"),
        ("1 2\n\n1 -3\n", "auto", r"line 3: expected whole.*found '1 -3'"),
        ("1 2\n1 2.5\n", "auto", r"line 2: expected whole.*found '1 2.5'"),
        (
            "1,2\n",
            "auto",
            r"line 1: .*by blanks \(.*read_events\(path, user=0, item=1.* found '1,2'",
        ),
        ("1 9999999999999999999\n", "auto", r"line 1: has a number of more than 18"),
        ("1 2\n1 2 3\n", "pairs", r'line 2: format "pairs" expects `user item` on'),
        ("1 2\n5\n", "user-first", r'line 2: format "user-first" expects.*found \'5\''),
        ("1 2 3\n5\n", "auto", r'line 2: .*items alone: format="items-only"'),
        ("1 2 3\n4 5\n1 9\n", "auto", r'line 3: .*1, began.*format="items-only"'),
        ("1 2 881250949\n1 3 9\n", "auto", r"user=0, item=1, time=2\) .*--time 2; if"),
        ("1 2 5\n1 3 4\n", "auto", r"user=0, item=1, rating=2\) .*--rating 2; if"),
        (
            "1 2 5 9\n1 3 4 9\n",
            "auto",
            r"=1, rating=2, time=3\) .*--time 3",
        ),
        ("1 2\n1 3\n", "user-first", r'line 2: .*pass format="items-only"'),
        (
            "1 2\n",
            "csv",
            r'Unknown format \'csv\'.*"pairs".*"user-first".*"items-only"',
        ),
        ("1 2\n3 " + "x" * 99, "auto", r"line 2: .*xxx\.\.\.'\.$"),
    ],
)
def test_wrong_files(
    tmp_path: Path, text: str | bytes, format: str, sentence: str
) -> None:
    with pytest.raises(DisrecError, match=sentence) as plain:
        read_interactions(write(tmp_path / "clicks", text), format)
    with pytest.raises(DisrecError) as zipped:
        read_interactions(write(tmp_path / "clicks", text, zipped=True), format)
    assert str(plain.value) == str(zipped.value)
    assert "\n" not in str(plain.value)


def test_no_file_a_folder_and_cut_off_gzip(tmp_path: Path) -> None:
    with pytest.raises(DisrecError, match=r"nowhere does not exist"):
        read_interactions(tmp_path / "nowhere")
    with pytest.raises(DisrecError, match=r"is a folder"):
        read_interactions(tmp_path)
    with pytest.raises(DisrecError, match=r"cannot be read"):
        read_interactions(tmp_path / ("x" * 300))
    whole = gzip.compress(b"1 2\n" * 1_000)
    for data in (whole[:-9], whole[:-20], whole[:30], whole[:-4] + b"abcd"):
        with pytest.raises(DisrecError, match=r"damaged or cut off gzip file"):
            read_interactions(write(tmp_path / "clicks.gz", data))


GAPS = "1 3/1 500/1 3000/1 40/2 500/2 3000/2 40/2 3/3 3000/3 40/3 3/3 500/4 40/4 3/"
GAPS += "4 500/4 3000/5 3/5 500"


def test_ids_of_a_file_are_no_rows_of_a_table(tmp_path: Path) -> None:
    read = read_interactions(write(tmp_path / "clicks", GAPS.replace("/", "\n")))
    assert (read.n_items, read.item_names) == (4, ("", "3", "40", "500", "3000"))
    assert called(read)[0] == ["3", "500", "3000", "40"]
    assert called(read)[4] == ["3", "500"]
    far = read_interactions(write(tmp_path / "far", "0 0\n0 999999999999999999\n"))
    assert (rows(far), far.user_names) == ([[1, 2]], ("0",))
    assert far.item_names == ("", "0", "999999999999999999")
    one = read_interactions(write(tmp_path / "one", "7 7 7"), "items-only")
    assert (rows(one), one.item_names) == ([[1, 1, 1]], ("", "7"))
    with pytest.raises(DisrecError, match="0 is padding"):
        read_rows(tmp_path / "far")


def test_what_items_are_called() -> None:
    titles = ["", "Heat", "2", "Alien"]
    numbers = ids.numbers_of(titles, 3, by_id=False)
    assert ids.look_up(["2", "Alien", "1"], numbers) == [2, 3, 1]  # a row comes first
    with pytest.raises(
        DisrecError, match="item 'heat' is unknown: ids run from 1 to 3"
    ):
        ids.look_up(["heat"], numbers)
    assert not ids.are_ids(titles)
    assert not ids.are_ids(None)
    assert ids.are_ids(["", "7", "10"])
    data = Interactions([1, 2, 1], [0, 3], 2, ["", "7", "10"], ["u"])
    known = ids.as_known(data, ["", "5", "10", "7"], 3, by_id=True)
    assert (rows(known), known.n_items) == ([[3, 2, 3]], 3)
    assert known.user_names == ("u",)
    assert ids.as_known(known, known.item_names, 3, by_id=True) is known
    assert rows(ids.as_known(data, None, 12, by_id=False)) == [[7, 10, 7]]
    with pytest.raises(
        DisrecError, match="item 10 of the data is unknown to the model"
    ):
        ids.as_known(data, None, 9, by_id=False)


def test_pairs_in_the_order_of_items_are_warned_about(tmp_path: Path) -> None:
    lines = [f"{user} {item}" for user in range(4) for item in (2, 5, 5, 9)]
    with pytest.warns(UserWarning, match="seems sorted by item"):
        read_interactions(write(tmp_path / "clicks", "\n".join(lines)))
    quiet = (
        [*lines, "0 1"],  # one of four users has another order
        ["1 1", "1 2", "1 3"],  # too few clicks to tell
        ["1 1", "1 1", "1 1", "2 2", "2 2", "2 2"] * 5,  # nothing rises
        [f"{user} {item}" for user in range(9) for item in (2, 5)],  # two clicks each
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for some in quiet:
            read_interactions(write(tmp_path / "clicks", "\n".join(some)))


def test_large_user_numbers_are_fine(tmp_path: Path) -> None:
    path = write(tmp_path / "clicks", "123456789012345678 1\n")
    assert read_interactions(path).user_names == ("123456789012345678",)


def test_reading_is_fast(tmp_path: Path) -> None:
    n = 350_000
    table = np.stack([np.arange(n) // 9 + 1, np.arange(n) * 7919 % 54_321 + 1], 1)
    buffer = io.BytesIO()
    np.savetxt(buffer, table, fmt="%d")
    path = write(tmp_path / "clicks", buffer.getvalue())
    start = time.process_time()
    read = read_interactions(path)
    assert time.process_time() - start < 2  # about 0.1 s when nobody else computes
    assert (read.items == table[:, 1]).all()


# --------------------------------------------------------------- complete or absent


def test_write_atomic_replaces_or_keeps(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    write_atomic(path, lambda file: file.write(b"one"))
    write_atomic(path, lambda file: file.write(b"two"))
    assert path.read_bytes() == b"two"

    def interrupted(file: io.BufferedIOBase) -> None:
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomic(path, interrupted)  # type: ignore[arg-type]
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


def test_write_atomic_names_the_place_it_cannot_write_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DisrecError, match=r"Cannot write .*inside: "):
        write_atomic(tmp_path / "file" / "inside", lambda file: None)
    with pytest.raises(DisrecError, match=r"Cannot write .*too long"):
        write_atomic(tmp_path / ("x" * 300), lambda file: None)


def test_write_json_atomic(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    content = {1: np.float64("nan"), "é": [np.int64(3), (np.arange(2),)], "p": path}
    write_json_atomic(path, content)
    read = json.loads(path.read_text(encoding="utf-8"))
    assert read == {"1": None, "é": [3, [[0, 1]]], "p": str(path)}
    with pytest.raises(TypeError):
        write_json_atomic(path, {"x": object()})
    assert json.loads(path.read_text(encoding="utf-8")) == read
