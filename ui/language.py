"""One trained language model, as parts of a page: what it writes, a talk with it, attention, order, longer texts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from core.contract import Experiment
from core.figures import gpt as figures
from core.queries.gpt import ATTENTION_LENGTH
from core.queries.sampling import Piece, Sampling, softmax, streamed
from ui.ask import ask, give_way
from ui.plot import clickable, newly_clicked, plot
from ui.results import Result

SAMPLE = 240  # characters at a moment of training
TURN_SECONDS = 1.0  # of an answer, before others are served
LONGEST, USUAL = 400, 160  # characters of an answer
SIDES = {"A": Sampling(), "B": Sampling(temperature=0.5)}
ASKING, HEAD = "asking", "head"
BEGINS = "Only characters of the text it learnt from. Empty: it begins by itself."
READS = "Only characters of the text it learnt from, at most a block. Empty: held-out text."


@dataclass(frozen=True)
class Language:
    """The parts; each takes a result and the moment to ask about (None: its end)."""

    experiment: Experiment
    words: Mapping[str, str]

    def sample(self, result: Result, step: float | None) -> None:
        """What the net writes from nothing at one moment, always with the same draws."""
        if step in (None, _newest(result)):
            step = self._begun(result, step)
        self._written("sample", result, step, "", Sampling(), SAMPLE)
        st.caption(f"{SAMPLE} characters, drawn as they are likely, same draws at every moment. {whose(result)}")

    def _begun(self, result: Result, step: float | None) -> float | None:
        """Of a net that trains on, the moment whose text is still being written: it is ended before a newer one."""
        asked, pieces = st.session_state.get(self._key("sample:pieces"), (None, ()))
        unfinished = 0 < sum(len(piece.text) for piece in pieces) < SAMPLE
        mine = unfinished and asked[:2] == (result.snapshot.run.id, "live") and result.origin == "live"
        return asked[2] if mine and asked[2] in result.saved else step

    def talk(self, result: Result, step: float | None) -> None:
        """Two settings side by side on the same draws; a character of an answer shows what it was drawn from."""
        left, middle, right = st.columns([3, 1, 1])
        prompt = self._typed("Prompt", "the old ", result, left, max_chars=400, help=BEGINS)
        seed = int(middle.number_input("Seed of the draws", 0, 9_999, 0, key=self._key("draw")))
        length = int(right.number_input("Characters", 4, LONGEST, USUAL, key=self._key("length")))
        sides = dict(zip(SIDES, st.columns(2), strict=True))
        hows = {}
        for side, column in sides.items():
            with column:
                hows[side] = self._settings(side, seed)
        held, answered = self._held(result, step, (prompt, length, *hows.values())), True
        for side, column in sides.items():
            with column:
                # One refusal is enough.
                answered = answered and self._answer(side, result, held, prompt, hows[side], length)
        st.caption(f"{self.words['talk']} {whose(result, held)}")

    def _held(self, result: Result, step: float | None, asked: tuple[object, ...]) -> float | None:
        """Of a net that trains on, its newest moment when this was asked: what is read must not change meanwhile."""
        newest = _newest(result)
        if newest is None or step not in (None, newest):
            return step
        key, question = self._key("held"), (result.snapshot.run.id, asked)
        if st.session_state.get(key, (None, None))[0] != question:
            st.session_state[key] = (question, newest)
        place = st.empty()  # so that what is below keeps its place
        if (held := st.session_state[key][1]) == newest:
            return newest
        label = f"Ask again: it is at epoch {newest:g} now"
        if place.button(label, icon=":material/refresh:", key=self._key("again")):
            st.session_state[key] = (question, newest)
            return newest
        return held if held in result.saved else newest

    def _settings(self, side: str, seed: int) -> Sampling:
        """Temperature and truncation of one side."""
        usual = SIDES[side]
        st.markdown(f"**{side}**")
        heat, few, mass = st.columns(3)
        temperature = heat.number_input(
            "Temperature", 0.0, 5.0, usual.temperature, 0.1, key=self._key(f"{side}:temperature")
        )
        top_k = few.number_input("Top-k (0: all)", 0, 200, usual.top_k, key=self._key(f"{side}:k"))
        top_p = mass.number_input("Top-p", 0.05, 1.0, usual.top_p, 0.05, key=self._key(f"{side}:p"))
        return Sampling(float(temperature), int(top_k), float(top_p), seed)

    def _answer(self, side: str, result: Result, step: float | None, prompt: str, how: Sampling, length: int) -> bool:
        """The text as it comes; then its cells, and the distribution of one of them. False where there is no text."""
        pieces = self._written(side, result, step, prompt, how, length)
        if not pieces:
            return False
        text, known = "".join(piece.text for piece in pieces), pieces[-1].known
        logits = np.concatenate([piece.logits for piece in pieces])
        before, after = softmax(logits.astype(np.float64)), how.probabilities(logits)
        codes = np.array([known.index(one) for one in text])
        chances, chart, key = after[np.arange(len(codes)), codes], self._key(f"cells {side}"), self._key(f"{side}:at")
        if clicked := newly_clicked(chart):
            place = figures.character_at(clicked.index, len(text))
            if place is not None:
                st.session_state[key] = place + 1
        st.session_state[key] = min(st.session_state.get(key, 1), len(text))
        at = int(st.number_input("Character, or click one below", 1, len(text), key=key)) - 1
        rows = -(-len(text) // figures.ACROSS)
        clickable(figures.text_cells(text, chances, at), chart, height=80 + 24 * rows, caption=self.words["cells"])
        bars = figures.distribution(before[at], after[at], known, int(codes[at]))
        plot(bars, self._key(f"bars {side}"), height=240, caption=self.words["bars"])
        return True

    def _written(
        self, name: str, result: Result, step: float | None, prompt: str, how: Sampling, length: int
    ) -> list[Piece]:
        """An answer as it comes, in turns: between them other parts of the page are served, a Stop for one."""
        key, asked = self._key(f"{name}:pieces"), (result.snapshot.run.id, result.origin, step, prompt, how, length)
        before, pieces = st.session_state.get(key, (None, []))
        pieces = list(pieces) if before == asked else []
        place, began = st.empty(), time.monotonic()
        text = "".join(piece.text for piece in pieces)
        if text:
            place.code(prompt + text, language=None, wrap_lines=True)
        for piece in streamed(self._asking(result, step), prompt, how, length, text):
            pieces.append(piece)
            st.session_state[key] = (asked, tuple(pieces))
            text += piece.text
            place.code(prompt + text, language=None, wrap_lines=True)  # never Markdown: a net may write anything
            if time.monotonic() - began > TURN_SECONDS and len(text) < length:
                give_way()
                if result.origin == "live":
                    break  # the whole page is being drawn: it goes on when this part polls
        return pieces

    def attention(self, result: Result, step: float | None) -> None:
        """What every head takes from the characters before one, and one head's whole map."""
        text = self._typed("Text", "the king helps clara. the kin", result, st, max_chars=ATTENTION_LENGTH, help=READS)
        if (found := ask(self.experiment, result, "attention", step=step, text=text)) is None:
            return
        shown, weights = "".join(map(chr, found["text"].tolist())), found["weights"]
        if len(shown) < len(text):
            st.caption(f"The first {len(shown)} of {len(text)} characters: it was trained on blocks of that length.")
        names, rows, cells = figures.heads_of(weights), self._key("all heads"), self._key("one head")
        places, heads = self._key(f"{ASKING}:{len(shown)}"), self._key(f"{HEAD}:{len(names)}")
        if clicked := newly_clicked(rows):
            self._choose(places, clicked.index[-1] + 1, len(shown))
            st.session_state[heads] = names[min(clicked.index[0], len(names) - 1)]
        if clicked := newly_clicked(cells):
            self._choose(places, clicked.index[0] + 1, len(shown))
        who, which = st.columns(2)
        st.session_state.setdefault(places, len(shown))
        asking = int(who.number_input("Who asks: character, or click one", 1, len(shown), key=places)) - 1
        head = names.index(which.selectbox("Head", names, key=heads))
        height = 90 + 24 * len(names)
        clickable(figures.all_heads(shown, weights, asking), rows, height=height, caption=self.words["heads"])
        layer, one = divmod(head, weights.shape[1])
        figure = figures.one_head(shown, weights[layer, one], asking)
        clickable(figure, cells, height=120 + 16 * len(shown), caption=self.words["map"])
        st.caption(whose(result))

    def distances(self, result: Result, step: float | None) -> None:
        """Attention by distance, in the mean over held-out text."""
        if found := ask(self.experiment, result, "distances", step=step):
            figure = figures.by_distance(found["attention"], found["even"])
            plot(figure, self._key("by distance"), height=360, caption=self.words["distances"])
            st.caption(f"{found['count']} blocks of held-out text. {whose(result)}")

    def order(self, result: Result, step: float | None) -> None:
        """What permuting the text before changes, of fresh nets and of this one."""
        if found := ask(self.experiment, result, "order", step=step):
            positions = str(result.snapshot.run.config["positions"])
            st.table(figures.order_rows(found, positions), hide_index=True)
            st.caption(f"{self.words['order']} {found['count']} changed texts. {whose(result)}")

    def _typed(self, label: str, usual: str, result: Result, place: Any, **more: Any) -> str:
        """A text field; of a text of one's own it begins empty, for its characters may be others than the usual."""
        own = result.snapshot.run.config["corpus"] == "file"
        key = self._key(f"{label.lower()}{':own' if own else ''}")
        return str(place.text_input(label, "" if own else usual, key=key, **more))

    def _asking(self, result: Result, step: float | None) -> Any:
        def query(**arguments: Any) -> Mapping[str, Any] | None:
            return ask(self.experiment, result, "say", step=step, quiet=True, **arguments)

        return query

    def _choose(self, key: str, place: int, length: int) -> None:
        st.session_state[key] = min(max(place, 1), length)

    def _key(self, name: str) -> str:
        return f"{self.experiment.key}:{name}"


def _newest(result: Result) -> float | None:
    """Of a live run its newest moment, so that the pieces of an answer are one net's."""
    return result.saved[-1] if result.origin == "live" and result.saved else None


def whose(result: Result, step: float | None = None) -> str:
    """Which net has answered, and of a moment of its training, which."""
    return f"Net: first seed{'' if step is None else f', epoch {step:g}'}; {result.label}."
