"""The stored results: rows that can be, and sentences that they bear out."""

import importlib.util
import json
import re
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import t

from disrec_mini import DisrecError, settings
from disrec_mini.experiments import bundle, plans, report

ROOT = Path(__file__).parents[1]
STORED = ROOT / "book" / "results"
REPORTS = {path.parent.name for path in STORED.glob("*/report.json")}
EXPERIMENTS = sorted(REPORTS & plans.PLANS.keys())  # benchmarks have reports as well


def metrics(name: str, setting: str) -> dict[str, Any]:
    made = json.loads((STORED / name / "report.json").read_text("utf-8"))
    return dict(made["settings"][setting]["metrics"])


def difference(name: str, pair: str, metric: str) -> dict[str, Any]:
    made = json.loads((STORED / name / "report.json").read_text("utf-8"))
    return dict(made["differences"][pair][metric])


def searched(name: str, metric: str, experiment: str = "search") -> float:
    rows = json.loads((STORED / experiment / "log.json").read_text("utf-8"))
    return float(next(r[metric] for r in rows if r["name"] == f"{name}-seed0"))


def after_epoch(name: str, epoch: int) -> float:
    """NDCG@10 of validation after an epoch of a run of `defaults`."""
    path = STORED / "defaults" / f"{name}-seed0.json"
    epochs = json.loads(path.read_text("utf-8"))["history"]["epochs"]
    return float(epochs[epoch - 1]["valid"]["ndcg@10"])


# -- rows ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["intentions", "worlds"])
def test_agreement_and_usage_are_of_the_same_weights(name: str) -> None:
    """Usage of other weights than the agreement's makes rows that cannot be."""
    several = 0
    for row in report.results(name, STORED):
        n_intents = row["settings"]["n_intents"]
        if n_intents == 1:
            continue
        several += 1
        assert row["usage"]["weights"] == "kept", row["job"]["name"]
        confusion = np.array(row["agreement"]["confusion"])
        won = confusion.sum(0) / confusion.sum()
        hard = np.array(row["usage"]["hard_usage"])
        assert len(hard) == n_intents
        np.testing.assert_allclose(hard[hard > 0], won, atol=1e-4)
        # what the winner can tell at most: NMI <= H_b / mean of H_a and H_b
        truth = confusion.sum(1) / confusion.sum()
        h_a, h_b = (-(p * np.log(p)).sum() for p in (truth, won))
        assert row["agreement"]["nmi"] <= h_b / ((h_a + h_b) / 2) + 1e-9
    assert several >= (90 if name == "intentions" else 9)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_report_is_what_its_files_give(name: str) -> None:
    """Verdicts and means are not older than the rule and the runs they rest on."""
    stored = json.loads((STORED / name / "report.json").read_text("utf-8"))
    rows = report.results(name, STORED)
    seeds = {g: s["seeds"] for g, s in stored["settings"].items()}
    assert sum(map(len, seeds.values())) == len(rows)
    of_all: dict[str, set[str]] = {}  # metrics that all runs of a setting have
    for row in rows:
        setting, own = row["job"]["name"].rpartition("-seed")[0], report._numbers(row)
        own = {metric for metric, _ in own}
        of_all[setting] = of_all.get(setting, own) & own
    for row in rows:
        setting, _, seed = row["job"]["name"].rpartition("-seed")
        found = stored["settings"][setting]["metrics"]
        assert found.keys() == of_all[setting]
        at = seeds[setting].index(int(seed))
        for metric, value in report._numbers(row):
            if metric not in found:
                continue
            assert found[metric]["seeds"][at] == pytest.approx(value), metric
    for pair, entry in stored["differences"].items():
        for metric, d in entry.items():
            if "equal time" in metric:
                continue
            if len(d["seeds"]) < 3:
                assert d["verdict"] == "too few seeds"
                continue
            n = len(d["seeds"])
            reach = t.ppf(0.975, n - 1) * np.std(d["seeds"], ddof=1) / np.sqrt(n)
            low = d["mean"] - reach
            assert d["t_interval"][0] == pytest.approx(low, abs=1e-6), (pair, metric)
            assert d["combined"][0] <= low + 1e-6
            told = {"gain": d["combined"][0] > 0, "loss": d["combined"][1] < 0}
            assert told.get(d["verdict"], True)  # a family asks for more than one alone
            if d["verdict"] == "equivalent":
                reach = t.ppf(0.95, d["df"]) * d["error"]
                assert abs(d["mean"]) + reach < d["smallest"]


