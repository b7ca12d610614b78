"""Figures that read well on paper-white and dark pages, on phones and aloud.

One place for colours, sizes, captions and alternative text.
"""

import contextlib
import html
import io
import os
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from disrec_mini.errors import DisrecError
from disrec_mini.widgets import Shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# one colour per intention in the whole book; book.css has the same
INTENTIONS = (
    "#0067ad",
    "#c38500",
    "#00825f",
    "#c6759f",
    "#c24a00",
    "#3a9ad2",
    "#8c8400",
    "#707070",
)
INK = "#123456"  # stands for the page's own text colour until `show` replaces it
WIDTH = 5.2  # inches: small, so that text stays readable when a phone shrinks it
SHOWN = "36rem"  # widest on a page

# what `draw_model` can light, in the order of the reading
PARTS = (
    *("clicks", "encoder", "intentions", "weights", "summaries"),
    *("scores", "seq2item", "future", "seq2seq", "selection"),
)

STYLE: dict[str, Any] = {
    "figure.figsize": (WIDTH, 2.8),
    "figure.constrained_layout.use": True,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": "medium",
    "axes.titlelocation": "left",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "patch.edgecolor": INK,
    "lines.linewidth": 1.8,
    "font.size": 10,
    "svg.fonttype": "none",  # text stays text: it can be read aloud and searched
    "svg.hashsalt": "disrec_mini",  # the same figure, the same file
}


def use_style() -> None:
    """Set the book's look for every figure made from here on."""
    import matplotlib as mpl
    from cycler import cycler

    for name, value in STYLE.items():
        mpl.rcParams[name] = value  # type: ignore[index, unused-ignore]
    mpl.rcParams["axes.prop_cycle"] = cycler(color=INTENTIONS)


@contextlib.contextmanager
def read_off() -> Iterator[None]:
    """Readings of a page's figures, asserted where its outputs are being stored.

    `make notebooks` sets DISREC_STORING. Elsewhere a failure is a note: processors
    round otherwise, and training makes two such runs as unlike as two starts. What a
    page claims in general is asserted outside of this.
    """
    try:
        yield
    except AssertionError:
        if os.environ.get("DISREC_STORING"):
            raise
        print(
            "The text reads some numbers off the stored page that came out differently "
            "here: processors round differently, and training amplifies it."
        )


def heatmap(
    values: Any,
    rows: Sequence[str],
    columns: Sequence[str],
    alt: str,
    caption: str = "",
    *,
    width: float = 4.6,
    low: float = 0.0,
    high: float = 1.0,
    digits: int = 2,
) -> Shown:
    """A small table as shades with its numbers in them: seaborn's heat map, shown.

    Parameters
    ----------
    values : (len(rows), len(columns)). low, high : white and the darkest blue.
    digits : behind the point. width : of the figure, in inches.
    alt, caption : as in `show`.
    """
    import matplotlib.pyplot as plt
    import seaborn as sns

    figure, axes = plt.subplots(figsize=(width, 0.27 * len(rows) + 0.6))
    look = {"cmap": "Blues", "vmin": low, "vmax": high, "cbar": False}
    numbers = {"annot": True, "fmt": f".{digits}f", "annot_kws": {"size": 8}}
    names = {"xticklabels": columns, "yticklabels": rows}
    sns.heatmap(np.asarray(values), ax=axes, **look, **numbers, **names)
    axes.tick_params(length=0, labelsize=8, rotation=0)
    return show(figure, alt, caption)


def draw_model(*lit: str) -> "Figure":
    """The whole model in one drawing, with some parts lit.

    Clicks x_1..x_t pass the encoder (z_i), are divided (p_{k|i}), weighed (p_i) and
    summed up into phi^(k), k = 1..3. Below both losses: the next click, where the best
    phi^(k) counts, and the future, read backwards, in a BK x BK table (B = 3).

    Parameters
    ----------
    lit : of `PARTS`; the others are pale. With none, all are lit.

    Raises
    ------
    DisrecError : for a part that the drawing does not have.

    Source: the paper's encoder and both losses, as chapters 05 to 09 write them.
    """
    if unknown := [part for part in lit if part not in PARTS]:
        parts = ", ".join(PARTS)
        raise DisrecError(f"the drawing has no part {unknown[0]!r}, only {parts}.")
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(WIDTH, 4.35), layout="none", facecolor="none")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 374.4), ylim=(313.2, 0))
    axes.axis("off")
    shade = {part: 1.0 if part in lit or not lit else 0.35 for part in PARTS}
    pen = _Pen(axes)
    _draw_reading(pen, shade, 54, (0, 0, 1, 0, 2), (3, 4, 4, 9, 21))
    future = dict.fromkeys(PARTS, shade["future"])
    _draw_reading(pen, future, 242, (2, 0, 0, 2), (21, 8, 4, 3))
    _draw_words(pen, shade)
    _draw_next_click(pen, shade)
    _draw_table(pen, shade)
    return figure


