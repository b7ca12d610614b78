"""Draw the logo and the icon of the site: `python book/_ext/draw_logo.py`.

Three clicks in a row, and beyond the next one the intentions that fan out. The colours
are the book's, which stand out on a white page and on a dark one.
"""

from pathlib import Path

PAST, INTENTIONS = "#707070", ("#0067ad", "#c38500", "#00825f")


def dot(x: float, y: float, r: float, colour: str) -> str:
    return f'<circle cx="{x}" cy="{y}" r="{r}" fill="{colour}"/>'


def drawing(past: list[float], width: float) -> str:
    """Clicks at the given x on the middle line, then a fan to the right edge."""
    start, end = past[-1], width - 9
    parts = [
        f'<path d="M{past[0]} 32H{start}" stroke="{PAST}" stroke-width="4"/>',
        *(dot(x, 32, 6, PAST) for x in past),
    ]
    for y, colour in zip((9, 32, 55), INTENTIONS, strict=True):
        bend = (start + end) / 2
        parts.insert(
            0,
            f'<path d="M{start} 32C{bend} 32 {bend} {y} {end} {y}" fill="none" '
            f'stroke="{colour}" stroke-width="4"/>',
        )
        parts.append(dot(end, y, 8, colour))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} 64">'
        f"{''.join(parts)}</svg>\n"
    )


if __name__ == "__main__":
    static = Path(__file__).parents[1] / "_static"
    (static / "logo.svg").write_text(drawing([10, 42, 74], 150), encoding="utf-8")
    (static / "favicon.svg").write_text(drawing([10], 64), encoding="utf-8")
