"""Stored reports as tables and figures, for chapters and the page of evidence.

Two kinds of uncertainty: over users alone (95 %, bootstrap), and with the seeds (of a
mean: lowest to highest; of a difference: 95 %, users and seeds together, `verdicts`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from disrec_mini.experiments.report import read

Metric = dict[str, Any]
HEADS = ("recall@1", "recall@5", "recall@10", "ndcg@5", "ndcg@10", "mrr")
TITLES = dict(zip(HEADS, ("R@1", "R@5", "R@10", "N@5", "N@10", "MRR"), strict=True))


def beside_paper(
    made: dict[str, Any],
    rows: Mapping[str, tuple[str, str | None]],
    protocol: str = "sampled",
    heads: Sequence[str] = HEADS,
) -> str:
    """Markdown: each setting's mean, its interval over users and its range of seeds.

    rows : {label: (setting, the paper's row in its Table 2 or None)}.
    """
    paper = read("published", "tables.json")["paper"]
    lines = [f"| | {' | '.join(TITLES[h] for h in heads)} |"]
    lines.append("| --- " * (len(heads) + 1) + "|")
    for label, (setting, printed) in rows.items():
        metrics = made["settings"][setting]["metrics"]
        cells = []
        for head in heads:
            m = metrics[f"test {protocol} {head}"]
            users = f"{m['users'][0]:.3f}–{m['users'][1]:.3f}"
            cells.append(
                f"**{m['mean']:.3f}** <br>{users} <br>{m['low']:.3f}–{m['high']:.3f}"
            )
        lines.append(f"| {label} | {' | '.join(cells)} |")
        if printed:
            said = dict(
                zip(paper["columns"], paper["rows"]["Beauty"][printed], strict=True)
            )
            values = " | ".join(f"{said[head]:.3f}" for head in heads)
            lines.append(f"| the paper's row {printed} | {values} |")
    return "\n".join(lines)


def differences(
    made: dict[str, Any], pairs: Mapping[str, str], metrics: Sequence[str]
) -> str:
    """Markdown: paired differences; below each its 95 % interval, over users and seeds
    together (over users alone with fewer than three seeds), and the verdict.

    pairs : {label: "b - a" as in the report}.
    """
    lines = ["| | " + " | ".join(metrics) + " |", "| --- " * (len(metrics) + 1) + "|"]
    for label, pair in pairs.items():
        cells = []
        for metric in metrics:
            d = made["differences"][pair].get(metric)
            cells.append("not measured" if d is None else _difference(d))
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _difference(d: dict[str, Any]) -> str:
    low, high = d.get("combined", d["interval"])
    over = "" if "combined" in d else "users alone "
    lines = [f"**{d['mean']:+.4f}**", f"{over}{low:+.4f} to {high:+.4f}", d["verdict"]]
    return " <br>".join(lines).replace("-", "\N{MINUS SIGN}")


def curve(
    axes: Any, xs: Sequence[float], metrics: Sequence[Metric], k: int, label: str
) -> None:
    """Means joined by a line; thick bars over users, thin ones over seeds."""
    from disrec_mini.plots import INTENTIONS

    color = INTENTIONS[k]
    means = [m["mean"] for m in metrics]
    style = ("o-", "s--", "^:")[k % 3]
    axes.plot(xs, means, style, color=color, ms=4, label=label, lw=1.4)
    for x, m in zip(xs, metrics, strict=True):
        axes.plot([x, x], m["users"], color=color, lw=4, alpha=0.35)
        axes.plot([x, x], [m["low"], m["high"]], color=color, lw=1)


def forest(
    rows: Mapping[str, dict[str, Any]], xlabel: str, paper: float | None = None
) -> Any:
    """One paired difference a line: its mean (dot), each seed (tick), 95 % over users
    (thick bar) and, with three seeds or more, 95 % over users and seeds (thin bar).

    rows : {label: an entry of a report's differences}. paper : what the paper says the
    difference is, a dotted line.
    """
    import matplotlib.pyplot as plt

    from disrec_mini.plots import INK, INTENTIONS, WIDTH

    colors = {"gain": INTENTIONS[2], "loss": INTENTIONS[4], "equivalent": INTENTIONS[0]}
    figure, axes = plt.subplots(figsize=(WIDTH, 0.6 + 0.24 * len(rows)))
    for y, d in enumerate(rows.values()):
        color = colors.get(d["verdict"], INTENTIONS[7])
        axes.plot(d["interval"], [y, y], color=color, lw=5, alpha=0.4)
        axes.plot(d["seeds"], [y] * len(d["seeds"]), "|", color=color, ms=7)
        if "combined" in d:
            axes.plot(d["combined"], [y, y], color=color, lw=1)
        axes.plot(d["mean"], y, "o", color=color, ms=5)
    axes.axvline(0, color=INK, lw=0.8)
    if paper is not None:
        axes.axvline(paper, color=INK, lw=0.8, ls=":")
    axes.set_yticks(range(len(rows)), list(rows))
    axes.invert_yaxis()
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlabel(xlabel)
    return figure
