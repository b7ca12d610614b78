"""Files as other people's tools and publishers leave them; the contents are invented.

Every file holds the same clicks: Ann's c, a, b in this order of time, Bob's a.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_events import clicks, put

import disrec_mini as dm
from disrec_mini.errors import DisrecError

ROWS = [  # user, item, stars, seconds: by user and item, as GroupLens sorts
    ("1", "31", 2.5, 1260759144),
    ("1", "1029", 3.0, 1260759179),
    ("1", "1129", 4.0, 1260759125),
    ("10", "31", 5.0, 1260759205),
]
NUMBERS = {"1": ["1129", "31", "1029"], "10": ["31"]}
DAYS = ["2009-12-15", "2009-12-16", "2009-12-14", "2009-12-17"]  # the same order
AMAZON = {"1": "A2SUAM1J3GNN3B", "10": "A39HTATAQ9V7YF"}
ASIN = {"31": "0000031887", "1029": "B00006L9LC", "1129": "7806397051"}
REVIEWS = {
    AMAZON[user]: [ASIN[item] for item in items] for user, items in NUMBERS.items()
}


def lines(form: str, head: str = "") -> str:
    """One line for each row, with {user}, {item}, {stars}, {time} in their places."""
    found = [head] if head else []
    for (user, item, stars, time), day in zip(ROWS, DAYS, strict=True):
        found.append(
            form.format(
                user=user,
                item=item,
                stars=stars,
                time=time,
                day=day,
                reviewer=AMAZON[user],
                asin=ASIN[item],
                ms=time * 1000 + 7,
                whole=int(stars),
            )
        )
    return "\n".join(found) + "\n"


def objects(form: dict[str, Any], write: Callable[[Any], str] = json.dumps) -> str:
    rows = []
    for user, item, stars, time in ROWS:
        values = {"reviewer": AMAZON[user], "asin": ASIN[item], "stars": stars}
        values |= {"time": time, "ms": time * 1000 + 7}
        rows.append({key: values.get(str(value), value) for key, value in form.items()})
    return "\n".join(map(write, rows)) + "\n"


HEADED = {
    "recbole.inter": (
        lines(
            "{user}\t{item}\t{stars}\t{time}",
            "user_id:token\titem_id:token\trating:float\ttimestamp:float",
        ),
        NUMBERS,
    ),
    "recbole-sessions.inter": (
        lines(
            "{user}\t{item}\t{time}.0",
            "session_id:token\titem_id:token\ttimestamp:float",
        ),
        NUMBERS,
    ),
    "ml-20m-ratings.csv": (
        lines("{user},{item},{stars},{time}", "userId,movieId,rating,timestamp"),
        NUMBERS,
    ),
    "amazon-2023.csv": (
        lines("{reviewer},{asin},{stars},{ms}", "user_id,parent_asin,rating,timestamp"),
        REVIEWS,
    ),
    "amazon-2018.json": (
        objects(
            {
                "overall": "stars",
                "verified": True,
                "reviewTime": "12 14, 2009",
                "reviewerID": "reviewer",
                "asin": "asin",
                "style": {"Size:": " 7"},
                "reviewerName": "Ann",
                "reviewText": 'I said "no", then yes',
                "unixReviewTime": "time",
            }
        ),
        REVIEWS,
    ),
    "steam_reviews.json": (
        objects(
            {
                "username": "reviewer",
                "hours": 4.9,
                "product_id": "asin",
                "date": "2017-12-17",
                "text": 'it\'s \\d "so"',
                "unix_time": "time",
            },
            lambda row: (
                "{"
                + ", ".join(
                    f"u{key!r}: {'u' * isinstance(value, str)}{value!r}"
                    for key, value in row.items()
                )
                + "}"
            ),
        ),
        REVIEWS,
    ),
    "retailrocket-events.csv": (
        lines(
            "{ms},{user},view,{item},",
            "timestamp,visitorid,event,itemid,transactionid",
        ),
        NUMBERS,
    ),
    "hm-transactions_train.csv": (
        lines(
            "{day},{reviewer},{asin},0.0508,2",
            "t_dat,customer_id,article_id,price,sales_channel_id",
        ),
        REVIEWS,
    ),
    "rees46-2019-Oct.csv": (
        lines(
            "{day} 00:00:00 UTC,view,{item},2053013552326770905,,lg,489.07,{user},26dd",
            "event_time,event_type,product_id,category_id,category_code,brand,price,"
            "user_id,user_session",
        ),
        NUMBERS,
    ),
    "book-crossing.csv": (
        lines('"{user}";"{asin}";"{whole}"', '"User-ID";"ISBN";"Book-Rating"'),
        {"1": [ASIN[i] for i in ("31", "1029", "1129")], "10": [ASIN["31"]]},
    ),
    "diginetica.csv": (
        lines(
            "{user};NA;{item};{ms};2016-05-09",
            "sessionId;userId;itemId;timeframe;eventdate",
        ),
        {"NA": NUMBERS["1"] + NUMBERS["10"]},
    ),
    "hetrec-user_artists.dat": (
        lines("{user}\t{item}\t13883", "userID\tartistID\tweight"),
        {"1": ["31", "1029", "1129"], "10": ["31"]},
    ),
    "yelp.json": (
        objects(
            {
                "review_id": "x",
                "user_id": "reviewer",
                "business_id": "asin",
                "stars": "stars",
                "date": "2018-07-07 22:09:11",
                "text": "Great\nplace",
            }
        ),
        None,
    ),
}


@pytest.mark.parametrize("name", HEADED)
def test_headers_are_known(name: str, tmp_path: Path) -> None:
    text, expected = HEADED[name]
    heard: list[str] = []
    options = {"time": "timeframe"} if name.startswith("digi") else {}
    data = dm.read_events(put(tmp_path / name, text), **options, said=heard.append)
    found = clicks(data)
    if expected is None:  # all at one time
        expected, found = REVIEWS, {u: sorted(items) for u, items in found.items()}
        expected = {u: sorted(items) for u, items in expected.items()}
    assert found == expected
    assert "4 events" in heard[0]
    assert "dropped none; 4 clicks" in heard[0]
    assert ("'NA' is taken for a name, of 4 clicks" in heard[0]) is ("NA" in expected)


BARE = {  # without a header: layout, columns, what the sentence names
    "ml-100k-u.data": ("{user}\t{item}\t{whole}\t{time}", (0, 1, 3), "0 1 2 3"),
    "ml-1m-ratings.dat": ("{user}::{item}::{whole}::{time}", (0, 1, 3), "0 1 2 3"),
    "ratings_Beauty.csv": ("{reviewer},{asin},{stars},{time}", (0, 1, 3), "0 1 2 3"),
    "amazon-2018-Beauty.csv": (
        "{asin},{reviewer},{stars},{time}",
        (1, 0, 3),
        "0 1 2 3",
    ),
    "yoochoose-clicks.dat": (
        "{user},{day}T10:51:09.277Z,{item},0",
        (0, 2, 1),
        "0 2 3 1",
    ),
    "lastfm-1K.tsv": (
        'user_{user}\t{day}T23:08:57Z\tf1b-{user}\t7" Band\t\t"{item}" (live)',
        (0, 5, 1),
        "0 2 - 1",
    ),
    "Gowalla_totalCheckins.txt": (
        "{user}\t{day}T23:55:27Z\t30.2359091\t-97.7951395\t{item}",
        (0, 4, 1),
        "0 4 - 1",
    ),
    "UserBehavior.csv": ("{user},{item},2520377,pv,{time}", (0, 1, 4), "0 1 - 4"),
}


@pytest.mark.parametrize("name", BARE)
def test_without_a_header_columns_are_asked_for(name: str, tmp_path: Path) -> None:
    form, (user, item, time), shown = BARE[name]
    path = put(tmp_path / name, lines(form))
    guess = dict(zip(("user", "item", "rating", "time"), shown.split(), strict=True))
    words = " ".join(f"--{kind} {n}" for kind, n in guess.items() if n != "-")
    with pytest.raises(DisrecError) as raised:
        dm.read_events(path)
    text = str(raised.value)
    assert f"{path} has no header: its first line is" in text
    assert f" or on the command line {words}." in text
    assert "\n" not in text
    with pytest.raises(DisrecError, match=f"on the command line {words}"):
        dm.read_interactions(path)
    heard: list[str] = []
    data = dm.read_events(path, user=user, item=item, time=time, said=heard.append)
    expected = REVIEWS if "{asin}" in form else NUMBERS
    if name.startswith("lastfm"):
        assert "no header, quotes are signs like others)" in heard[0]
        expected = {
            f"user_{user}": [f'"{item}" (live)' for item in items]
            for user, items in NUMBERS.items()
        }
    assert clicks(data) == expected
    assert "no header" in heard[0]
    assert "dropped none" in heard[0]


def test_files_that_cannot_be_used_as_they_are(tmp_path: Path) -> None:
    mind = "1\tU13740\t11/11/2019 9:05:58 AM\tN55189 N42782\tN55689-1 N35729-0\n"
    path = put(tmp_path / "behaviors.tsv", mind)
    with pytest.raises(
        DisrecError, match=r"has no header: .* choose columns by number"
    ):
        dm.read_events(path)
    with pytest.raises(DisrecError, match="'11/11/2019 9:05:58 AM', which is no time"):
        dm.read_events(path, user=1, item=3, time=2)
    basket = "order_id,product_id,add_to_cart_order,reordered\n2,33120,1,1\n2,9,2,0\n"
    path = put(tmp_path / "order_products__prior.csv", basket)
    with pytest.raises(DisrecError, match="no column with a usual name for the user"):
        dm.read_events(path)
    data = dm.read_events(path, user="order_id", time="add_to_cart_order")
    assert clicks(data) == {"2": ["33120", "9"]}
    otto = '{"session": 1, "events": [{"aid": 5, "ts": 1, "type": "clicks"}]}\n'
    with pytest.raises(DisrecError, match="no column with a usual name for the item"):
        dm.read_events(put(tmp_path / "otto.jsonl", otto))


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("7,2014-07-23", "user=0, item=1"),  # no third column: nothing to tell apart
        ("2014-07-23", "user=0, item=1"),
        ("2014-07-23,7,12", "user=1, item=2, time=0"),
        ("7,12,2014-07-23", "user=0, item=1, time=2"),
        ("7,2014-07-23,12", "user=0, item=2, time=1"),
    ],
)
def test_advice_for_a_table_without_a_header_can_be_followed(
    line: str, advice: str, tmp_path: Path
) -> None:
    path = tmp_path / "e.csv"
    path.write_text(f"{line}\n{line}\n")
    for read in (dm.read_events, dm.read_interactions):
        with pytest.raises(dm.DisrecError) as caught:
            read(path)
        if "," in line or read is dm.read_events:
            assert f"({'path, ' + advice})" in str(caught.value)
