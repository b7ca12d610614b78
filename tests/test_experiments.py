"""The experiment queue, one job, and reports."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import disrec_mini as dm
from disrec_mini import training
from disrec_mini.experiments import plans, queue, report, run_job, tuning
from disrec_mini.experiments.job import Job
from disrec_mini.settings import config_class

# one process runs them: they share what the queue has made
pytestmark = pytest.mark.xdist_group("experiments")

WORLD = {"n_users": 40, "length": 12, "items_per_intent": 10, "chain": 10}
SMALL = {"dim": 8, "n_blocks": 1, "max_len": 12, "group_size": 64, "groups": 1}


def run(job: Job, folder: Path, name: str = "a") -> dict:
    assert run_job.run_job(job, folder, folder / f"scratch-{name}", "the command")
    return json.loads((folder / f"{job.name}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smoke experiment: three jobs here, the one left by the queue, as a user."""
    folder = tmp_path_factory.mktemp("smoke")
    where = {"out": folder / "results", "scratch": folder / "scratch"}
    for job in ("plain-seed0", "noisy-seed0", "plain-seed1"):
        assert queue.run_one("smoke", job, **where)
    assert queue.run_experiment("smoke", n_jobs=2, **where) == 0
    return folder


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """What `tuning` may have found: later draws are better in the full list alone."""
    rows = [
        {
            "name": job.name,
            "data": job.data,
            "model": job.model,
            "base": job.base,
            "changed": job.settings,
            "ndcg@10": n / 1000,
            "sampled ndcg@10": 1 - n / 1000,
        }
        for n, job in enumerate(plans.plan("tuning"))
    ]
    (tmp_path / "log.json").write_text(json.dumps(rows))
    monkeypatch.setattr(tuning, "LOG", tmp_path / "log.json")
    return rows


@pytest.mark.usefixtures("log")
def test_every_plan_is_sound() -> None:
    for name in plans.PLANS:
        jobs = plans.plan(name)
        assert len({job.name for job in jobs}) == len(jobs)
        for job in jobs:
            getattr(config_class(job.model), job.base)(1000, **job.settings)
            assert plans.find_job(name, job.name) == job
            assert job.name.endswith(f"-seed{job.seed}")
        other = plans.find_job(name, jobs[0].name.rpartition("-seed")[0] + "-seed77")
        assert other.seed == 77
        if isinstance(other.data, dict):
            assert other.data["seed"] == 77
    for name in ("search", "defaults", "again", "tuning"):
        assert not any(job.reads_test for job in plans.plan(name))
    with pytest.raises(dm.DisrecError, match="Did you mean ablation"):
        plans.plan("ablaton")
    with pytest.raises(dm.DisrecError, match="has no job"):
        plans.find_job("smoke", "nothing")


def test_every_system_has_the_same_budget() -> None:
    jobs = plans.plan("tuning")
    for data, minutes in tuning.MINUTES.items():
        for name in tuning.SYSTEMS:
            mine = [
                j for j in jobs if re.match(rf"{data}-{re.escape(name)}-\d", j.name)
            ]
            assert len(mine) == tuning.DRAWS
            assert {(j.minutes, j.patience) for j in mine} == {(minutes, 5)}
            assert len({json.dumps(j.settings) for j in mine}) == tuning.DRAWS
            drawn = [tuning.draw(name, data, nth) for nth in range(tuning.DRAWS)]
            assert [(j.base, j.settings) for j in mine] == drawn


