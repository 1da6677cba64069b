"""A server with nothing but the field for pictures: what tests/browser/test_picture.py drives."""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from ui.plot import asset_routes
from ui.security import SecurityMiddleware

app = st.App(
    Path(__file__).parent / "picture_script.py", routes=asset_routes(), middleware=[Middleware(SecurityMiddleware)]
)
