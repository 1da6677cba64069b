"""A server with nothing but the chart component: what tests/browser/test_plot.py drives."""

from pathlib import Path

import streamlit as st

from ui.plot import asset_routes

app = st.App(Path(__file__).parent / "plot_script.py", routes=asset_routes())
