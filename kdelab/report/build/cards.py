"""Previews: what a link to a page shows where somebody shares it, a sentence and a picture of 1200 by 630 pixels."""

import base64
import textwrap
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from kdelab.report.build import cells
from kdelab.report.build.fingerprints import digest, sources
from kdelab.report.build.project import Made
from kdelab.report.verdicts import SYMBOLS

CARD = "cards/index.png"
_LONGEST = 200  # characters of a description: what previews show of it
_SIZE, _EDGE = (1200, 630), 60
_PAPER, _INK, _QUIET, _ACCENT = "#fcfcfb", "#1d2127", "#5b6370", "#0072b2"


def about(file: str, description: str, picture: str = CARD) -> dict[str, str]:
    """Return what a preview of a page shows: its address, a sentence or two, and a picture."""
    words = " ".join(description.split())
    short = words if len(words) <= _LONGEST else f"{words[:_LONGEST].rpartition(' ')[0]} …"
    return {"file": "" if file == "index.html" else file, "description": short, "picture": picture}


def card_of(name: str) -> str:
    """Return the file of a notebook's picture."""
    return f"cards/{name}.png"


def write_card(made: Made, file: str, title: str, line: str, figure: str = "") -> bool:
    """Write a picture if it has to be; return whether it was.

    Parameters
    ----------
    made
        The pages' folder.
    file
        The picture's, in it.
    title, line
        What it says, large and small.
    figure
        A PNG in base64 to show under it.
    """
    mark = f"<!-- kdelab {digest(title, line, figure, sources(drawing=True))} -->"
    before = made.content(file)
    if before is not None and mark.encode() in before[:400]:
        return False
    made.write(file, _card(title, line, figure, mark))
    return True


def of_verdicts(verdicts: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a line of the marks and words of some claims' verdicts, each once."""
    statuses = dict.fromkeys(verdict["status"] for verdict in verdicts.values())
    return "   ".join(f"{SYMBOLS.get(status, '')} {status}" for status in statuses)


def decisive(ran: Any) -> str:
    """Return the figure of a run that decides, or else its first, as a PNG in base64."""
    found = sorted(cells.figures(ran), key=lambda figure: not figure.decisive) if ran is not None else []
    return found[0].png if found else ""


def _card(title: str, line: str, figure: str, mark: str) -> bytes:
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont
    from PIL.PngImagePlugin import PngInfo

    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"

    def font(size: int, weight: str = "") -> ImageFont.FreeTypeFont:
        return ImageFont.truetype(fonts / f"DejaVuSans{weight}.ttf", size)

    image = Image.new("RGB", _SIZE, _PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 18, _SIZE[1]), fill=_ACCENT)
    draw.text((_EDGE, 36), "kdelab", _ACCENT, font(26, "-Bold"))
    size, across = (42, 44) if figure else (60, 30)
    words = "\n".join(textwrap.wrap(title, across, max_lines=2 if figure else 4, placeholder=" …"))
    draw.multiline_text((_EDGE, 80), words, _INK, font(size, "-Bold"), spacing=10)
    below = draw.multiline_textbbox((_EDGE, 80), words, font(size, "-Bold"), spacing=10)[3]
    said = "\n".join(textwrap.wrap(line, 72, max_lines=4, placeholder=" …"))
    draw.multiline_text((_EDGE, below + 22), said, _QUIET, font(26), spacing=10)
    top = draw.multiline_textbbox((_EDGE, below + 22), said or " ", font(26), spacing=10)[3] + 24
    try:
        with Image.open(BytesIO(base64.b64decode(figure))) as file:
            shown = file.convert("RGB")
            shown.thumbnail((_SIZE[0] - 2 * _EDGE, _SIZE[1] - round(top) - 24), Image.Resampling.LANCZOS)
            image.paste(shown, ((_SIZE[0] - shown.width) // 2, round(top)))
    except Exception:  # no figure, or a notebook's that is none
        pass
    packed, told = BytesIO(), PngInfo()
    told.add_text("Comment", mark)
    image.quantize(128).save(packed, format="png", optimize=True, pnginfo=told)
    return packed.getvalue()
