"""The chart component in a real browser: updated in place, zoom kept, its tools, its theme."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visit, serving
from ui.plot import assets

APP = Path(__file__).parent / "apps" / "plot_app.py"
POINTS = "chart => chart.data[0].x.length"
RANGE = "chart => chart._fullLayout.xaxis.range.map(edge => Math.round(edge * 1000))"
BRIGHTNESS = """chart => {
  const text = chart.querySelector('.xtick text');
  return getComputedStyle(text).fill.match(/[\\d.]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part) / 3, 0);
}"""


@pytest.fixture(scope="module")
def plots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(APP, tmp_path_factory.mktemp("plots")) as url:
        yield url


def chart(page: Page, name: str) -> Locator:
    """A chart by its place in tests/browser/apps/plot_script.py."""
    return page.locator(".layerlab-plot").nth(("curves", "live", "heat", "empty", "matrix").index(name))


def surface(page: Page, name: str) -> Locator:
    found = chart(page, name).locator(".surface")
    expect(found.locator(".main-svg").first).to_be_visible()
    return found


def opened(visit: Visit, url: str, **options: object) -> Page:
    page = visit(url, wait_for=".layerlab-plot .main-svg", **options)
    expect(page.locator(".layerlab-plot:has(.main-svg)")).to_have_count(5)  # all, so that each has its place
    return page


def until(page: Page, found: Locator, condition: str) -> None:
    page.wait_for_function(f"chart => ({condition})(chart)", arg=found.element_handle())


def drag_across(page: Page, found: Locator) -> None:
    box = found.locator(".nsewdrag").first.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.25, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, y, steps=5)
    page.mouse.up()


def test_new_data_arrive_in_the_same_node_and_the_zoom_is_kept(visit: Visit, plots: str) -> None:
    page = opened(visit, plots)
    found = surface(page, "curves")
    assert found.evaluate(POINTS) == 40
    whole = found.evaluate(RANGE)
    found.evaluate("chart => { chart.marked = true; }")
    drag_across(page, found)
    until(page, found, f"chart => JSON.stringify(({RANGE})(chart)) !== '{whole}'.replaceAll(' ', '')")
    zoomed = found.evaluate(RANGE)
    page.get_by_role("button", name="More points").click()
    until(page, found, f"chart => ({POINTS})(chart) === 50")
    assert found.evaluate(RANGE) == zoomed
    assert found.evaluate("chart => chart.marked") is True


def test_unchanged_data_draw_nothing(visit: Visit, plots: str) -> None:
    page = opened(visit, plots)
    found = surface(page, "curves")
    found.evaluate("chart => { chart.draws = 0; chart.on('plotly_afterplot', () => { chart.draws += 1; }); }")
    page.get_by_role("button", name="Nothing new").click()
    expect(page.get_by_text("1 times nothing new")).to_be_visible()
    page.get_by_role("button", name="More points").click()
    until(page, found, f"chart => ({POINTS})(chart) === 50")
    assert found.evaluate("chart => chart.draws") == 1  # the one of the new points


def test_hover_stays_and_tells_the_newest_value_while_data_arrive(visit: Visit, plots: str) -> None:
    page = opened(visit, plots)
    found = surface(page, "live")
    surface(page, "heat")  # the last one has come, so nothing moves any more
    found.locator(".nsewdrag").hover()
    label = found.locator(".hoverlayer .legend")
    expect(label).to_be_visible()
    texts = set()
    for _ in range(3):
        first = found.evaluate("chart => chart.data[0].y[20]")
        until(page, found, f"chart => chart.data[0].y[20] !== {first}")
        expect(label).to_be_visible()
        texts.add(label.text_content())
    assert len(texts) > 1


def test_log_axis_lifts_zeros_and_says_so(visit: Visit, plots: str) -> None:
    page = opened(visit, plots)
    found = surface(page, "curves")
    button = chart(page, "curves").get_by_role("button", name="Log y axis")
    expect(button).to_have_attribute("aria-pressed", "false")
    button.click()
    until(page, found, "chart => chart._fullLayout.yaxis.type === 'log'")
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(chart(page, "curves").get_by_text("Values of 0 or less are drawn at the lower edge.")).to_be_visible()
    assert found.evaluate("chart => chart.data[0].y[0]") == pytest.approx(5.0)  # half the least value above zero
    assert "0" in found.evaluate("chart => chart.data[0].hovertemplate[0]")
    page.get_by_role("button", name="More points").click()
    until(page, found, f"chart => ({POINTS})(chart) === 50")
    assert found.evaluate("chart => chart._fullLayout.yaxis.type") == "log"
    button.click()
    until(page, found, "chart => chart._fullLayout.yaxis.type === 'linear'")
    assert found.evaluate("chart => chart.data[0].y[0]") == 0


def test_smoothing_draws_the_average_before_the_faint_line_in_the_same_colour(visit: Visit, plots: str) -> None:
    page = opened(visit, plots)
    found = surface(page, "curves")
    chart(page, "curves").get_by_role("button", name="Smooth").click()
    until(page, found, "chart => chart.data.length === 4")
    raw, smooth = found.evaluate("chart => chart.data.slice(0, 2).map(trace => Array.from(trace.y))")
    total = weight = 0.0
    for value, average in zip(raw, smooth, strict=True):
        total, weight = 0.7 * total + 0.3 * value, 0.7 * weight + 0.3
        assert average == pytest.approx(total / weight)
    colours = found.evaluate("chart => chart._fullData.map(trace => trace.line.color)")
    assert colours[0] == colours[1] != colours[2] == colours[3]
    assert found.evaluate("chart => chart._fullData[0].opacity < 0.5")


def test_every_chart_shows_as_a_table_and_back_by_keyboard(visit: Visit, plots: str) -> None:
    page = opened(visit, plots)
    button = chart(page, "curves").get_by_role("button", name="Show as table")
    button.focus()
    page.keyboard.press("Enter")
    table = chart(page, "curves").locator("table")
    expect(table.locator("thead th")).to_have_text(["Epoch", "fconv", "valid"])
    expect(table.locator("tbody tr").first.locator("th, td")).to_have_text(["0", "0", "10"])
    expect(table.locator("tbody tr")).to_have_count(40)
    page.get_by_role("button", name="More points").click()
    expect(table.locator("tbody tr")).to_have_count(50)
    button.focus()
    page.keyboard.press("Space")
    expect(surface(page, "curves")).to_be_visible()
    expect(table).to_be_hidden()


def test_a_heatmap_shows_as_a_table_of_rounded_numbers(visit: Visit, plots: str) -> None:
    page = opened(visit, plots)
    chart(page, "heat").get_by_role("button", name="Show as table").click()
    rows = chart(page, "heat").locator("table tr")
    expect(rows).to_have_count(65)
    expect(rows.nth(1).locator("th, td").nth(2)).to_have_text("0.1429")
    expect(rows.nth(0).locator("th").first).to_have_text("Row \\ Column")
    overflow = chart(page, "heat").locator(".table").evaluate("place => place.scrollWidth > place.clientWidth")
    assert overflow


def test_a_screen_reader_finds_a_named_figure(visit: Visit, plots: str) -> None:
    page = opened(visit, plots)
    expect(page.get_by_role("figure", name="Accuracy of two convolutions.")).to_be_visible()
    expect(page.get_by_role("figure", name="Activity by position")).to_be_visible()
    expect(page.get_by_role("button", name="Share chart")).to_have_count(0)


def test_a_change_of_theme_recolours_the_figure_in_place(visit: Visit, plots: str) -> None:
    page = opened(visit, plots)
    found = surface(page, "curves")
    found.evaluate("chart => { chart.marked = true; }")
    assert found.evaluate(BRIGHTNESS) < 100
    page.emulate_media(color_scheme="dark")
    until(page, found, f"chart => ({BRIGHTNESS})(chart) > 150")
    assert found.evaluate("chart => chart.marked") is True


def test_on_a_phone_the_legend_lies_below_and_nothing_overflows(visit: Visit, plots: str) -> None:
    page = opened(visit, plots, width=390)
    found = surface(page, "curves")
    legend, axes = found.locator(".legend").bounding_box(), found.locator(".nsewdrag").bounding_box()
    assert legend is not None
    assert axes is not None
    assert legend["y"] > axes["y"] + axes["height"]
    expect(found.locator(".modebar-btn")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_narrower_window_makes_a_narrower_figure(visit: Visit, plots: str) -> None:
    page = opened(visit, plots)
    found = surface(page, "heat")
    before = found.evaluate("chart => chart._fullLayout.width")
    page.set_viewport_size({"width": 500, "height": 900})
    until(page, found, f"chart => chart._fullLayout.width < {before} && chart._fullLayout.width <= 500")
    assert page.evaluate("document.documentElement.scrollWidth") <= 500


def test_a_chart_stays_when_a_call_that_a_newer_one_overtook_is_cleaned_up(visit: Visit, plots: str) -> None:
    page = opened(visit, plots)
    urls = [assets()[name].url for name in ("plot.js", "plotly.js", "plot.css")]
    left = page.evaluate(
        """async ([code, library, style]) => {
          const { render } = await import(code);
          const parentElement = document.body.appendChild(document.createElement("div"));
          const data = { figure: '{"data": [], "layout": {}}', key: "twice", height: 200, curves: false, caption: "" };
          const component = { parentElement, data, setStateValue() {} };
          const ends = await Promise.all([render(component, library, style), render(component, library, style)]);
          const left = [];
          for (const end of ends) {
            end();
            await new Promise((resume) => setTimeout(resume, 300)); // a chart that nobody shows goes after 100 ms
            left.push(parentElement.querySelectorAll(".layerlab-plot").length);
          }
          return left;
        }""",
        urls,
    )
    assert left == [1, 0]


def test_a_chart_that_goes_away_while_it_is_dragged_breaks_nothing(visit: Visit, plots: str) -> None:
    page = opened(visit, plots)
    area = surface(page, "heat").locator(".nsewdrag").first
    area.hover()
    page.mouse.down()
    page.mouse.move(400, 400, steps=3)
    page.get_by_role("button", name="Take the map away").evaluate("button => button.click()")
    expect(page.locator(".layerlab-plot")).to_have_count(4)
    page.mouse.move(500, 500, steps=3)
    page.mouse.up()  # errors fail the visit


def test_a_chart_without_data_says_so_instead_of_counting_from_minus_one(visit: Visit, plots: str) -> None:
    page = opened(visit, plots)
    found = surface(page, "empty")
    expect(found.get_by_text("Nothing measured yet")).to_be_visible()
    expect(found.locator(".xtick, .ytick")).to_have_count(0)


def test_a_clicked_cell_is_told_and_stays_chosen(visit: Visit, plots: str) -> None:
    page = opened(visit, plots)
    area = surface(page, "matrix").locator(".nsewdrag").first
    expect(page.get_by_text("Clicked: None")).to_be_visible()
    box = area.bounding_box()
    assert box is not None
    area.click(position={"x": box["width"] * 5 / 6, "y": box["height"] / 4})  # the last column, the upper row
    expect(page.get_by_text("Clicked: Point(trace=0, index=(1, 2))")).to_be_visible()
    page.get_by_role("button", name="Nothing new").click()
    expect(page.get_by_text("1 times nothing new")).to_be_visible()
    expect(page.get_by_text("Clicked: Point(trace=0, index=(1, 2))")).to_be_visible()


def test_a_click_is_told_also_before_plotly_has_looked_what_is_there(visit: Visit, plots: str) -> None:
    page = opened(visit, plots)
    found = surface(page, "matrix")
    expect(page.get_by_text("Clicked: None")).to_be_visible()
    found.scroll_into_view_if_needed()
    found.evaluate("""chart => {
      const area = chart.querySelector(".nsewdrag");
      const { left, top, width, height } = area.getBoundingClientRect();
      const place = { clientX: left + width / 6, clientY: top + height * 3 / 4, bubbles: true, buttons: 1 };
      area.dispatchEvent(new MouseEvent("mousemove", place)); // it looks, so it will not look again for a while
      delete chart._hoverdata; // as if nothing had been there
      area.dispatchEvent(new MouseEvent("mousedown", place));
      document.dispatchEvent(new MouseEvent("mouseup", place));
    }""")
    expect(page.get_by_text("Clicked: Point(trace=0, index=(0, 0))")).to_be_visible()
