"""All stored runs: find some, compare their curves, note something, delete with undo."""

from __future__ import annotations

import streamlit as st

from core.engine.listing import Wanted
from ui import keeping
from ui.labs import labs
from ui.picking import choose, chosen, clear_filters, filters, pick
from ui.runs import compare

st.title("Runs", anchor=False)
st.markdown("Every run stored on this machine. Tick some to lay their curves over one another, or to note something.")
keeping.undo()
wanted = filters()
total = pick(wanted)
entries = chosen()
if total:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{total:,} run{'s' * (total != 1)}, {len(entries)} chosen.")
        if entries:
            st.button("Choose none", on_click=choose, args=([],), type="tertiary")
elif wanted == Wanted(order=wanted.order):
    st.info("Nothing is stored yet. Open a lab and press Run: every run appears here.")
    for lab in labs():
        st.page_link(lab.link(), icon=":material/science:")
else:
    st.info("No run matches all filters.")
    st.button("Clear all filters", on_click=clear_filters)
keeping.said()
if entries:
    compare([entry.run for entry in entries])
    keeping.manage(entries)
st.divider()
keeping.storage()
keeping.administration()
