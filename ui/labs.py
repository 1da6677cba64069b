"""Which labs there are: those with a page in pages/ and at least one experiment or demo that names them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core import catalog

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Lab:
    """A lab as navigation and home page show it. name: its page's file name and address; picture: of its card."""

    name: str
    title: str
    question: str
    page: Path
    picture: Path

    def link(self) -> st.Page:
        """The page as `st.navigation` and `st.page_link` take it."""
        return st.Page(self.page, title=self.title, url_path=self.name, help=self.question)


def labs(root: Path = ROOT) -> tuple[Lab, ...]:
    """The labs by title. A lab speaks through the experiment or demo of its own name, else through its first one."""
    speakers = {one.lab: catalog.topic_of(one.lab) for one in catalog.topics().values()}
    found = (
        Lab(name, one.title, one.question, root / "pages" / f"{name}.py", _picture(root, name))
        for name, one in speakers.items()
        if one
    )
    return tuple(sorted((lab for lab in found if lab.page.is_file()), key=lambda lab: lab.title))


def _picture(root: Path, name: str) -> Path:
    drawn = (root / "assets" / "cards" / f"{name}.{kind}" for kind in ("svg", "png"))
    return next((path for path in drawn if path.is_file()), ROOT / "assets" / "card.svg")
