"""Boxes and arrows: what diagrams of data flow are made of."""

from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from course_lib.figures.style import INK


def draw_box(axes: Axes, x: float, y: float, text: str, colour: str, width: float = 2.6, bold: bool = False) -> None:
    """Draw a rounded box of height 0.62 with its centre at (x, y)."""
    shape = FancyBboxPatch((x - width / 2, y - 0.31), width, 0.62, boxstyle="round,pad=0.03", fc=colour, ec=INK, lw=1.2)
    axes.add_patch(shape)
    axes.text(x, y, text, ha="center", va="center", fontsize=12, fontweight="bold" if bold else "normal")


def draw_arrow(axes: Axes, *points: tuple[float, float], colour: str = INK) -> None:
    """Draw a line through points with an arrow head at its end."""
    for start, end in pairwise(points):
        style = "-|>" if end == points[-1] else "-"
        axes.add_patch(
            FancyArrowPatch(start, end, arrowstyle=style, mutation_scale=12, lw=1.6, color=colour, shrinkA=0, shrinkB=0)
        )