class _Pen:
    """Draws on axes whose unit is a point; a shade is 1 for what is lit."""

    def __init__(self, axes: "Axes") -> None:
        self.axes = axes

    def write(self, x: float, y: float, text: str, shade: float) -> None:
        """Words at 9 points; symbols at 12, so that their indices can be read."""
        symbols = "$" in text
        look: dict[str, Any] = {"ha": "center", "va": "center", "linespacing": 1.1}
        look["alpha"] = shade**0.5 if symbols else shade  # theirs is applied twice
        self.axes.text(x, y, text, size=12 if symbols else 9, color=INK, **look)

    def line(self, shade: float, *points: tuple[float, float]) -> None:
        xs, ys = zip(*points, strict=True)
        self.axes.plot(xs, ys, color=INK, alpha=shade, linewidth=1)

    def arrow(self, shade: float, *points: tuple[float, float]) -> None:
        """To the last point, to the right or down."""
        (x0, _), (x, y) = points[-2:]
        a, b = (4, 3) if x > x0 else (3, 4)
        self.line(shade, *points)
        other = (x - a, y + b) if x > x0 else (x + a, y - b)
        self.line(shade, (x - a, y - b), (x, y), other)

    def box(
        self, at: tuple[float, float, float, float], shade: float,
        colour: str = INK, fill: float = 0.0,
    ) -> None:  # fmt: skip
        """A rectangle at (x, y of its middle, width, height), filled to a share."""
        from matplotlib.patches import Rectangle

        (x, y, w, h), face = at, (colour, fill * shade)
        corner, edge = (x - w / 2, y - h / 2), (colour, shade)
        self.axes.add_patch(Rectangle(corner, w, h, fc=face, ec=edge, lw=0.9))


def _draw_reading(
    pen: _Pen, shade: dict[str, float], start: int, kinds: Sequence[int],
    weights: Sequence[float],
) -> None:  # fmt: skip
    """From the clicks of the past, or of the future, to their summaries."""
    xs = [start + 31 * i for i in range(len(kinds))]
    middle = (xs[0] + xs[-1]) / 2
    for x, kind, weight in zip(xs, kinds, weights, strict=True):
        pen.axes.plot(x, 30, "o", ms=12, c=INTENTIONS[kind], alpha=shade["clicks"])
        pen.arrow(shade["encoder"], (x, 38), (x, 48))
        pen.box((x, 80, 7, 16), shade["encoder"])
        top = 94.0
        for k in range(3):  # p_{k|i}: most of it in the click's own kind
            share = 18.0 if k == kind else 5.0
            where = (x, top + share / 2, 13, share)
            pen.box(where, shade["intentions"], INTENTIONS[k], 1)
            top += share
        pen.box((x, 151 - weight / 2, 13, weight), shade["weights"], INK, 0.5)
    pen.box((middle, 57, xs[-1] - xs[0] + 24, 17), shade["encoder"])
    pen.arrow(shade["summaries"], (middle, 174), (middle, 182))
    for k in range(3):
        at = middle + 40 * (k - 1)
        pen.box((at, 194, 34, 21), shade["summaries"], INTENTIONS[k], 0.25)
        pen.write(at, 194, rf"$\phi^{{({k + 1})}}$", shade["summaries"])


def _draw_words(pen: _Pen, shade: dict[str, float]) -> None:
    """What stands at the rows of both readings."""
    words = [("clicks", 54, 12, "$x_1$"), ("clicks", 178, 12, "$x_t$")]
    words += [("clicks", 116, 12, "past"), ("future", 288, 12, "future")]
    words += [("future", 242, 12, "$x_{t+1}$"), ("future", 335, 12, "$x_T$")]
    words += [("encoder", 116, 57, "encoder →"), ("encoder", 20, 80, "$z_i$")]
    words += [("intentions", 20, 107, "$p_{k|i}$"), ("weights", 20, 141, "$p_i$")]
    total = r"$\mathrm{LN}_5(\beta_k+\Sigma_i p_{k|i}\,p_i\,z_i)$"
    words += [("summaries", 116, 165, total), ("future", 309, 165, r"$\beta_k$")]
    words += [("future", 288, 57, "← same, backwards"), ("future", 281, 165, "its own")]
    for part, x, y, text in words:
        pen.write(x, y, text, shade[part])
    pen.axes.plot([210, 210], [6, 150], ":", color=INK, alpha=0.5, linewidth=1)


