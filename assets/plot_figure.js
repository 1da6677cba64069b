// What Plotly is given: the figure as it came, with the toolbar's wishes and the page's theme worked in.

import { plain } from "./plot_table.js";

export const SMOOTHING = 0.7; // weight of the past in the moving average

const ARRAYS = {
  i1: Int8Array, u1: Uint8Array, u1c: Uint8ClampedArray, i2: Int16Array, u2: Uint16Array,
  i4: Int32Array, u4: Uint32Array, f4: Float32Array, f8: Float64Array,
};

/** Replace every {dtype, bdata, shape} by the array it stands for: typed where flat, rows of typed arrays where 2-D. */
export function decoded(value) {
  if (Array.isArray(value)) return value.map(decoded);
  if (value === null || typeof value !== "object") return value;
  if (typeof value.bdata !== "string") {
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, decoded(part)]));
  }
  const bytes = Uint8Array.from(atob(value.bdata), (letter) => letter.charCodeAt(0));
  const shape = value.shape === undefined ? [] : String(value.shape).split(",").map(Number);
  return folded(new ARRAYS[value.dtype](bytes.buffer), shape);
}

function folded(flat, shape) {
  if (shape.length < 2) return flat;
  const size = flat.length / shape[0];
  return Array.from({ length: shape[0] }, (_, i) => folded(flat.subarray(i * size, (i + 1) * size), shape.slice(1)));
}

/** A fresh copy of the figure as the toolbar wants it; Plotly writes into what it is given, so nothing is shared. */
export function composed(figure, { log, smooth }, colours) {
  const layout = structuredClone(figure.layout);
  if (layout.title && layout.margin?.t) layout.margin.t = Math.max(14, layout.margin.t - 26);
  delete layout.title; // it stands above the plot, where it wraps and a screen reader finds it
  const marked = figure.data.map((trace, i) => ({ ...trace, uid: trace.uid ?? `trace-${i}`, ...colourOf(trace, i, colours) }));
  const data = smooth ? marked.flatMap((trace, i) => smoothed(trace, marked[i + 1])) : marked;
  if (log) return logarithmic(data, layout);
  if (log === false && isLog(layout)) layout.yaxis = { ...layout.yaxis, type: "linear" };
  return { data, layout, note: "" };
}

/** Whether a figure comes with a log y axis; a chart of curves begins so, until the reader says otherwise. */
export const isLog = (layout) => layout.yaxis?.type === "log";

/** The colour a line would take by its place; said out loud, it keeps it when smoothing puts more lines before it. */
function colourOf(trace, place, colours) {
  if (!isLine(trace) || trace.line?.color || trace.marker?.color || !colours.length) return {};
  return { line: { ...trace.line, color: colours[place % colours.length] } };
}

const isLine = (trace) => ["scatter", "scattergl", undefined].includes(trace.type) && (trace.mode ?? "lines").includes("lines");

/** The trace, or its faint self behind its moving average. Bands and the lines of single seeds stay as they are. */
function smoothed(trace, next) {
  if (["seeds", "band"].includes(trace.meta?.role)) return [trace];
  const edge = (trace.fill ?? "none") !== "none" || (next?.fill ?? "").startsWith("tonext") || trace.line?.width === 0;
  if (!isLine(trace) || edge || !trace.y) return [trace];
  const legendgroup = trace.legendgroup ?? trace.uid;
  const raw = { ...trace, uid: `${trace.uid}-raw`, legendgroup, showlegend: false, opacity: 0.28 * (trace.opacity ?? 1) };
  const line = { ...trace, legendgroup, y: movingAverage(trace.y), mode: "lines", hoverinfo: "skip", hovertemplate: null };
  delete line.error_y;
  return [raw, line];
}

/** Exponential moving average without the bias of its start; gaps stay gaps. */
function movingAverage(values) {
  let sum = 0;
  let weight = 0;
  return Array.from(values, (value) => {
    if (value === null || !Number.isFinite(value)) return null;
    sum = SMOOTHING * sum + (1 - SMOOTHING) * value;
    weight = SMOOTHING * weight + (1 - SMOOTHING);
    return sum / weight;
  });
}

/** Log y axes. What is zero or less is drawn at the lower edge, says its true value on hover, and a note tells. */
function logarithmic(data, layout) {
  const isBand = (trace) => (trace.fill ?? "none") !== "none";
  const isMeasured = (trace) => !isBand(trace) || trace.meta?.edges === "range"; // mean − std is no value of any seed
  const drawn = data.filter((trace) => isCartesian(trace) && isMeasured(trace));
  const values = drawn.flatMap((trace) => Array.from(trace.y));
  const least = values.reduce((low, y) => (y > 0 && y < low ? y : low), Infinity);
  if (least === Infinity) return { data, layout, note: "No value is above zero, so a log axis has nothing to show." };
  const floor = least / 2;
  const most = values.reduce((high, y) => (y > high ? y : high), least);
  const nticks = most < 30 * least ? 3 : 5; // more, and a low chart gets every digit of a decade, or 1, 2, 5 of each
  const isLow = (y) => y !== null && y < floor;
  const lifted = data.map((trace) => {
    if (!isCartesian(trace) || !Array.from(trace.y).some(isLow)) return trace;
    return { ...trace, y: Array.from(trace.y, (y) => (isLow(y) ? floor : y)), ...truthfulHover(trace, isLow) };
  });
  for (const name of axesOf(data)) {
    const { range, dtick, tick0, rangemode, autorange, ...axis } = layout[name] ?? {};
    layout[name] = { ...axis, type: "log", uirevision: "log", tickformat: "~g", nticks };
  }
  for (const mark of layout.annotations ?? []) if (/^y\d*$/.test(mark.yref ?? "") && mark.y > 0) mark.y = Math.log10(mark.y);
  const clamped = values.some(isLow);
  return { data: lifted, layout, note: clamped ? "Values of 0 or less are drawn at the lower edge." : "" };
}

