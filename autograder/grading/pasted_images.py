"""Pictures that a student pasted into an answer: a photo of a derivation, a drawing. They are shown to the grader.

Jupyter keeps them as a cell's attachments, Colab as `data:` addresses in the text. Only pictures of four kinds are
taken, whose bytes begin as that kind's do; nothing else of an attachment reaches a page.
"""

import base64
import binascii
import re

MAX_IMAGE = 10 * 2**20  # bytes
_BEGINNINGS = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/webp": (b"RIFF",),
}
_IN_TEXT = re.compile(r"data:(image/(?:png|jpeg|gif|webp));base64,([A-Za-z0-9+/]++={0,2})")


def pasted_images(source: str, attachments: object) -> tuple[str, dict[str, str]]:
    """Return a text whose pictures are attachments, and these: name → `data:` address, checked.

    source       Markdown
    attachments  what a notebook's cell has under that key, which may be anything
    """
    images = {}
    for name, kinds in attachments.items() if isinstance(attachments, dict) else ():
        for kind, data in kinds.items() if isinstance(kinds, dict) else ():
            if isinstance(data, str) and (address := _address(kind, data)):
                images[name] = address

    def attach(match: re.Match[str]) -> str:
        name = f"in-the-text-{len(images) + 1}"
        images[name] = _address(match[1], match[2])
        return f"attachment:{name}"

    source = _IN_TEXT.sub(attach, source)
    return source, {name: address for name, address in images.items() if address}


def _address(kind: str, data: str) -> str:
    """Return the address of a picture, or "" when it is none, or too large."""
    if kind not in _BEGINNINGS or len(data) > 2 * MAX_IMAGE:
        return ""
    try:
        image = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        return ""
    if len(image) > MAX_IMAGE or not image.startswith(_BEGINNINGS[kind]):
        return ""
    return f"data:{kind};base64,{base64.b64encode(image).decode()}"
