"""The parts of a widget: its controls by name, its picture, and the first part of a kind."""

import ipywidgets


def controls(widget: ipywidgets.Widget) -> dict[str, ipywidgets.Widget]:
    """Return the controls at the top of a widget by what is written beside them."""
    return {child.description: child for child in widget.children[0].children}


def picture(widget: ipywidgets.Widget) -> bytes:
    """Return what the picture below the controls shows now."""
    return next(child for child in widget.children if isinstance(child, ipywidgets.Image)).value


def require_redraws(widget: ipywidgets.Widget, moves: dict[str, object]) -> None:
    """Fail unless each control, one after the other, gives a new picture at its new value, and there is a still.

    moves  what is written beside a control → the value
    """
    assert '<img style="max-width:100%" alt="' in widget._repr_mimebundle_()["text/html"]
    seen = {picture(widget)}
    for name, value in moves.items():
        controls(widget)[name].value = value
        seen.add(picture(widget))
    assert len(seen) == 1 + len(moves)


def find(widget: ipywidgets.Widget, kind: type | tuple[type, ...]) -> ipywidgets.Widget | None:
    """Return the first part of a kind, however deep it lies."""
    if isinstance(widget, kind):
        return widget
    found = (find(child, kind) for child in getattr(widget, "children", ()))
    return next((one for one in found if one is not None), None)
