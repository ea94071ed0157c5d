"""One look for every figure of the course: large, quiet, colour-blind safe, with a text for those who cannot see it.

The palette is Okabe and Ito's (2008). Figures are made with matplotlib's object interface (no pyplot: it costs a
second to import and keeps every figure alive), and `show` puts them on the page with their alternative text.
"""

import base64
import html
import io
from typing import Any, cast

import matplotlib
import numpy as np
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from PIL import Image

INK, GREY, PALE = "#222222", "#8c8c8c", "#e6e6e6"
BLUE, ORANGE, GREEN, PINK, SKY, RUST, YELLOW = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442",
)  # fmt: skip
# the same for text, which needs more contrast than a line: at least 4.5 : 1 on white (WCAG 2.2, 1.4.3)
QUIET, GREEN_INK, RUST_INK = "#595959", "#008561", "#b95200"
PALETTE = (BLUE, ORANGE, GREEN, PINK, SKY, RUST, YELLOW)
SEQUENTIAL = "cividis"  # for heat maps: even in lightness, the same to every kind of colour vision

_RC: dict[Any, Any] = {  # matplotlib types the keys as one Literal of all its settings
    "font.size": 13,
    "axes.labelsize": 13,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "text.color": INK,
    "axes.prop_cycle": cycler(color=PALETTE),
    "lines.linewidth": 2.5,
    "figure.constrained_layout.use": True,
}


def panels(columns: int = 1, rows: int = 1, *, width: float = 9.0, height: float = 3.6) -> tuple[Figure, list[Axes]]:
    """Return an empty figure in the course's look and its axes, row by row. Sizes in inches, for the whole figure."""
    with matplotlib.rc_context(_RC):
        figure = Figure(figsize=(width, height), dpi=100)
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, columns, squeeze=False)
    return figure, list(axes.flat)


def place_axes(axes: Axes, left: float, bottom: float, width: float, height: float) -> None:
    """Put axes where they belong, in inches: the automatic layout takes a third of a redraw's time."""
    figure = cast(Figure, axes.figure)  # the course has no figures within figures
    figure.set_layout_engine("none")
    across, up = figure.get_size_inches()
    axes.set_position((left / across, bottom / up, width / across, height / up))


def panel_title(axes: Axes, text: str) -> None:
    """Set the title of one panel: what to see there, in bold, at the left."""
    axes.set_title(text, loc="left", fontweight="bold", fontsize=14)


def figure_title(figure: Figure, text: str) -> None:
    """Set the title above all panels."""
    figure.suptitle(text, x=0.01, ha="left", fontweight="bold", fontsize=14)


class _Picture:
    """What Jupyter displays: the image with its alternative text, or the text alone where there are no pictures."""

    def __init__(self, png: bytes, alt: str) -> None:
        self.png, self.alt = png, alt

    def __repr__(self) -> str:
        return f"[figure: {self.alt}]"

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.png).decode()
        return f'<img style="max-width:100%" alt="{html.escape(self.alt)}" src="data:image/png;base64,{data}">'


def png(figure: Figure) -> bytes:
    """Return the figure as the bytes of a PNG file, for an ipywidgets.Image or a file.

    The pixels are those of `Figure.savefig`, which draws twice: once for the layout, once for the picture.
    """
    buffer = io.BytesIO()
    with matplotlib.rc_context(_RC):
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    Image.fromarray(np.asarray(canvas.buffer_rgba())).save(buffer, "png")
    return buffer.getvalue()


def show(figure: Figure, alt: str) -> None:
    """Put the figure on the page. alt says in one or two sentences what a reader should see in it."""
    display(_Picture(png(figure), alt))
