"""Green means one thing: that a claim holds. No colour of the figures, and nothing else on a page, is green."""

import colorsys
import re

import pytest

from kdelab.plot.style import COLOURS, PALETTE
from kdelab.report.build.pages import style
from kdelab.report.verdicts import STATUS_COLOURS


def is_green(colour):
    text = colour.removeprefix("#")
    text = text if len(text) == 6 else "".join(2 * letter for letter in text)
    hue, _, saturation = colorsys.rgb_to_hls(*(int(text[i : i + 2], 16) / 255 for i in (0, 2, 4)))
    return 75 < 360 * hue < 175 and saturation > 0.2


@pytest.mark.parametrize("name", COLOURS)
def test_no_colour_of_figures_is_green(name):
    assert not is_green(COLOURS[name])


def test_no_colour_of_the_palette_is_green():
    assert not any(map(is_green, PALETTE))


def test_only_holds_is_green_on_a_page():
    assert [status for status, colour in STATUS_COLOURS.items() if is_green(colour)] == ["holds"]
    rules = re.findall(r"([^{}]+)\{([^{}]*)\}", style())
    diffs = (".gi", ".nt")  # lines added to a file, tags of XML: no notebook's code has them
    green = [rule for rule, body in rules if any(map(is_green, re.findall(r"#(?:[0-9a-fA-F]{3}){1,2}\b", body)))]
    assert [rule.strip() for rule in green if not any(name in rule for name in diffs)] == [":root"]
    named = [rule.strip() for rule, body in rules if "var(--holds)" in body]
    assert all(rule.rpartition("\n")[2].endswith(".holds") for rule in named), named
    assert len(named) == 3