def test_overall_takes_what_validated_best(log: list[dict]) -> None:
    jobs = {job.name: job for job in plans.plan("overall")}
    for data in ("beauty-5core", "ml-100k"):
        for protocol, nth in (("sampled", 0), ("full", tuning.DRAWS - 1)):
            for name in tuning.SYSTEMS:
                job = jobs[f"{data}-{name}-{protocol}-seed1"]
                assert (job.base, job.settings) == tuning.draw(name, data, nth)
                assert (job.protocol, job.reads_test) == (protocol, True)
    film = jobs["ml-1m-disrec-full-seed0"]
    assert film.settings == jobs["ml-100k-disrec-full-seed0"].settings
    assert "ml-1m-bpr-mf-full-seed0" not in jobs  # the stronger half
    assert "ml-1m-bpr-mf-sampled-seed0" in jobs
    lacking = [row for row in log if row["name"] != "ml-100k-caser-11-seed0"]
    tuning.LOG.write_text(json.dumps(lacking))  # then nobody's last draw counts there
    jobs = {job.name: job for job in plans.plan("overall")}
    for data, nth in (("beauty-5core", tuning.DRAWS - 1), ("ml-100k", 10)):
        job = jobs[f"{data}-disrec-full-seed0"]
        assert job.settings == tuning.draw("disrec", data, nth)[1]
    tuning.LOG.unlink()
    with pytest.raises(dm.DisrecError, match="experiment tuning"):
        plans.plan("overall")


@pytest.mark.parametrize("name", [*tuning.SYSTEMS, "pop"])
def test_a_job_of_every_system(name: str, tmp_path: Path) -> None:
    data = {"n_users": 40, "length": 12, "items_per_intent": 10, "chain": 10}
    base, settings = ("paper", {}) if name == "pop" else tuning.draw(name, "x", 0)
    model = "pop" if name == "pop" else tuning.SYSTEMS[name].model
    result = run(Job("a-seed0", data, settings, model, base, epochs=2), tmp_path)
    assert result["model"] == model
    assert result["peak_mb"] > 0
    assert result["test"]["full"]["n_users"] == 40
    assert np.load(tmp_path / "a-seed0.npz")["sampled_ranks"].shape == (40,)
    assert dict(report._numbers(result))["peak MB"] == result["peak_mb"]


def test_a_job_counts_what_it_computes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*args: object, **kwargs: object) -> object:
        time.sleep(0.5)  # other work has the processor
        return evaluate(*args, **kwargs)

    evaluate, before = training.evaluate, training.clock
    monkeypatch.setattr(training, "evaluate", slow)
    result = run(Job("a-seed0", WORLD, {}, "bpr-mf", "paper", epochs=4), tmp_path)
    assert result["clock"] == "processor"
    assert result["training_seconds"] < 1.5 < result["seconds"]
    assert training.clock is before


def test_a_result_file_says_everything(done: Path) -> None:
    result = json.loads((done / "results/smoke/noisy-seed1.json").read_text())
    wanted = "python -m disrec_mini experiment smoke --job noisy-seed1"
    assert result["command"] == wanted
    assert result["seed"] == result["job"]["seed"] == 1
    assert result["epochs"] == len(result["history"]["epochs"]) == 2
    assert result["stopped_by"] == "epochs"
    assert {"versions", "git", "seconds", "finished", "settings", "usage"} <= set(
        result
    )
    assert 0 <= result["agreement"]["nmi"] <= 1
    # the usage is that of the very clicks and weights that the agreement is counted on
    assert result["usage"]["weights"] == "kept"
    won = np.sum(result["agreement"]["confusion"], axis=0)
    hard = [share for share in result["usage"]["hard_usage"] if share > 0]
    np.testing.assert_allclose(hard, won / won.sum(), atol=1e-4)
    assert 0 <= result["common"] <= 1
    for part in ("valid", "test"):
        for protocol in ("sampled", "full"):
            assert 0 <= result[part][protocol]["recall@10"] <= 1
            assert "warm" in result[part][protocol]
    arrays = np.load(done / "results/smoke/noisy-seed1.npz")
    ranks = arrays["sampled_ranks"]
    assert len(ranks) == len(arrays["users"]) == result["test"]["sampled"]["n_users"]
    assert (ranks <= 10).mean() == pytest.approx(result["test"]["sampled"]["recall@10"])
    assert arrays["next_5"].mean() == pytest.approx(
        result["lists"]["recall of the next 5"], abs=1e-6
    )
    assert not list((done / "scratch/smoke").glob("*/checkpoint.pt"))


