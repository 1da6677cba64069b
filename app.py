"""The server: `streamlit run app.py`. Routes, headers, start-up and shut-down; the pages begin in ui/router.py."""

from __future__ import annotations

import asyncio
import gc
import importlib
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from core.engine.scheduler import shared
from ui.plot import asset_routes, preload_links
from ui.security import SecurityMiddleware


def warm_up() -> None:
    """Start the engine's workers, then load what every page needs."""
    shared()
    from core import catalog  # torch comes with it, two seconds that need not pass before the port is open

    catalog.experiments()
    importlib.import_module("ui.lab")  # and what pages need: plotly, scipy
    gc.collect()
    gc.freeze()  # what stays for good need not be looked at by every collection to come


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    """Warm up while the first page is being read; leave no process behind."""
    threading.Thread(target=warm_up, daemon=True).start()  # a daemon: Ctrl-C need not wait for an import to end
    yield
    await asyncio.to_thread(shared().shutdown)


app = st.App(
    Path(__file__).parent / "ui" / "router.py",
    routes=asset_routes(),
    middleware=[Middleware(SecurityMiddleware, preload=preload_links())],
    lifespan=lifespan,
)

if __name__ == "__main__":
    app.run()
