"""Figures that read well on paper-white and dark pages, on phones and aloud.

One place for colours, sizes, captions and alternative text.
"""

import html
import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from disrec_mini.errors import DisrecError
from disrec_mini.widgets import Shown

if TYPE_CHECKING:
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