def test_clicks_are_read_with_the_kept_weights_one_by_one_or_together() -> None:
    world = dm.synthetic.make_world(**{**WORLD, "length": (3, 16)}, seed=1)
    train = dm.leave_one_out(world.interactions).train
    torch.manual_seed(0)
    model = dm.DisRec(dm.DisRecConfig(train.n_items, n_intents=3, **SMALL)).eval()
    clicks = run_job.read_clicks(model, train, chunk=7)
    truth, slips, rows = [], [], []
    for user, items in enumerate(train):
        latest = torch.tensor(items[-model.max_len :])[None]
        read = model.encode(latest, torch.tensor([latest.shape[1]]))
        rows.append(read.cluster[0].detach().numpy())
        _, intention, slip = world.of_user(user)
        kept = slice(len(items) - latest.shape[1], len(items))
        truth.append(intention[kept])
        slips.append(slip[kept])
    np.testing.assert_allclose(clicks.cluster, np.concatenate(rows), atol=1e-6)
    np.testing.assert_array_equal(clicks.intention(world), np.concatenate(truth))
    clean = clicks.clean(world)
    kept = ~np.concatenate(slips)
    assert 0 < kept.sum() < len(kept)
    np.testing.assert_allclose(clean.cluster, np.concatenate(rows)[kept], atol=1e-6)
    assert sum(clean.usage()["hard_usage"]) == pytest.approx(1, abs=1e-3)
    soft = np.concatenate(rows)[kept].mean(0)
    np.testing.assert_allclose(clean.usage()["soft_usage"], soft, atol=1e-4)


def test_usage_of_other_weights_is_named_as_such() -> None:
    row = {"usage": {"hard_usage": [0.9, 0.1], "soft_usage": [0.5, 0.5]}}
    row |= {"training_seconds": 1.0, "best_epoch": 1}
    old = dict(report._numbers(row))
    assert old["largest hard usage, last epoch"] == 0.9
    assert "largest hard usage" not in old
    row["usage"]["weights"] = "kept"
    new = dict(report._numbers(row))
    assert new["largest hard usage"] == 0.9


def test_a_rerun_skips_what_is_done_and_repeats_what_is_missing(done: Path) -> None:
    folder = done / "results/smoke"
    first = {p: p.read_text() for p in folder.glob("*-seed*.json")}
    (folder / "plain-seed0.json").unlink()
    where = {"out": done / "results", "scratch": done / "scratch"}
    assert queue.run_experiment("smoke", **where) == 0
    for path, text in first.items():
        was, now = json.loads(text), json.loads(path.read_text())
        assert (text == path.read_text()) == (path.stem != "plain-seed0")
        for key in ("valid", "test", "lists", "usage", "agreement", "settings"):
            assert was[key] == now[key], key
    with pytest.raises(dm.DisrecError, match="exists"):
        queue.run_one("smoke", "plain-seed0", **where)


@pytest.mark.killing
def test_one_crash_loses_nothing_else(tmp_path: Path) -> None:
    where = {"out": tmp_path / "results", "scratch": tmp_path / "scratch"}
    work = tmp_path / "scratch/smoke/plain-seed3"
    work.mkdir(parents=True)
    (work / "checkpoint.pt").write_text("not a checkpoint")
    assert queue.run_experiment("smoke", seeds=[3], n_jobs=2, **where) == 1
    assert (tmp_path / "results/smoke/noisy-seed3.json").exists()
    assert not (tmp_path / "results/smoke/plain-seed3.json").exists()
    assert "damaged" in (tmp_path / "scratch/smoke/plain-seed3.log").read_text()


def test_a_budget_that_is_over_starts_nothing(tmp_path: Path) -> None:
    where = {"out": tmp_path / "results", "scratch": tmp_path / "scratch"}
    assert queue.run_experiment("smoke", budget=0.0, **where) == 0
    assert not (tmp_path / "results").exists()


