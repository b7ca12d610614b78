"""Draw the picture that others show beside a link: `python book/_ext/draw_card.py`."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from draw_logo import INTENTIONS, PAST

INK = "#1f2937"
SIZE, DPI = (12.0, 6.3), 100  # 1200 by 630 pixels


def draw(path: Path) -> None:
    """The logo over the whole width, the title and what the book is about."""
    figure = plt.figure(figsize=SIZE, dpi=DPI, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 12), ylim=(0, 6.3))
    axes.axis("off")
    rise = (1 - np.cos(np.linspace(0, np.pi, 60))) / 2
    across = np.linspace(6.2, 10.9, 60)
    axes.plot([1, 6.2], [4.4, 4.4], color=PAST, lw=7, zorder=1)
    for y, colour in zip((5.6, 4.4, 3.2), INTENTIONS, strict=True):
        axes.plot(across, 4.4 + (y - 4.4) * rise, color=colour, lw=7, zorder=0)
        axes.scatter(across[-1], y, s=1400, color=colour)
    axes.scatter([1, 3.6, 6.2], [4.4] * 3, s=900, color=PAST, zorder=2)
    axes.text(0.65, 1.65, "Beyond the Next Click", size=58, weight="bold", color=INK)
    about = "Intentions pulled apart, the whole future in view: a book to run"
    axes.text(0.7, 0.8, about, size=23, color=INK)
    figure.savefig(path)
    plt.close(figure)


if __name__ == "__main__":
    draw(Path(__file__).parents[1] / "_static" / "card.png")