# -- sentences -------------------------------------------------------------------------


def test_the_readme_gives_the_reasons_of_the_code() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    table = r"^\| `(\w+)` \| `(\S+)` \| (\S+)[^|]* \| (\S+) \| (\S+) \| (.*) \|$"
    declared = [
        (
            field.name,
            settings.flag_of(field),
            settings.as_text(field.default),
            settings.as_text(about.recommended),
            settings.as_text(about.long),
            about.why,
        )
        for field, about in settings.declared(settings.DisRecConfig)
        if about.why
    ]
    assert re.findall(table, text, re.M) == declared


def test_the_reasons_for_deviating_are_measured() -> None:
    """Each sentence of DEVIATIONS that names a measurement, held to the stored runs."""
    sampled, full = "sampled recall@10", "recall@10"
    # n_intents
    assert searched("beauty-four", sampled) < searched("beauty-one", sampled)
    for metric in (sampled, full):
        four, one = (searched(f"beauty-5core-{k}", metric) for k in ("four", "one"))
        assert four < one
    # n_blocks
    light, two = ((f"beauty-{name}", "search") for name in ("light", "one"))
    assert searched(light[0], "ndcg@10") > searched(two[0], "ndcg@10")
    alike = searched(light[0], "sampled ndcg@10") - searched(two[0], "sampled ndcg@10")
    assert abs(alike) < 0.001
    assert searched(light[0], "seconds") < 0.5 * searched(two[0], "seconds")

    # negatives of the groups' own, visits, dropout
    def chosen(name: str, metric: str) -> float:
        return searched(f"beauty-{name}", metric, "defaults")

    for metric in ("sampled ndcg@10", "ndcg@10"):
        rising = [chosen(name, metric) for name in ("whole", "parts-4", "parts-16")]
        assert rising == sorted(rising)
        whole, visits = (chosen(f"parts-4{x}", metric) for x in ("", "-visit-4"))
        assert abs(whole - visits) < 0.002
    assert chosen("parts-4-visit-4", "seconds") > 2 * chosen("parts-4", "seconds")
    speed = json.loads((STORED / "core" / "speed.json").read_text("utf-8"))["ml-1m"]
    for name, tokens in (("default", 1.1), ("default before", 34)):
        read = speed[f"{name}, seq2item"]["tokens_per_pair"]
        assert read == pytest.approx(tokens, rel=0.02)
    less, more = "parts-16", "parts-16-dropout-40"
    assert chosen(less, "ndcg@10") > chosen(more, "ndcg@10")
    assert chosen(less, "sampled ndcg@10") < chosen(more, "sampled ndcg@10")
    # logq_start
    at_once, late = (
        [after_epoch(f"ml-1m-parts-4-logq{x}", n) for n in (1, 4)]
        for x in ("", "-late")
    )
    assert at_once[0] < 0.5 * late[0]
    assert abs(at_once[1] - late[1]) < 0.005
    wide = "ml-1m-parts-2-dim-128-logq"
    assert max(after_epoch(wide, n) for n in range(1, 11)) < 0.03
    assert after_epoch(f"{wide}-late", 10) > 0.15
    # remedy: in worlds, and on Beauty
    for loss in ("seq2item", "both"):
        with_it = metrics("intentions", f"k4-remedy-{loss}")["nmi"]
        without = metrics("intentions", f"k4-plain-{loss}")["nmi"]
        assert with_it["low"] > 0.9
        assert without["high"] < 0.5
    for metric in (sampled, full):
        gain = searched("beauty-four", metric) - searched(
            "beauty-four-no-remedy", metric
        )
        assert gain < 0.001
    # seq2seq_weight
    assert searched("beauty-both-early-heavy", sampled) < searched(
        "beauty-both-early", sampled
    )
    costs = [
        difference("regimes", f"weight{w} - weight0", sampled)["mean"]
        for w in ("0.03", "0.3", "1")
    ]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < -0.05
    # ... and in small worlds; seq2seq_start
    worlds = [
        [metrics("worlds", s)[m]["mean"] for m in ("test full ndcg@10",)]
        + [metrics("worlds", s)["recall of the next 10"]["mean"]]
        for s in ("weight-10", "shop-both", "start-0")
    ]
    assert worlds == sorted(worlds)
    assert [row[1] for row in worlds] == sorted(row[1] for row in worlds)
    late, early = (searched(f"beauty-{x}", sampled) for x in ("one-both", "both-early"))
    assert abs(late - early) < 0.002
    # keep
    three, five = (
        metrics("threshold", f"lambda0{k}0")["test sampled ndcg@10"]["seeds"]
        for k in (3, 5)
    )
    assert len(three) == 3
    assert all(a > b for a, b in zip(three, five, strict=True))


