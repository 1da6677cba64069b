"""The server: `streamlit run app.py`. Routes, headers, start-up and shut-down; the pages begin in ui/router.py."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from ui.plot import asset_routes, preload_links
from ui.security import SecurityMiddleware


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    """Warm the engine's workers while the first page is being read; leave no process behind."""
    yield


app = st.App(
    Path(__file__).parent / "ui" / "router.py",
    routes=asset_routes(),
    middleware=[Middleware(SecurityMiddleware, preload=preload_links())],
    lifespan=lifespan,
)

if __name__ == "__main__":
    app.run()
