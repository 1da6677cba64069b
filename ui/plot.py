"""The one chart of every page: a plotly figure that is updated in place, with zoom kept and a small toolbar of its own.

A components-v2 component over `Plotly.react`. What travels with every message is a shim of a few lines and the figure;
the component's code (assets/plot.js, assets/plot.css) and the plotly library, taken from the installed plotly package,
come once through `asset_routes()` under addresses that change with their content, so a browser keeps them for good.

Colours of text, grid and background follow Streamlit's theme in the browser, so the figure's template is left out.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import plotly.graph_objects as go
import streamlit as st
from plotly.offline import get_plotlyjs_version
from plotly.utils import PlotlyJSONEncoder
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.export.page import Drawing

ASSETS = Path(__file__).resolve().parent.parent / "assets"
_DRAWN = "figures on this page"
_FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Asset:
    """A file served under an address that names its content. body and packed (gzip) are the same bytes."""

    url: str
    media_type: str
    tag: str
    body: bytes
    packed: bytes


@cache
def assets() -> dict[str, Asset]:
    """The library, code and styles of this component and of the canvas (ui/picture.py), by file name; read once."""
    own = {path.name: path.read_bytes() for kind in ("plot*.*", "canvas.*") for path in sorted(ASSETS.glob(kind))}
    folder = _digest(b"".join(own.values()))  # one folder for all: the modules import one another by relative address
    library = files("plotly").joinpath("package_data/plotly.min.js").read_bytes()
    made = {name: _asset(f"{folder}/{name}", body) for name, body in own.items()}
    return {**made, "plotly.js": _asset(f"plotly-{get_plotlyjs_version()}-{_digest(library)}.js", library)}


def asset_routes() -> list[Route]:
    """The routes that `st.App` must serve for `plot` to work."""
    return [Route(asset.url, _answer(asset), methods=["GET", "HEAD"]) for asset in assets().values()]


def preload_links() -> dict[str, str]:
    """Value of the `Link` header by page: lab pages fetch the library at once, the home page when it is idle."""
    library = assets()["plotly.js"].url
    modules = [asset.url for name, asset in assets().items() if name.startswith("plot") and asset.url != library]
    code = [f"<{url}>; rel=modulepreload" for url in modules if url.endswith(".js")]
    return {"/": f"<{library}>; rel=prefetch", "*": ", ".join([f"<{library}>; rel=preload; as=script", *code])}


@dataclass(frozen=True)
class Point:
    """What was clicked: a point of a trace, both by their places. index: one number, or (row, column) of a matrix."""

    trace: int
    index: tuple[int, ...]


def plot(figure: go.Figure | str, key: str, *, height: int = 360, curves: bool = False, caption: str = "") -> None:
    """Show a figure, or update the one already shown under this key without drawing it anew.

    figure: itself, or as_json of it. key: unique on the page; the tools' state and the user's zoom belong to it.
    height: of the plotting area and its axes, in px. curves: offer a logarithmic y axis and smoothing. caption: a
    sentence shown below, and what a screen reader says of the figure (else the figure's title). Raises ValueError for
    a height under 80 px.
    """
    _show(figure, key, height, curves, caption, clicks=False)


def clickable(figure: go.Figure | str, key: str, *, height: int = 360, caption: str = "") -> Point | None:
    """The same for a figure whose points can be clicked, which runs the script again; the one that was clicked last.

    None before the first. It may be of an earlier figure with more points, and a browser may say anything: check the
    index. A keyboard does not reach points, so offer the same choice by another control beside it.
    """
    return as_point(_show(figure, key, height, False, caption, clicks=True))


def newly_clicked(key: str) -> Point | None:
    """The point of the chart of this key that was clicked since this was last asked.

    Ask before the chart and whatever follows it are drawn, so that they show the choice at once.
    """
    said = (st.session_state.get(key) or {}).get("clicked")  # clicks are numbered: the same point may come twice
    new = said if said != st.session_state.get(f"{key}:told") else None
    st.session_state[f"{key}:told"] = said
    return as_point(new)


def as_point(said: object) -> Point | None:
    """What a browser says was clicked; None for what is no point."""
    if not isinstance(said, dict):
        return None
    numbers = [said.get("trace"), *index] if isinstance(index := said.get("index"), list) else []
    if not 2 <= len(numbers) <= 3 or not all(type(one) is int and one >= 0 for one in numbers):
        return None
    return Point(numbers[0], tuple(numbers[1:]))


def _show(figure: go.Figure | str, key: str, height: int, curves: bool, caption: str, *, clicks: bool) -> object:
    if height < 80:
        raise ValueError(f"height must be at least 80 px; got {height}. Try height=360.")
    text = figure if isinstance(figure, str) else as_json(figure)
    if _DRAWN in st.session_state:
        st.session_state[_DRAWN][key] = Drawing(text, height, caption)
    data = {"figure": text, "key": key, "height": height, "curves": curves, "caption": caption}
    if not clicks:
        _component(key=key, data=data)
        return None
    return _component(key=key, data={**data, "clicks": True}, on_clicked_change=_nothing).clicked


def collect_figures() -> dict[str, Drawing]:
    """From now on in this session, what `plot` shows is also in here, by key and as shown last: to be taken away.

    Call it once a page run; a page's fragments go on filling what they filled before.
    """
    drawn: dict[str, Drawing] = {}
    st.session_state[_DRAWN] = drawn
    return drawn


def as_json(figure: go.Figure) -> str:
    """A figure as `plot` also takes it, and as it may be cached: arrays as base64, without its template.

    The template is kilobytes that the theme replaces.
    """
    spec = figure.to_dict()
    spec["layout"].pop("template", None)
    return json.dumps({"data": spec["data"], "layout": spec["layout"]}, cls=PlotlyJSONEncoder, separators=(",", ":"))


def _nothing() -> None:
    """With a callback for it, the component's state always holds what was clicked, None before the first."""


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:12]


def _asset(path: str, body: bytes) -> Asset:
    media_type = "text/css" if path.endswith(".css") else "text/javascript"
    return Asset(f"/layerlab/{path}", media_type, f'"{_digest(body)}"', body, gzip.compress(body, 6, mtime=0))


def _answer(asset: Asset) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        headers = {"Cache-Control": _FOREVER, "ETag": asset.tag, "Vary": "Accept-Encoding"}
        known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
        if asset.tag in known:
            return Response(status_code=304, headers=headers)
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(asset.body, media_type=asset.media_type, headers=headers)
        return Response(asset.packed, media_type=asset.media_type, headers={**headers, "Content-Encoding": "gzip"})

    return endpoint


def _shim() -> str:
    """The inline part: keep the room the figure will need, then hand over to the cached module."""
    urls = {name: asset.url for name, asset in assets().items()}
    return f"""
const urls = {json.dumps(urls)};
export default async function (component) {{
  component.parentElement.style.minHeight = component.data.height + 28 + "px"; // the tools' row is 28 px
  const at = (path) => new URL(path, location.origin).href;
  const code = await import(at(urls["plot.js"]));
  return code.render(component, at(urls["plotly.js"]), at(urls["plot.css"]));
}}
"""


_component = st.components.v2.component("layerlab_plot", js=_shim(), isolate_styles=False)
