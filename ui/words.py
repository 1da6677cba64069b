"""The words of a lab's page: assets/words/<lab>.md, a section under each `## name`."""

from __future__ import annotations

import re
from functools import cache
from types import MappingProxyType

from ui.labs import ROOT

_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)


@cache
def words(lab: str) -> MappingProxyType[str, str]:
    """Section name -> Markdown. Raises FileNotFoundError for a lab without words."""
    text = (ROOT / "assets" / "words" / f"{lab}.md").read_text(encoding="utf-8")
    _, *parts = _HEADING.split(text)
    return MappingProxyType(dict(zip(parts[::2], map(str.strip, parts[1::2]), strict=True)))


def listed(lab: str, section: str) -> tuple[str, ...]:
    """The lines of a section that is a list of names; none where the lab has no words, or no such section."""
    try:
        text = words(lab).get(section, "")
    except FileNotFoundError:
        return ()
    return tuple(line.removeprefix("- ").strip() for line in text.splitlines() if line.startswith("- "))
