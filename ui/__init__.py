"""Streamlit pieces shared by the pages: no maths, no torch."""