def test_the_readme_says_what_is_stored() -> None:
    text = " ".join((ROOT / "README.md").read_text("utf-8").split())
    sampled, full = "test sampled recall@10", "test full recall@10"

    def shown(name: str, setting: str, metric: str = sampled) -> str:
        return f"{metrics(name, setting)[metric]['mean']:.3f}"[1:]

    both, alone = (shown("ablation", f"variant{v}") for v in (0, 1))
    assert f"{both} with it and {alone} without in our setting" in text
    log = json.loads((STORED / "defaults" / "log.json").read_text("utf-8"))
    rows = {row["name"]: row for row in log}
    long = f"{rows['ml-1m-parts-2-seed0']['sampled recall@10']:.3f}"[1:]
    assert f"end at {long} sampled Recall@10" in text
    wide = rows["ml-1m-parts-2-dim-128-logq-late-seed0"]["recall@10"]
    assert f"with `--logq --dim 128` at {wide:.3f}"[:-5] + f"{wide:.3f}"[1:] in text
    for data, said in (
        ("beauty", "{} sampled Recall@10, with `--logq` {} in the full list"),
        ("beauty-5core", "beauty-5core {} and {}; ml-1m"),
        ("ml-1m", "ml-1m {} and, with `--dim 128`, {}."),
    ):
        chosen = (
            shown("frozen", f"{data}-default"),
            shown("frozen", f"{data}-logq", full),
        )
        assert said.format(*chosen) in text
    once_more = [shown("frozen", "beauty-again-sampled")]
    once_more.append(shown("frozen", "beauty-again-full", full))
    assert f"has {once_more[0]}, or with" in text
    assert f"--item-dropout 0` {once_more[1]}." in text
    both, alone = (shown("ablation-paper", f"paper-long-variant{v}") for v in (0, 1))
    assert f"{both} and {alone} in the paper's" in text
    for name, pair in (
        ("ablation", "variant0 - variant1"),
        ("ablation-paper", "paper-long-variant0 - paper-long-variant1"),
    ):
        d = difference(name, pair, "sampled recall@10")
        assert d["verdict"] == "undecided"
        assert d["combined"][1] < 0.028
        found = difference(name, pair, "sampled ndcg@10")["verdict"]
        assert found == ("loss" if name == "ablation" else "undecided")
    gain = difference("films", "both - seq2item", "sampled recall@10")["mean"]
    assert f"+{gain:.4f} sampled Recall@10".replace("+0.", "+.") in text
    made = json.loads((STORED / "films" / "report.json").read_text("utf-8"))
    caps = [made["settings"][arm]["at_cap"] for arm in ("both", "seq2item")]
    assert sum(caps) == 5
    arms = [f"long-k1-{arm}" for arm in ("seq2item", "both")]
    alone, both = (shown("films", arm) for arm in arms)
    assert f"({alone} without, {both} with it)" in text
    alone, both = (shown("films", arm, full) for arm in arms)
    assert f"in the full list {alone} and {both} Recall@10 are undecided" in text
    pair = " - ".join(arms[::-1])
    said = [difference("films", pair, f"{p} recall@10") for p in ("sampled", "full")]
    assert [d["verdict"] for d in said] == ["equivalent", "undecided"]
    assert sum(made["settings"][arm]["at_cap"] for arm in arms) == 0
    alone, both = (shown("films", f"long-k4-{arm}") for arm in ("seq2item", "both"))
    assert f"nothing was gained: {alone} without, {both} with it" in text
    for pair in ("variant2 - variant1", "variant0 - variant2"):
        found = difference("ablation", pair, "sampled recall@10")["verdict"]
        assert found == ("loss" if pair.endswith("1") else "gain")
    regimes = json.loads((STORED / "regimes" / "report.json").read_text("utf-8"))
    settings_ = regimes["settings"].values()
    capped = sum(s["at_cap"] for s in settings_)
    runs = sum(len(s["seeds"]) for s in settings_)
    assert f"{capped} of the {runs} runs" in text
    assert f"{shown('five-core', 'best', full)} HR@10" in text