const isCartesian = (trace) => ["scatter", "scattergl", "bar", undefined].includes(trace.type) && trace.y !== undefined;

const axesOf = (data) => new Set(data.filter(isCartesian).map((trace) => `yaxis${(trace.yaxis ?? "y").slice(1)}`));

function truthfulHover(trace, isLow) {
  if (trace.hoverinfo === "skip") return {};
  const usual = typeof trace.hovertemplate === "string" ? trace.hovertemplate : "";
  const name = plain(trace.name ?? "");
  const instead = (y) => (usual ? usual.replace(/%\{y(:[^}]*)?\}/g, String(y)) : `(%{x}, ${y})<extra>${name}</extra>`);
  return { hovertemplate: Array.from(trace.y, (y) => (isLow(y) ? instead(y) : usual)) };
}

/** Axes that nothing stands on count nothing; words say why they are bare. */
export function sayEmpty(layout) {
  for (const axis of ["xaxis", "yaxis"]) layout[axis] = { ...layout[axis], showticklabels: false, showgrid: false, zeroline: false };
  layout.annotations = [{ text: "Nothing measured yet", showarrow: false, xref: "paper", yref: "paper", x: 0.5, y: 0.5, opacity: 0.6 }];
}

const TITLE_PX = 30;

/** A copy of what is drawn, to be saved: opaque, and with the title that stands above it on the page. */
export function titled(surface, title, theme) {
  const data = structuredClone(surface.data);
  const layout = structuredClone(surface.layout);
  const extra = title ? TITLE_PX : 0;
  Object.assign(layout, { paper_bgcolor: theme.background, plot_bgcolor: theme.background });
  layout.margin = { ...layout.margin, t: (layout.margin?.t ?? layout.template?.layout.margin.t ?? 14) + extra };
  if (title) {
    layout.title = { text: title, x: 0.01, xanchor: "left", y: 1, yref: "container", yanchor: "top", pad: { t: 10 }, font: { size: 15 } };
  }
  return { data, layout, extra };
}

const canvas = document.createElement("canvas").getContext("2d");

export function themeOf(element) {
  const style = getComputedStyle(element);
  const read = (name) => style.getPropertyValue(`--st-${name}`).trim();
  return {
    text: read("text-color"),
    background: read("background-color"),
    border: read("border-color"),
    font: read("font") || style.fontFamily,
    scale: (parseFloat(getComputedStyle(document.documentElement).fontSize) || 16) / 16, // a presented page is larger
    colours: read("chart-categorical-colors").split(",").filter(Boolean),
  };
}

/** Any CSS colour with this opacity, as rgba(), which Plotly reads. */
function faded(colour, opacity) {
  canvas.fillStyle = colour;
  const hex = canvas.fillStyle;
  if (!hex.startsWith("#")) return hex;
  return `rgba(${[1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)).join(",")},${opacity})`;
}

export function template(theme, curves) {
  const clear = "rgba(0,0,0,0)";
  const size = (px) => px * theme.scale;
  const grid = faded(theme.text, 0.1);
  const axis = {
    gridcolor: grid, zerolinecolor: faded(theme.text, 0.22), linecolor: faded(theme.text, 0.3), zerolinewidth: 1,
    tickcolor: clear, tickfont: { color: faded(theme.text, 0.75), size: size(12) }, automargin: true, title: { standoff: 8, font: { size: size(13) } },
  };
  const colorbar = { thickness: 12, outlinewidth: 0, tickfont: { size: size(11) } };
  const layout = {
    font: { family: theme.font, size: size(13), color: theme.text },
    paper_bgcolor: clear, plot_bgcolor: clear, colorway: theme.colours.length ? theme.colours : undefined,
    margin: { t: 14, r: 14, b: 44, l: 52 }, xaxis: axis, yaxis: axis,
    hovermode: curves ? "x unified" : "closest",
    hoverlabel: { bgcolor: theme.background, bordercolor: theme.border, font: { family: theme.font, size: size(12.5), color: theme.text } },
    legend: { bgcolor: clear, font: { size: size(12.5) } }, coloraxis: { colorbar },
    modebar: { bgcolor: clear, color: faded(theme.text, 0.45), activecolor: theme.text },
    annotationdefaults: { font: { color: theme.text } },
    polar: { bgcolor: clear, radialaxis: { gridcolor: grid }, angularaxis: { gridcolor: grid } },
  };
  return { layout, data: { heatmap: [{ colorbar }], contour: [{ colorbar }] } };
}
