"""The look that .streamlit/config.toml cannot express: the logo, and a little CSS for width and cards."""

from __future__ import annotations

import re

import streamlit as st

from ui.address import PRESENT, leave, presenting
from ui.labs import ROOT

_CSS = """
<style>
/* Streamlit sets the colour scheme that decides between the two of a pair. */
:root { --layerlab-paper: PAPER; --layerlab-line: LINE; --layerlab-ink: INK; }
[data-testid="stCaptionContainer"] { /* Streamlit's own grey is too faint to read */
  opacity: 1 !important; color: color-mix(in srgb, var(--layerlab-ink) 75%, var(--layerlab-paper)) !important;
}
[role="tab"][aria-selected="true"] p, [data-variant="segmented_control"][aria-checked="true"] p { color: LINK; }
button[kind="primary"] kbd { color: inherit !important; opacity: 1 !important; }
[data-testid="stMainBlockContainer"] { max-width: 84rem; margin-inline: auto; }
[data-testid="stMainBlockContainer"] p { text-wrap-style: pretty; }
[data-testid="stSliderThumbValue"] { color: inherit !important; } /* its own colour is too faint on dark */
[data-testid="stMainBlockContainer"] h1 { letter-spacing: -0.015em; text-wrap-style: balance; padding-block: 0.25rem; }
@media (max-width: 640px) {
  [data-testid="stMainBlockContainer"] { padding-inline: 1rem; }
  [data-testid="stTable"] :is(td, th) { padding: 0.3rem 0.4rem; font-size: 0.8rem; }
  [data-testid="stTable"] td:not(:first-child) { min-width: 5rem; } /* scrolls sideways rather than grow in height */
  /* The run's buttons stay at hand while the knobs above or the figures below are on screen: one row, as icons. */
  .stHorizontalBlock[class*="-buttons"] {
    position: fixed; inset: auto 0 0 0; z-index: 90; width: 100%; gap: 0.5rem; justify-content: center;
    padding: 0.5rem 1rem calc(0.5rem + env(safe-area-inset-bottom));
    background: var(--layerlab-paper); border-top: 1px solid var(--layerlab-line);
  }
  .stHorizontalBlock[class*="-buttons"] {
    [class*="-main"] { flex: 1 1 0 !important; }
    [class*="-main"] :is(.stTooltipIcon, .stTooltipHoverTarget, button) { width: 100%; }
    button { min-width: 2.75rem; min-height: 2.75rem; }
    :is(kbd, .stElementContainer:not([class*="-main"]) .stButton .stMarkdownEllipsis) { /* still read out */
      position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
    }
  }
  [data-testid="stMainBlockContainer"]:has(.stHorizontalBlock[class*="-buttons"]) {
    padding-bottom: calc(8rem + env(safe-area-inset-bottom));
  }
}

/* A card: its link covers it, so all of it leads to the lab; the ring shows where the keyboard is. */
[class*="st-key-card-"] { position: relative; overflow: hidden; transition: border-color 120ms; }
[class*="st-key-card-"]:hover, [class*="st-key-card-"]:focus-within { border-color: #2f8f99 !important; }
[class*="st-key-card-"] [data-testid="stElementToolbar"] { display: none; }
[class*="st-key-card-"] img { width: 100%; border-radius: 6px; }
[class*="st-key-card-"] :has(> [data-testid="stPageLink"]) { position: static; }
[data-testid="stPageLink"]:is([class*="st-key-card-"] *),
[class*="st-key-card-"] [data-testid="stPageLink"] * { position: static; }
[class*="st-key-card-"] a { background: none; padding: 0; }
[class*="st-key-card-"] a :is(p, span, div) { white-space: normal; overflow: visible; }
[class*="st-key-card-"] a p { font-weight: 600; font-size: 1.15rem; line-height: 1.3; }
[class*="st-key-card-"] a::after { content: ""; position: absolute; inset: 0; z-index: 1; border-radius: inherit; }
[class*="st-key-card-"] a:focus-visible::after { outline: 2px solid #2f8f99; outline-offset: -3px; }

.layerlab-join { display: flex; flex-wrap: wrap; align-items: center; gap: 1.25rem; }
.layerlab-join img { width: 10rem; height: 10rem; border-radius: 8px; flex: none; }
.layerlab-join strong { display: block; font-size: 1.05rem; margin-bottom: 0.2rem; }
.layerlab-join code { overflow-wrap: anywhere; }
@media (prefers-reduced-motion: reduce) { [class*="st-key-card-"] { transition: none; } }
</style>
"""

# For a room: everything that is measured in rem grows (the charts follow, see assets/plot_figure.js), the chrome goes.
_PRESENT_CSS = """
<style>
html { font-size: 125% !important; }
[data-testid="stHeader"], [data-testid="stToolbar"], [data-testid="stStatusWidget"],
[data-testid="stWidgetLabel"] [data-testid="stTooltipIcon"], [class*="st-key-lessons"],
[class*="st-key-"]:is([class*="-keep-"], [class*="-tools"]) { display: none !important; }
[data-testid="stMainBlockContainer"] .stVerticalBlock { gap: 0.6rem; }
[data-testid="stMainBlockContainer"] { max-width: none; padding-block: 0.5rem 2rem; padding-inline: 1.5rem; }
[data-testid="stMainBlockContainer"] h1 { font-size: 1.6rem; padding-block: 0 0.25rem; margin-inline-end: 12rem; }
.st-key-leave-presenting { position: fixed; inset: 0.5rem 0.75rem auto auto; z-index: 95; width: auto !important; }
</style>
"""


def apply() -> None:
    """Put the logo and the styles on the page that is being drawn."""
    st.logo(str(ROOT / "assets" / "logo.svg"), size="large")
    pairs = {"PAPER": "backgroundColor", "LINE": "borderColor", "INK": "textColor", "LINK": "linkColor"}
    st.html(re.sub(r"\b(" + "|".join(pairs) + r")\b", lambda match: _pair(pairs[match[0]]), _CSS))
    if presenting():
        st.html(_PRESENT_CSS)
        icon = ":material/close_fullscreen:"
        st.button("Leave presenting", icon=icon, key="leave-presenting", on_click=leave, args=(PRESENT,))


def present_button() -> None:
    """Shows the page to a room: larger type, no chrome."""
    st.button("Present", icon=":material/present_to_all:", key="present", on_click=_present, type="tertiary")


def _present() -> None:
    st.query_params[PRESENT] = "1"


def _pair(colour: str) -> str:
    """A colour of .streamlit/config.toml for CSS outside Streamlit's own elements: its light and its dark form."""
    return f"light-dark({st.get_option(f'theme.light.{colour}')}, {st.get_option(f'theme.dark.{colour}')})"
