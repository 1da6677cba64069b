"""A calculation that is walked through: Next, Back, Undo and Start over, the place kept in this session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st


@dataclass(frozen=True)
class Stepper:
    """A place among the steps 0 to `count`. key: unique on the page.

    about: what is walked through; another one begins anew, while a page that is merely drawn again stays where it was.
    """

    key: str
    count: int
    about: str

    @property
    def at(self) -> int:
        """The step on show."""
        return min(self._moves()[-1], self.count)

    def buttons(self) -> None:
        """Draw them; in a fragment only the fragment is drawn anew."""
        at, moves = self.at, self._moves()
        with st.container(horizontal=True, key=f"{self.key}:moves"):
            self._button("Back", "arrow_back", at == 0, at - 1)
            self._button("Next", "arrow_forward", at == self.count, at + 1)
            undo: dict[str, Any] = {"icon": ":material/undo:", "key": f"{self.key}:undo", "disabled": len(moves) < 2}
            st.button("Undo", on_click=self._undo, help="Takes the last move back, whichever it was.", **undo)
            self._button("Start over", "first_page", at == 0, 0)

    def _button(self, label: str, icon: str, disabled: bool, to: int) -> None:
        key = f"{self.key}:{label.split()[0].lower()}"
        st.button(label, icon=f":material/{icon}:", key=key, disabled=disabled, on_click=self._move, args=(to,))

    def _moves(self) -> list[int]:
        state = st.session_state.get(self.key)
        if not state or state["about"] != self.about:
            state = st.session_state[self.key] = {"about": self.about, "moves": [0]}
        moves: list[int] = state["moves"]
        return moves

    def _move(self, to: int) -> None:
        self._moves().append(max(0, min(to, self.count)))

    def _undo(self) -> None:
        moves = self._moves()
        if len(moves) > 1:
            moves.pop()