def bundler() -> Any:
    """tools/bundle.py, a script."""
    spec = importlib.util.spec_from_file_location("b", ROOT / "tools" / "bundle.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_the_package_knows_the_bundle_of_the_stored_results(tmp_path: Path) -> None:
    tool = bundler()
    command = ["git", "-C", str(STORED), "status", "--porcelain", "."]
    if subprocess.run(command, capture_output=True).stdout:
        pytest.skip("results are being made: `make bundle` when they are committed")
    found = tool.files()
    assert bundle.fingerprint(found) == bundle.FINGERPRINT, "run `make bundle`"
    assert {"films/model.pt", "noise/report.json"} < {name for name, _ in found}
    for name in ("a.zip", "b.zip"):
        tool.write(found[:20], tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as one:
        assert dict(found[:20]) == {name: one.read(name) for name in one.namelist()}


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without results around it, and a release with a small bundle."""
    found = [("a/report.json", b'{"x": 1}'), ("a/b.txt", b"hello")]
    zipped = tmp_path / "published.zip"
    bundler().write(found, zipped)
    (tmp_path / "alone").mkdir()
    monkeypatch.chdir(tmp_path / "alone")
    monkeypatch.setenv("DISREC_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr(bundle, "FINGERPRINT", bundle.fingerprint(found))
    monkeypatch.setattr(bundle, "address", zipped.as_uri)
    bundle._archive.cache_clear()
    return zipped


def test_a_notebook_alone_fetches_one_bundle(alone: Path) -> None:
    assert report.read("a") == {"x": 1}
    kept = bundle.cache_folder() / bundle.name()
    assert kept.read_bytes() == alone.read_bytes()
    alone.unlink()  # one request: the other files are there
    assert report.find("a", "b.txt").read_text() == "hello"
    bundle._archive.cache_clear()  # another session
    kept.unlink()
    assert report.find("a", "b.txt").read_text() == "hello"
    with pytest.raises(DisrecError, match="neither near this notebook nor at file:"):
        report.find("a", "c.txt")


def test_a_bundle_that_is_not_ours_is_not_kept(alone: Path) -> None:
    with pytest.raises(DisrecError, match=r"no stored file a/c\.txt: neither near"):
        report.find("a", "c.txt")
    whole = alone.read_bytes()
    other = [("a/report.json", b'{"x": 2}')]
    for content in (b"<html>sign in</html>", whole[:-9], whole[:40], b""):
        (bundle.cache_folder() / bundle.name()).write_bytes(b"half")
        alone.write_bytes(content)
        bundle._archive.cache_clear()
        with pytest.raises(DisrecError, match="is not the stored results of this"):
            report.find("a", "b.txt")
        assert not list(bundle.cache_folder().iterdir())
    bundler().write(other, alone)
    with pytest.raises(DisrecError, match="clone the repository"):
        report.find("a")
    alone.write_bytes(whole)
    assert report.find("a", "b.txt").read_text() == "hello"


def test_the_bundle_lies_beside_the_release() -> None:
    config = (ROOT / "_config.yml").read_text("utf-8")
    home = re.search(r"^  url: (\S+)$", config, re.MULTILINE)
    assert home is not None
    place = f"{home[1]}/releases/download/v{bundle.__version__}"
    assert bundle.address() == f"{place}/results-{bundle.FINGERPRINT[:12]}.zip"
