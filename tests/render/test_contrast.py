"""The colours of the HTML report can be read: WCAG 2.1 contrast, in light and in dark."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

CSS = files("advisor.render").joinpath("templates/report.css").read_text(encoding="utf-8")
LIGHT, DARK = (
    dict(re.findall(r"--([a-z-]+):\s*(#[0-9a-f]{3,6})", block))
    for block in re.findall(r":root \{(.*?)\n\s*\}", CSS, re.DOTALL)[:2]
)
TEXTS = [
    *((ink, ground) for ink in ("ink", "soft", "accent", "good", "bad", "fair") for ground in ("paper", "card")),
    ("ink", "code"),
    ("soft", "info-bg"),
    *((f"{name}-ink", f"{name}-bg") for name in ("critical", "high", "medium", "low", "info", "ok")),
]
# Shapes need 3:1 against what they lie on.
SHAPES = [
    (name, "card") for name in ("heap", "share", "memory", "index", "violet", "kept", "past", "dot", "dot-good", "ink")
]


def luminance(color: str) -> float:
    digits = color[1:] if len(color) == 7 else "".join(char * 2 for char in color[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_black_on_white_is_the_known_value() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), TEXTS)
def test_text_can_be_read(theme: dict[str, str], ink: str, ground: str) -> None:
    assert contrast(theme[ink], theme[ground]) >= 4.5


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("shape", "ground"), SHAPES)
def test_shapes_can_be_seen(theme: dict[str, str], shape: str, ground: str) -> None:
    assert contrast(theme[shape], theme[ground]) >= 3


def test_both_themes_define_the_same_colors() -> None:
    assert LIGHT.keys() == DARK.keys()
