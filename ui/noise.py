"""Is it bigger than seed noise? Several results against one of them, corrected for being read together."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from core.statistics import compare, legible
from ui.results import Result


def noise(results: Mapping[str, Result | None], metric: str, *, key: str, unit: str = "points") -> None:
    """An expander with a choice of the result to hold the others against, and a plain sentence for each of them.

    results: name -> result, None for one that is not trained yet. key: unique on the page.
    """
    with st.expander("Is it bigger than seed noise?", icon=":material/balance:", key=key, on_change="rerun") as judged:
        if judged.open:
            _judge(results, metric, key, unit)


def _judge(results: Mapping[str, Result | None], metric: str, key: str, unit: str) -> None:
    values = {name: found for name, one in results.items() if one and (found := one.snapshot.summary([metric])[metric])}
    if len(values) < 2:
        st.caption("Two trained cells are needed to hold one against the other.")
        return
    reference = st.selectbox(f"{metric.capitalize()}: hold the others against", list(values), key=f"{key}:reference")
    others = [name for name in values if name != reference]
    found = {name: compare(values[reference], values[name], comparisons=len(others)) for name in others}
    st.table(
        [
            {
                "": name,
                f"difference ({unit})": legible(one.difference, sign="+"),
                "n": str(one.n),
                "seeds": "paired" if one.paired else "not paired",
                "Bigger than seed noise?": one.sentence,
            }
            for name, one in found.items()
        ],
        hide_index=True,
    )
    st.caption(
        f"Paired t test where both have the same seeds, else Welch's; level 5 % divided by the {len(others)} "
        "comparisons read together (Bonferroni); interval by bootstrap over seeds."
    )
