// A figure on a phone: legend and colour bar under the plot, panels side by side with one title and few ticks.

import { plain, titleText } from "./plot_table.js";

const BAR_PX = 64; // a colour bar lying under the plot, with its title and ticks
const GAP_PX = 14; // between panels, so that "100" and the next panel's "0" stand apart
const HEADING_PX = 30;
const BELOW_AXIS_PX = 42; // where ticks and title of an x axis end

/** Legend under the plot, over the full width; a thumb scrolls the page instead of zooming. scale: of the type. */
export function fitNarrow(data, layout, width, scale) {
  layout.dragmode = false;
  layout.margin = { ...layout.margin, r: 8 };
  const named = data.filter((trace) => trace.name && trace.showlegend !== false && !["image", "heatmap"].includes(trace.type));
  const legend = layout.showlegend ?? named.length > 1;
  const bar = legend ? null : layBar(data, layout, scale);
  fitPanels(data, layout, width);
  if (bar) bar.y = -BELOW_AXIS_PX * scale / (layout.height - (layout.margin.t ?? 14) - layout.margin.b);
  if (!legend || !named.length) return;
  if (!layout.annotations?.length) layout.margin.t = 14; // no legend above, so no room for it
  const widest = Math.max(...named.map((trace) => 52 + 7 * scale * plain(trace.name).length), 60);
  const rows = Math.ceil(named.length / Math.max(1, Math.floor((width - 16) / widest)));
  layout.height += 20 * scale * rows + 12;
  layout.legend = { ...layout.legend, orientation: "h", x: 0, xanchor: "left", xref: "container", y: 0, yanchor: "bottom", yref: "container" };
}

/** A colour bar that stands beside the plot is laid under it; returns it, or null. */
function layBar(data, layout, scale) {
  const holders = [layout.coloraxis, ...data].filter((one) => one?.colorbar && one.colorbar.orientation !== "h" && one.showscale !== false);
  if (holders.length !== 1) return null;
  const [holder] = holders;
  const title = { ...holder.colorbar.title, text: titleText(holder.colorbar.title), side: "top" };
  holder.colorbar = { ...holder.colorbar, orientation: "h", x: 0.5, xanchor: "center", len: 0.9, yanchor: "top", title };
  layout.margin = { ...layout.margin, b: Math.max(layout.margin.b ?? 44, 44) + BAR_PX * scale };
  layout.height += BAR_PX * scale;
  return holder.colorbar;
}

/** Panels side by side: titles that repeat are said once, only the leftmost keep row numbers, no height is left empty. */
function fitPanels(data, layout, width) {
  const across = Object.keys(layout).filter((name) => /^xaxis\d*$/.test(name) && layout[name].domain);
  const columns = new Set(across.map((name) => layout[name].domain[0])).size;
  if (columns < 2) return;
  const inner = width - (layout.margin.l ?? 52) - 8;
  const rows = new Set(across.map((name) => String(downOf(layout, name)?.domain))).size;
  for (const name of across) {
    const [from, to] = layout[name].domain;
    layout[name] = { ...layout[name], domain: [from, to - GAP_PX / inner], nticks: 4 };
    const down = downOf(layout, name);
    if (from > 0.01 && down && !titleText(down.title)) down.showticklabels = false;
  }
  if (rows === 1) sayOnce(layout, across);
  if (across.every((name) => squareOf(data, layout, name))) trimHeight(layout, across, inner, rows);
}

const downOf = (layout, name) => layout[`yaxis${String(layout[name].anchor ?? "y").slice(1)}`];

/** Whether a panel's cells are square, so that its width says its height. */
function squareOf(data, layout, name) {
  const id = `x${name.slice(5)}`;
  return Boolean(downOf(layout, name)?.scaleanchor) || data.some((trace) => trace.type === "image" && (trace.xaxis ?? "x") === id);
}

function sayOnce(layout, across) {
  const titles = across.map((name) => titleText(layout[name].title));
  if (!titles[0] || new Set(titles).size > 1) return;
  layout.margin = { ...layout.margin, b: Math.max(layout.margin.b ?? 44, 44) };
  for (const name of across) layout[name].title = { text: "" };
  const place = { xref: "paper", x: 0.5, xanchor: "center", yref: "paper", y: 0, yanchor: "top", yshift: -24 };
  layout.annotations = [...(layout.annotations ?? []), { text: titles[0], showarrow: false, ...place }];
}

function trimHeight(layout, across, inner, rows) {
  const span = (range) => Math.abs(range[1] - range[0]);
  const heights = across.map((name) => {
    const { domain, range } = layout[name];
    const down = downOf(layout, name)?.range;
    return inner * (domain[1] - domain[0]) * (range && down ? span(down) / span(range) : 1);
  });
  const margins = (layout.margin.t ?? 14) + (layout.margin.b ?? 44);
  layout.height = Math.min(layout.height, rows * (Math.max(...heights) + HEADING_PX) + margins);
}
