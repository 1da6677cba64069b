"""The regularisation lab: dropout as a penalty, and the shortest of many solutions."""

from __future__ import annotations

from core import catalog
from core.claims.regularisation import CLAIMS
from ui.claims import claims
from ui.form import Settings
from ui.lab import demo
from ui.lesson import section
from ui.regularisation import Parts
from ui.words import words

DEMO = catalog.demos()["regularisation"]
WORDS = words("regularisation")
BESIDE = tuple(one.name for one in DEMO.config.knobs() if one.group == "view")  # knobs that stand in their sections


def draw(now: Settings) -> None:
    """Dropout at what the form says."""
    Parts(DEMO, WORDS, now).dropout()


settings = demo(DEMO, WORDS["introduction"], draw, elsewhere=BESIDE)
parts = Parts(DEMO, WORDS, settings)
if section("Another X, w and y", DEMO):
    parts.numbers()
if section("Least norm in the plane", DEMO):
    parts.plane()
if section("Least norm in many dimensions", DEMO):
    parts.large()
if section("What the sources claim, and what to hold against it", DEMO):
    claims(DEMO, settings, CLAIMS)
