// A figure as HTML tables, for readers and screen readers.

const MOST_ROWS = 500;
const MOST_COLUMNS = 64;

export function make(tag, name, attributes = {}) {
  const element = document.createElement(tag);
  element.className = name;
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  return element;
}

export const titleText = (title) => (typeof title === "string" ? title : title?.text) ?? "";

export const plain = (text) => String(text).replace(/<br\s*\/?>/gi, " ").replace(/<[^>]*>/g, "").trim();

const isList = (value) => Array.isArray(value) || ArrayBuffer.isView(value);

/** Four significant digits; whole numbers and words as they are; a dash for a gap. */
function rounded(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (typeof value !== "number") return plain(value);
  return Number.isInteger(value) && Math.abs(value) < 1e15 ? String(value) : String(Number(value.toPrecision(4)));
}

export function fillTable(place, figure) {
  const scroll = [place.scrollLeft, place.scrollTop];
  const traces = figure.data.filter((trace) => trace.visible !== false && trace.hoverinfo !== "skip");
  const grids = traces.filter((trace) => isList(trace.z?.[0])).map((trace) => gridTable(trace, figure.layout));
  const lines = traces.filter((trace) => isList(trace.y) && !isList(trace.z?.[0])).flatMap(bySeed);
  const others = traces.filter((trace) => !isList(trace.z?.[0]) && !isList(trace.y));
  const tables = [...grids, ...(lines.length ? [lineTable(lines, figure.layout)] : []), ...others.map(columnTable)];
  place.replaceChildren(...tables.flatMap(tableElements));
  if (!tables.length) place.textContent = "Nothing to show yet.";
  [place.scrollLeft, place.scrollTop] = scroll;
}

/** One trace for each seed where one trace draws many seeds, divided by gaps (core/figures/curves.py). */
function bySeed(trace) {
  if (trace.meta?.role !== "seeds" || !isList(trace.customdata)) return [trace];
  return [...new Set(trace.customdata)].map((seed) => {
    const own = Array.from(trace.y, (_, i) => i).filter((i) => trace.customdata[i] === seed && !Number.isNaN(trace.x[i]) && trace.x[i] !== null);
    return { name: `${trace.name}, seed ${seed}`, x: own.map((i) => trace.x[i]), y: own.map((i) => trace.y[i]) };
  });
}

/** " ± 0.4" where a point knows its spread: error bars, or the standard deviation that a mean carries. */
function spread(trace, i) {
  if (isList(trace.error_y?.array)) return ` ± ${rounded(trace.error_y.array[i])}`;
  const [std, count] = trace.meta?.role === "mean" ? (trace.customdata?.[i] ?? []) : [];
  return count > 1 ? ` ± ${rounded(std)}` : "";
}

/** A heatmap: its rows and columns as they are. */
function gridTable(trace, layout) {
  const across = trace.x ?? Array.from(trace.z[0], (_, i) => i);
  const down = trace.y ?? Array.from(trace.z, (_, i) => i);
  const axis = (letter) => plain(titleText(layout[`${letter}axis${(trace[`${letter}axis`] ?? letter).slice(1)}`]?.title)) || letter;
  const cell = (value) => (isList(value) ? Array.from(value).join(", ") : value);
  const rows = Array.from(trace.z, (row, i) => [down[i], ...Array.from(row, cell)]);
  return { name: plain(trace.name ?? ""), head: [`${axis("y")} \\ ${axis("x")}`, ...across], rows };
}

/** Curves and bars: one row for each x where they share their x values, else one row for each point. */
function lineTable(traces, layout) {
  const xName = plain(titleText(layout.xaxis?.title)) || "x";
  const yName = plain(titleText(layout.yaxis?.title)) || "y";
  const nameOf = (trace, i) => plain(trace.name ?? "") || (traces.length === 1 ? yName : `series ${i + 1}`);
  const xOf = (trace) => (isList(trace.x) ? trace.x : Array.from(trace.y, (_, i) => i));
  const longest = Math.max(...traces.map((trace) => trace.y.length));
  const byX = new Map();
  traces.forEach((trace, column) => Array.from(xOf(trace), (x, i) => {
    if (!byX.has(x)) byX.set(x, Array(traces.length).fill(null));
    const cells = byX.get(x);
    cells[column] ??= rounded(trace.y[i]) + spread(trace, i);
  }));
  if (byX.size <= 1.5 * longest && traces.every((trace) => new Set(xOf(trace)).size === trace.y.length)) {
    const rows = [...byX].map(([x, cells]) => [x, ...cells]);
    if (rows.every((row) => typeof row[0] === "number")) rows.sort((a, b) => a[0] - b[0]);
    return { name: "", head: [xName, ...traces.map(nameOf)], rows };
  }
  const rows = traces.flatMap((trace, i) => Array.from(xOf(trace), (x, at) => [nameOf(trace, i), x, rounded(trace.y[at]) + spread(trace, at)]));
  return { name: "", head: ["series", xName, yName], rows };
}

/** Anything else: its lists, side by side. */
function columnTable(trace) {
  const head = ["labels", "values", "x", "theta", "r", "z", "text"].filter((name) => isList(trace[name]));
  const length = Math.max(0, ...head.map((name) => trace[name].length));
  return { name: plain(trace.name ?? ""), head, rows: Array.from({ length }, (_, i) => head.map((name) => trace[name][i])) };
}

function tableElements({ name, head, rows }) {
  const table = make("table", "");
  if (name) table.createCaption().textContent = name;
  const cells = (values, tag, scope) => values.slice(0, MOST_COLUMNS + 1).map((value, i) => {
    const cell = make(i === 0 ? "th" : tag, "", i === 0 || tag === "th" ? { scope: i === 0 ? scope : "col" } : {});
    cell.textContent = rounded(value);
    return cell;
  });
  table.createTHead().insertRow().append(...cells([...head], "th", "col"));
  const body = table.createTBody();
  for (const row of rows.slice(0, MOST_ROWS)) body.insertRow().append(...cells(row, "td", "row"));
  const left = [];
  if (rows.length > MOST_ROWS) left.push(`the first ${MOST_ROWS} of ${rows.length} rows`);
  if (head.length > MOST_COLUMNS + 1) left.push(`the first ${MOST_COLUMNS} of ${head.length - 1} columns`);
  if (!left.length) return [table];
  const line = make("p", "note");
  line.textContent = `Shown: ${left.join(" and ")}.`;
  return [table, line];
}