@pytest.mark.killing
def test_ctrl_c_stops_cleanly_and_a_rerun_finishes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "disrec_mini", "experiment", "smoke"]
    command += ["--seeds", "0", "--jobs", "2"]
    command += ["--out", str(tmp_path / "r"), "--scratch", str(tmp_path / "s")]
    process = subprocess.Popen(
        command,
        start_new_session=True,
        # a shell starts background jobs with Ctrl-C ignored, and children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.time() + 60
    while not list((tmp_path / "s").glob("smoke/*.log")) and time.time() < deadline:
        time.sleep(0.05)
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert not list(tmp_path.rglob("*.tmp"))
    assert subprocess.run(command, check=False).returncode == 0
    assert len(list((tmp_path / "r/smoke").glob("*.json"))) == 2


def test_noise_changes_what_is_read_not_who_is_compared(tmp_path: Path) -> None:
    clean = run(Job("clean", WORLD, SMALL, epochs=1), tmp_path)
    noisy = run(Job("noisy", WORLD, SMALL, epochs=1, noise=0.5), tmp_path, "b")
    key = "negatives_sha256"
    assert clean["test"][key] == noisy["test"][key]
    assert clean["test"]["sampled"] != noisy["test"]["sampled"]


def test_a_search_never_reads_the_test_part(tmp_path: Path) -> None:
    found = run(Job("s", WORLD, SMALL, epochs=1, reads_test=False), tmp_path)
    assert "test" not in found
    assert "lists" not in found
    assert not (tmp_path / "s.npz").exists()


def test_the_horizon_holds_back_the_last_clicks() -> None:
    data = dm.Interactions.from_sequences([list(range(1, 11)), [1, 2, 3], [4] * 5])
    short, targets = run_job._hold_back(data, 4)
    assert targets.tolist() == [[7, 8, 9, 10], [0] * 4, [0] * 4]
    assert short[0].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert short[1].tolist() == [1, 2, 3]
    split = dm.leave_one_out(short)
    assert split.test_items[0] == targets[0, 0], "the first click held back"


def test_fewer_users_learn_and_all_are_evaluated(tmp_path: Path) -> None:
    job = Job("u", WORLD, SMALL, epochs=1, users=0.25)
    split = dm.leave_one_out(dm.synthetic.make_world(**WORLD).interactions)
    part = run_job._training_part(job, split)
    assert part.n_users == 10
    assert not part.test_items.any(), "fit could not read the test part if it tried"
    assert run(job, tmp_path)["test"]["full"]["n_users"] == 40


def test_common_share_by_hand() -> None:
    world = dm.synthetic.make_world(**WORLD)
    split = dm.leave_one_out(world.interactions)
    model = dm.DisRec(dm.DisRecConfig(split.n_items, **SMALL)).eval()
    rows = []
    for clicks in split.train:
        with torch.no_grad():
            z = model.encode(torch.tensor(clicks)[None], torch.tensor([len(clicks)])).z
        rows += [(z_i - z_i.mean()) / z_i.std(correction=0) for z_i in z[0]]
    n = torch.stack(rows)
    by_hand = sum(n.mean(0) ** 2) / sum((row**2).sum() for row in n) * len(n)
    assert run_job.common_share(model, split) == pytest.approx(float(by_hand), abs=1e-4)


def test_the_report_is_the_mean_over_seeds(done: Path) -> None:
    made = report.report("smoke", done / "results")
    files = report.results("smoke", done / "results")
    plain = [r for r in files if r["job"]["name"].startswith("plain")]
    found = made["settings"]["plain"]["metrics"]["test full recall@10"]
    values = [row["test"]["full"]["recall@10"] for row in plain]
    assert found["seeds"] == values
    assert found["mean"] == pytest.approx(np.mean(values))
    assert (found["low"], found["high"]) == (min(values), max(values))
    assert made["settings"]["plain"]["seeds"] == [0, 1]
    table = report.table(made, {"NMI": "nmi"}, {"by the equations": "plain"})
    assert "| by the equations | " in table


def test_what_prototypes_gather_is_stored_item_by_item(done: Path) -> None:
    split = dm.leave_one_out(dm.synthetic.make_world(**WORLD, seed=1).interactions)
    with np.load(done / "results/smoke/plain-seed1.npz") as stored:
        cluster, clicks = stored["cluster"], stored["clicks"]
    counts = np.bincount(split.train.items, minlength=split.n_items + 1)
    assert np.array_equal(clicks.sum(1), counts)
    assert np.allclose(cluster.sum(1), counts > 0, atol=1e-5)


def test_differences_are_paired_by_user_and_seed(done: Path) -> None:
    folder = done / "results/smoke"
    made = report.report("smoke", done / "results")["differences"]["noisy - plain"]
    gains = []
    for seed in (0, 1):
        hits = []
        for name in ("plain", "noisy"):
            with np.load(folder / f"{name}-seed{seed}.npz") as stored:
                hits.append({int(u): r <= 10 for u, r in zip(
                    stored["users"], stored["full_ranks"], strict=True)})  # fmt: skip
        plain, noisy = hits
        assert plain.keys() == noisy.keys()
        gains.append([float(noisy[u]) - float(plain[u]) for u in sorted(plain)])
    found = made["full recall@10"]
    assert found["seeds"] == pytest.approx([np.mean(g) for g in gains])
    assert found["mean"] == pytest.approx(np.mean(gains))
    errors = np.concatenate(gains)  # each seed has a world of its own
    assert found["users"] == pytest.approx(np.std(errors, ddof=1) / len(errors) ** 0.5)
    assert found["verdict"] == "too few seeds"


def test_contrasts_name_settings_of_the_plan() -> None:
    for name, families in plans.CONTRASTS.items():
        settings = {job.name.rpartition("-seed")[0] for job in plans.plan(name)}
        pairs = [pair for family in families.values() for pair in family]
        assert len(set(pairs)) == len(pairs)
        assert {one for pair in pairs for one in pair} <= settings


def test_chapters_find_the_report_above_them(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = report.report("smoke", done / "results")
    stored = tmp_path / "book/results/smoke/report.json"
    stored.parent.mkdir(parents=True)
    stored.write_text(json.dumps(made))
    (tmp_path / "book/deep").mkdir()
    monkeypatch.chdir(tmp_path / "book/deep")
    assert report.read("smoke") == made
    monkeypatch.setattr(report.bundle, "extract", lambda file: tmp_path / file)
    with pytest.raises(dm.DisrecError, match=r"nothing.report\.json is damaged"):
        report.read("nothing")
    with pytest.raises(dm.DisrecError, match="holds no results"):
        report.results("nothing", tmp_path)


def test_a_report_as_tables_and_figures(done: Path, monkeypatch) -> None:
    from disrec_mini.experiments import figures

    made = report.report("smoke", done / "results")
    metric = made["settings"]["plain"]["metrics"]["test sampled recall@10"]
    low, high = metric["users"]
    assert low <= metric["mean"] <= high
    both = made["differences"]["noisy - plain"]
    at = both["valid recall@10 at equal time"]
    assert len(at["seeds"]) == 2
    table = figures.beside_paper(made, {"ours": ("plain", "(0) default")})
    assert f"**{metric['mean']:.3f}**" in table
    assert "0.417" in table  # the paper's Recall@10
    lines = figures.differences(made, {"a": "noisy - plain"}, ["sampled mrr", "none"])
    assert "too few seeds" in lines
    assert "not measured" in lines
    pytest.importorskip("matplotlib")
    figure = figures.forest({"a": both["sampled mrr"]}, "gain")
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["a"]
    figures.curve(figure.axes[0], [0, 1], [metric, metric], 0, "plain")


def test_equal_time_stops_the_slower_one_early(tmp_path: Path) -> None:
    def row(seed, values, speed, seconds):
        curve = [
            {"pairs_per_second": speed, "valid": {"recall@10": v, "ndcg@10": v}}
            for v in values
        ]
        history = {"epochs": curve}
        return {"seed": seed, "history": history, "training_seconds": seconds}

    quick = [row(0, [0.1, 0.2, 0.15], 10.0, 3.0)]
    slow = [row(0, [0.12, 0.3, 0.4], 5.0, 6.0)]  # has finished one epoch after 3 s
    found = report._at_equal_time(quick, slow, [0])
    gain = found["valid recall@10 at equal time"]
    assert gain["mean"] == pytest.approx(0.12 - 0.2)
    assert gain["seconds"] == 3.0