def _draw_next_click(pen: _Pen, shade: dict[str, float]) -> None:
    """Scores under each summary, the best of each item, and the next click."""
    of_1, of_2 = (
        (0.9, 0.2, 0.5, 0.1, 0.3, 0.1, 0.2),
        (0.1, 0.7, 0.2, 0.1, 0.1, 0.5, 0.1),
    )
    scores = np.array([of_1, of_2, (0.2, 0.1, 0.1, 0.3, 1.0, 0.2, 0.6)])  # (K, items)
    lit, loss = shade["scores"], shade["seq2item"]
    pen.arrow(lit, (116, 206), (116, 217))
    for j, best in enumerate(scores.argmax(0)):
        for y, k in ((225, 0), (237, 1), (249, 2), (273, best)):
            pen.box((77 + 13 * j, y, 11, 10), lit, INTENTIONS[k], scores[k, j])
    pen.arrow(lit, (116, 256), (116, 266))
    pen.write(33, 228, r"$h_j\cdot\phi^{(k)}$", lit)
    pen.write(33, 245, r"$/\,√D$", lit)
    pen.write(33, 273, "max over k", lit)
    pen.box((129, 273, 15, 14), loss)
    pen.arrow(loss, (129, 281), (129, 291))
    pen.write(70, 301, "seq2item: next click", loss)
    pen.write(131, 301, "$x_{t+1}$", loss)


def _draw_table(pen: _Pen, shade: dict[str, float]) -> None:
    """Every past summary against every future one; which triples are kept."""
    lit, chosen = shade["seq2seq"], shade["selection"]
    pen.arrow(lit, (175, 194), (222, 194), (222, 262), (232, 262))
    pen.arrow(lit, (288, 206), (288, 215))
    for i in range(10):
        faint, at = lit * (0.25 if i % 3 else 0.9), 10 * i
        pen.line(faint, (236, 217 + at), (326, 217 + at))
        pen.line(faint, (236 + at, 217), (236 + at, 307))
    for i in range(9):
        x, y, colour = 241 + 10 * i, 222 + 10 * i, INTENTIONS[i % 3]
        pen.box((x, y, 8, 8), lit, colour, 0.4)
        if i in (0, 2, 5, 6):
            pen.box((x, y, 10, 10), chosen, colour, 1)
    pen.write(351, 232, "seq2seq\nBK × BK", lit)
    pen.write(351, 285, "selection\nloss ≤ τ", chosen)


def show(figure: "Figure", alt: str, caption: str = "") -> Shown:
    """A figure as a cell's last value: text in the page's colour, caption, alt text.

    Parameters
    ----------
    figure : closed here, so that the notebook does not show it a second time.
    alt : what is to be seen, for readers who do not see it.
    caption : what to look at; may hold simple HTML.

    Raises
    ------
    DisrecError : without an alternative text.
    """
    if not alt.strip():
        raise DisrecError("a figure needs alt text: say what is to be seen in it.")
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    if not isinstance(figure, Figure):
        raise DisrecError(f"show takes a figure of Matplotlib, not {figure!r}.")
    with io.StringIO() as file:
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        svg = file.getvalue()
    plt.close(figure)
    below = f"<figcaption>{caption}</figcaption>" if caption else ""
    markup = f'<figure class="book-figure">{_page_svg(svg, alt)}{below}</figure>'
    return Shown(markup, f"[figure: {alt}]")


def _page_svg(svg: str, alt: str) -> str:
    """Only the <svg> element: named, as wide as the page allows, in its colours."""
    svg = svg[svg.index("<svg") :]
    # its style would reach the whole page
    svg = re.sub(r"<(metadata|style).*?</\1>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"\s*\n\s*", " ", svg).replace("> <", "><")
    used = set(re.findall(r"#([\w.-]+)", svg))  # two figures of a page share no id
    svg = re.sub(
        r' id="([\w.-]+)"', lambda m: m.group(0) if m.group(1) in used else "", svg
    )
    svg = re.sub(r"(font: [^;\"]*?px) [^;\"]*", r"\1 sans-serif", svg)
    svg = re.sub(r"font-family: [^;\"]*,[^;\"]*", "font-family: sans-serif", svg)
    # symbols name one font, which few phones have
    svg = re.sub(r"(font-family: '[^',]*')(?=;)", r"\1, sans-serif", svg)
    svg = svg.replace(INK, "currentColor")
    head, rest = svg.split(">", 1)
    box = re.search(r'viewBox="[^"]*"', head)
    assert box is not None
    style = f"width:100%;max-width:{SHOWN};height:auto"
    style += ";stroke-linejoin:round;stroke-linecap:butt"
    return (
        f'<svg {box.group(0)} xmlns="http://www.w3.org/2000/svg" '
        f'xmlns:xlink="http://www.w3.org/1999/xlink" role="img" '
        f'aria-label="{html.escape(alt)}" style="{style}">{rest}'
    ).strip()
