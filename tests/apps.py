"""Pages under AppTest: what every test of one does."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def ran(app: AppTest) -> AppTest:
    """Run it; an exception on the page fails the test."""
    app.run()
    assert not app.exception, [(one.message, one.stack_trace) for one in app.exception]
    return app


def link(app: AppTest) -> dict[str, str]:
    """The fields of its address."""
    return {name: value[0] if isinstance(value, list) else value for name, value in app.query_params.items()}
