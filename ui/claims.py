"""Claims of the sources as cards: the claim, the measurement that decides it, and what this very data says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.claims.evidence import AtOnce, Claim, Evidence, Finding, Word
from core.config import Config
from core.contract import Experiment, Topic
from ui.ask import ask
from ui.form import Settings
from ui.results import Result, recorded_for, result_for

LOOK: Mapping[Word, tuple[str, str]] = {  # icon and colour; the word stands beside them
    "supported": ("check_circle", "green"),
    "contradicted": ("cancel", "red"),
    "cannot tell": ("help", "gray"),
}
NEGATIVE = re.compile(r"(?<![\w.])-(?=\d)|(?<=\de)-(?=\d)")  # a hyphen before a number; a browser breaks lines at it


@dataclass
class OnThisServer:
    """The finished results that this server has; notes which it was asked for."""

    experiment: Experiment
    config: Config
    used: dict[str, Result]

    def scores(self, metric: str, **settings: object) -> Mapping[int, float]:
        """Seed -> value of a summary metric of the best result with the form's settings, some of them changed."""
        result = self._result(settings)
        return result.snapshot.summary([metric])[metric] if result else {}

    def scores_at(self, step: float, metric: str, **settings: object) -> Mapping[int, float]:
        """Seed -> its value at one step of training."""
        result = self._result(settings)
        return result.snapshot.at(step, metric) if result else {}

    def ask(self, query: str, **settings: object) -> Mapping[str, Any] | None:
        """What the net of the first seed of such a result answers."""
        result = self._result(settings)
        return ask(self.experiment, result, query) if result else None

    def _result(self, settings: Mapping[str, object]) -> Result | None:
        config = self.config.model_copy(update=settings)
        found = (result_for(self.experiment, config, live=False), recorded_for(self.experiment, config))
        # The one with most seeds decides: two of one's own must not take the place of three that are recorded.
        result = max((one for one in found if one), key=lambda one: len(one.snapshot.run.seeds), default=None)
        if result:
            self.used[result.snapshot.run.id] = result
        return result


def claims(topic: Topic, settings: Settings, made: Sequence[Claim]) -> None:
    """A card for each claim, two in a row. Of a demo all are decided at once: they need no stored run."""

    def evidence() -> Evidence:
        if isinstance(topic, Experiment):
            return OnThisServer(topic, settings.config, {})
        return AtOnce(settings.config)

    @st.fragment(key=f"{topic.key}:claims", parallel=True)
    def cards() -> None:
        for start in range(0, len(made), 2):
            for column, claim in zip(st.columns(2), made[start : start + 2], strict=False):
                with column.container(border=True, height="stretch"):
                    _card(claim, evidence())

    cards()


def _card(claim: Claim, evidence: Evidence) -> None:
    st.markdown(f"**“{claim.text}”**")
    st.caption(f"{claim.source[0].upper()}{claim.source[1:]}")
    finding: Finding = claim.decide(evidence)
    icon, colour = LOOK[finding.word]
    st.badge(finding.word, icon=f":material/{icon}:", color=colour)  # type: ignore[arg-type]
    st.markdown(NEGATIVE.sub("−", finding.because))
    used = evidence.used.values() if isinstance(evidence, OnThisServer) else ()
    origins = dict.fromkeys(result.label for result in used)
    st.caption(" ".join([f"Measured: {claim.measurement}", *(f"Data: {origin}." for origin in origins)]))
