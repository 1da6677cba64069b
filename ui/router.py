"""The script behind every page: its frame, its navigation, then the page itself."""

from __future__ import annotations

import streamlit as st

from ui import theme
from ui.labs import ROOT, labs

home = st.Page(ROOT / "pages" / "home.py", title="Labs", default=True, help="All labs, each with its question.")
runs = st.Page(ROOT / "pages" / "runs.py", title="Runs", url_path="runs", help="All stored runs, to find and compare.")
page = st.navigation([home, runs, *(lab.link() for lab in labs())], position="top")  # what does not fit is folded
name = "LayerLab" if page is home else f"{page.title} · LayerLab"
st.set_page_config(page_title=name, page_icon=str(ROOT / "assets" / "icon.svg"), layout="wide")
theme.apply()
page.run()
