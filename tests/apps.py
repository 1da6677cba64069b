"""Pages under AppTest: what every test of one does."""

from __future__ import annotations

from functools import cache

from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from ui.labs import ROOT

ROUTER = ROOT / "ui" / "router.py"

# Every AppTest looks through all installed packages for components, which takes as long as a page; once is enough.
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)


def ran(app: AppTest) -> AppTest:
    """Run it; an exception on the page fails the test."""
    app.run()
    assert not app.exception, [(one.message, one.stack_trace) for one in app.exception]
    return app


def link(app: AppTest) -> dict[str, str]:
    """The fields of its address."""
    return {name: value[0] if isinstance(value, list) else value for name, value in app.query_params.items()}


def opened(page: str, **link: str) -> AppTest:
    """A page as its link opens it, through the router."""
    app = AppTest.from_file(str(ROUTER), default_timeout=120)
    ran(app)
    app.query_params.update(link)
    return visited(app, page)


def visited(app: AppTest, page: str) -> AppTest:
    """Go to a page, as its entry in the navigation does."""
    return ran(app.switch_page(f"../pages/{page}.py"))
