"""A live picture: controls above, a figure below that is drawn again whenever a control moves.

Where there is a kernel, the reader moves sliders. Everywhere else (a notebook that is opened again, GitHub, an HTML
export, slides) the figure is there at its initial settings, with alternative text. For that every widget puts out two
things: a still, and after it the view of the widget. A page that shows the view hides the still; one that has
the view but no kernel hides the view, where JupyterLab would say "model not found"; others know only the still.
"""

import base64
import html
import io
from collections.abc import Callable

import ipywidgets
import numpy as np
from IPython.display import display
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

_HIDDEN = "position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)"  # for screen readers


# Of the two outputs of a widget one is seen: the view where it lives, and the still where it does not.
# `body` is for pages that are not JupyterLab's; there the still's own line is closed up, too.
_ONE_OF_TWO = (
    "<style>body:has(.{live}) .{still}{{display:none}}"
    ".jp-OutputArea-child:has(.{still}):has(+ * .{live}){{display:none}}"
    ".jp-OutputArea-child:has(.{still}) + .jp-OutputArea-child:not(:has(.{live})){{display:none}}</style>"
)
_VIEW = "application/vnd.jupyter.widget-view+json"


class Live(ipywidgets.VBox):
    """A column of widgets that carries a static page for places without a kernel: see `live` and `still`."""

    still = ""  # HTML shown where there is no widget
    alt = ""

    def _ipython_display_(self, **_: object) -> None:
        """Put out the still, then the view; see the module."""
        names = {"live": f"course-live-{self.model_id}", "still": f"course-still-{self.model_id}"}
        self.add_class(names["live"])
        page = f'{_ONE_OF_TWO.format(**names)}<div class="{names["still"]}">{self.still}</div>'
        display({"text/html": page, "text/plain": f"[widget: {self.alt}]"}, raw=True)
        view = super()._repr_mimebundle_()
        if view:  # {} where something listens that shows no widgets
            display({_VIEW: view[_VIEW], "text/plain": ""}, raw=True)

    def _repr_mimebundle_(self, **_: object) -> dict:
        """Return the view and the still as one, for whoever asks for a single output."""
        bundle = super()._repr_mimebundle_() or {}
        return bundle | {"text/html": self.still, "text/plain": f"[widget: {self.alt}]"}


def still(widget: ipywidgets.Widget, page: str, alt: str) -> Live:
    """Return the widget with a static page beside it.

    widget   what a reader with a kernel uses
    page     HTML that everyone else sees
    alt      what a page without pictures says
    """
    box = Live([widget])
    box.still, box.alt = page, alt
    return box


def live(draw: Callable[..., Figure | str], alt: str, **controls: ipywidgets.Widget) -> Live:
    """Return controls above a picture that follows them.

    draw      called with each control's value under the control's name; returns a matplotlib Figure, or HTML (a str).
              Make it fast (under 100 ms): it runs at every move
    alt       what to see in the picture, in one or two sentences, for readers who cannot see it
    controls  ipywidgets with a `value`; each gets its name as description if it has none

    An error in `draw` at the first settings is raised here; at later moves it is shown below the picture and the
    next good move clears it. Raises TypeError when a control has no value, or when `draw` returns anything else.

    Example: live(lambda t: softmax_bars(logits, t), "…", t=ipywidgets.FloatSlider(1.0, min=0.1, max=3.0)).
    """
    for name, control in controls.items():
        if not isinstance(control, ipywidgets.Widget) or not hasattr(control, "value"):
            raise TypeError(f"the control {name} must be an ipywidgets widget with a value, not {control!r}")
        if hasattr(control, "description") and not control.description:
            control.description = name.replace("_", " ")
        if hasattr(control.style, "description_width"):
            control.style.description_width = "initial"

    def current() -> Figure | str:
        return draw(**{name: control.value for name, control in controls.items()})

    first = current()
    text = isinstance(first, str)
    picture = ipywidgets.HTML(first) if text else ipywidgets.Image(format="png", value=_png(first))
    if not text:
        picture.layout.max_width = "100%"
        picture.layout.object_fit = "contain"
        picture.layout.align_self = "flex-start"  # a stretched image would be a distorted one
    problem = ipywidgets.HTML()

    def redraw(_: object) -> None:
        try:
            drawing = current()
            picture.value = drawing if text else _png(drawing)
            problem.value = ""
        except Exception as error:
            problem.value = (
                f"<b>The picture could not be drawn at these settings.</b> {type(error).__name__}: "
                f"{html.escape(str(error))}"
            )

    for control in controls.values():
        control.observe(redraw, names="value")
    described = ipywidgets.HTML(f'<span style="{_HIDDEN}">{html.escape(alt)}</span>')
    rows = ipywidgets.HBox(list(controls.values()), layout=ipywidgets.Layout(flex_flow="row wrap"))
    box = Live([rows, picture, problem] + ([] if text else [described]))
    box.still, box.alt = first if isinstance(first, str) else _img(picture.value, alt), alt
    return box


def _img(png: bytes, alt: str) -> str:
    data = base64.b64encode(png).decode()
    return f'<img style="max-width:100%" alt="{html.escape(alt)}" src="data:image/png;base64,{data}">'


def _png(figure: object) -> bytes:
    """Return the figure as PNG without transparency and lightly compressed: every move waits for this."""
    if not isinstance(figure, Figure):
        raise TypeError(f"draw must return a matplotlib Figure (or a str of HTML every time), not {figure!r}")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").save(buffer, "png", compress_level=1)
    return buffer.getvalue()
