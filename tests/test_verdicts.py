"""What a difference allows one to say: experiments/verdicts.py."""

from pathlib import Path

import numpy as np
import pytest

import disrec_mini as dm
from disrec_mini.experiments import verdicts

STORED = Path(__file__).parents[1] / "book" / "results"


def gains(seeds: list[float], scatter: float = 0.3, users: int = 400) -> list:
    """Users who differ by `scatter` from their seed's mean, alike with every seed."""
    rest = np.where(np.arange(users) % 2, scatter, -scatter)
    return [seed + rest for seed in seeds]


def test_the_error_holds_users_seeds_and_what_is_left() -> None:
    """A table made by hand: rows are seeds, columns are users."""
    table = np.array([[1.0, 2, 6], [2, 5, 5], [0, 2, 1]])
    grand, seed, user = table.mean(), table.mean(1), table.mean(0)
    rest = table - seed[:, None] - user + grand
    ms_e = (rest**2).sum() / 4
    ms_s, ms_u = 3 * seed.var(ddof=1), 3 * user.var(ddof=1)
    parts = [max((ms_s - ms_e) / 3, 0), max((ms_u - ms_e) / 3, 0), ms_e]
    wanted = parts[0] / 3 + parts[1] / 3 + parts[2] / 9
    error, df = verdicts.combined_error(table)
    assert error**2 == pytest.approx(wanted)
    spread = sum((ms / 9) ** 2 / n for ms, n in ((ms_s, 2), (ms_u, 2), (ms_e, 4)))
    assert df == pytest.approx(max(2, wanted**2 / spread))


def test_degrees_of_freedom_lie_between_seeds_and_users() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, (5, 2000))
    by_seeds = noise * 1e-3 + rng.normal(0, 1, (5, 1))
    assert verdicts.combined_error(by_seeds)[1] == pytest.approx(4, rel=1e-3)
    by_users = noise * 1e-3 + rng.normal(0, 1, (1, 2000))
    assert verdicts.combined_error(by_users)[1] == pytest.approx(1999, rel=1e-3)


def test_the_intervals_are_students() -> None:
    """Three differences of Beauty's Recall@10, and a table's t(.975, 2) = 4.303."""
    seeds = np.array([-0.0142, -0.0077, -0.0047])
    found = verdicts.difference(gains(list(seeds), 0.0))
    reach = 4.3027 * seeds.std(ddof=1) / np.sqrt(3)
    wanted = [seeds.mean() - reach, seeds.mean() + reach]
    for name in ("t_interval", "combined"):  # users do not scatter
        assert found[name] == pytest.approx(wanted, rel=1e-4)
    assert abs(seeds.mean()) > 2 * seeds.std(ddof=1) / np.sqrt(3)  # and yet
    assert found["verdict"] == "undecided"
    assert found["p"] == pytest.approx(0.0886, abs=2e-3)


@pytest.mark.parametrize(
    ("seeds", "base", "verdict"),
    [
        ([0.1, 0.11, 0.12], 1, "gain"),
        ([-0.1, -0.11, -0.12], 1, "loss"),
        ([0.1, 0.11, -0.001], 1, "undecided"),
        ([0.03, 0.1, 0.12], 1, "undecided"),  # 3 errors over seeds; t needs 4.3
        ([0.03, 0.1, 0.12, 0.08], 1, "gain"),  # 4.2 of them; with four 3.2 are enough
        ([0.011, 0.011, 0.012], 1, "undecided"),  # within the error over users
        ([0.001, -0.001, 0.0], 4, "equivalent"),  # .1 would be of interest
        ([0.001, -0.001, 0.0], 0.8, "undecided"),  # .02 would: 1.3 errors over users
        ([0.1, 0.11, 0.12], 100, "gain"),  # both small and there: it is there
        ([0.1, 0.11], 1, "too few seeds"),
    ],
)
def test_the_verdict_follows_the_written_rule(
    seeds: list[float], base: float, verdict: str
) -> None:
    found = verdicts.difference(gains(seeds), base)
    assert found["verdict"] == verdict
    if verdict == "equivalent":
        assert max(map(abs, found["combined"])) < found["smallest"] == 0.025 * base


def test_holm_by_hand() -> None:
    """Holm's steps: .01 x 4, .02 x 3, .03 x 2, then the one before holds (.06)."""
    p = [0.03, 0.01, 0.05, 0.02]
    assert verdicts.holm(p) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert verdicts.holm([0.9, 0.8]) == [1, 1]
    assert verdicts.holm([]) == []


def test_a_family_is_judged_together() -> None:
    made = [verdicts.difference(gains([0.03, 0.035, 0.04]), 1) for _ in range(12)]
    assert made[0]["verdict"] == "gain"
    verdicts.judge([*made, verdicts.difference(gains([1.0, 1.0]))])
    assert {d["verdict"] for d in made} == {"undecided"}
    assert {d["family"] for d in made} == {12}  # one has too few seeds


def test_only_users_counted_with_every_seed_count() -> None:
    table = gains([0.1, 0.2, 0.3], users=10)
    table[1][3] = np.nan
    found = verdicts.difference(table, 1)
    kept = np.delete(np.array(table), 3, axis=1)
    assert found["seeds"] == pytest.approx(kept.mean(1))


def test_other_users_for_each_seed_are_not_paired() -> None:
    """Worlds made anew: the seeds alone are repeated, whatever users do."""
    rng = np.random.default_rng(1)
    worlds = [m + rng.normal(0, 5, n) for m, n in ((0.0, 40), (1.0, 60), (2.0, 50))]
    found = verdicts.difference(worlds, 1, nested=True)
    means = np.array([w.mean() for w in worlds])
    assert found["error"] == pytest.approx(means.std(ddof=1) / np.sqrt(3))
    assert found["df"] == 2
    assert found["mean"] == pytest.approx(means.mean())  # worlds weigh alike
    low, high = found["interval"]
    assert (low + high) / 2 == pytest.approx(means.mean(), abs=0.1)


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("by_seeds", [0.0, 0.3, 1.0, 10.0])
def test_nothing_is_found_where_nothing_is(
    seeds: int, by_seeds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables drawn, users by users: not more often than said (3 standard errors)."""
    monkeypatch.setattr(verdicts, "bootstrap", lambda people: (0.0, 0.0))
    rng, draws, users = np.random.default_rng(5), 500, 60
    found = 0
    for _ in range(draws):
        table = rng.normal(0, 1, (1, users)) + rng.normal(0, 0.8, (seeds, users))
        table += rng.normal(0, by_seeds, (seeds, 1)) * np.sqrt(seeds / users)
        found += verdicts.difference(table, 0.0)["verdict"] in ("gain", "loss")
    assert found / draws < 0.055 + 3 * np.sqrt(0.05 * 0.95 / draws)


def test_scipy_is_asked_for_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "scipy.stats", None)
    with pytest.raises(dm.DisrecError, match="pip install scipy"):
        verdicts.difference(gains([1.0, 2.0, 3.0]))
