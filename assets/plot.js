// The chart component: one DOM node a chart, updated through Plotly.react, with a toolbar that outlives updates.
// Loaded once a page session (see ui/plot.py); render() is called for every new figure and every change of theme.
// What is scrolled far away is drawn when it comes near: a lab has a dozen charts, and the first ones should not wait.

import { SMOOTHING, composed, decoded, isLog, sayEmpty, template, themeOf, titled } from "./plot_figure.js";
import { fitNarrow } from "./plot_narrow.js";
import { fillTable, make, plain, titleText } from "./plot_table.js";

const NARROW_PX = 520; // below this width the legend goes under the plot and the modebar hides

const AHEAD = "800px 0px"; // how far from what is in sight a chart is drawn

const HEAD_PX = 28; // the tools' row, as in ui/plot.py

const charts = new WeakMap(); // mount point -> chart
const memory = new Map(); // key of a chart -> what its toolbar was set to, kept while the page session lasts
let library = null;
const OVERTAKEN_MS = 100; // after which a newer call has come, if there is one
const LOOK_MS = 70; // after which Plotly has looked for the point under the pointer
let clicks = 0; // on points, counted so that a second click on the same one is another

export async function render(component, libraryUrl, styleUrl) {
  const { parentElement: host, data } = component;
  linkStyle(styleUrl);
  if (!charts.has(host)) charts.set(host, new Chart(host, data.key));
  const chart = charts.get(host);
  const turn = ++chart.turn;
  chart.receive(data);
  chart.tell = (point) => component.setStateValue("clicked", point);
  try {
    chart.plotly = await loadPlotly(libraryUrl);
    chart.draw();
  } catch (error) {
    chart.say("The chart library did not arrive. Check the connection and reload the page.");
    console.error(error);
  }
  // Streamlit also cleans up after a call that a newer one overtook while it waited. The newer one, perhaps still on its
  // way, shows this very chart.
  const end = () => {
    if (turn !== chart.turn) return;
    chart.remove();
    charts.delete(host);
  };
  return () => setTimeout(end, OVERTAKEN_MS);
}

function linkStyle(url) {
  if (document.querySelector(`link[href="${url}"]`)) return;
  document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: url }));
}

function loadPlotly(url) {
  library ??= new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement("script"), { src: url });
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      library = null; // so that the next figure tries again
      reject(new Error(`could not load ${url}`));
    };
    document.head.append(script);
  });
  return library;
}

/** Which point: its trace and its place in it, both counted from 0 (of a smoothed line, as it came). */
function placeOf({ curveNumber, pointIndex, pointNumber }) {
  const place = pointIndex ?? pointNumber;
  return { trace: curveNumber, index: Array.isArray(place) ? [...place] : [place] };
}

class Chart {
  constructor(host, key) {
    this.key = key;
    this.host = host;
    this.turn = 0; // of the calls that brought it something to show
    this.dressed = this.drawn = ""; // the states that words and figure show
    this.near = false;
    this.root = make("div", "layerlab-plot");
    this.title = make("div", "title");
    this.bar = make("div", "tools", { role: "toolbar", "aria-label": "Chart tools" });
    this.figure = make("figure", "figure");
    this.surface = make("div", "surface");
    this.table = make("div", "table", { tabindex: "0", role: "region" });
    this.caption = make("figcaption", "caption");
    this.note = make("p", "note", { role: "status" });
    this.buttons = {
      log: this.button("log", "Log y", "Log y axis"),
      smooth: this.button("smooth", "Smooth", `Smooth the curves (moving average, weight ${SMOOTHING})`),
      table: this.button("table", "Table", "Show as table"),
    };
    this.picture = this.button("png", "PNG", "Save as PNG picture", () => this.save());
    const head = make("div", "head");
    head.append(this.title, this.bar);
    this.figure.append(this.surface, this.table, this.caption);
    this.root.append(head, this.figure, this.note);
    host.append(this.root);
    this.observer = new ResizeObserver(() => requestAnimationFrame(() => this.draw()));
    this.observer.observe(this.root);
    this.sight = new IntersectionObserver((seen) => this.come(seen.at(-1).isIntersecting), { rootMargin: AHEAD, scrollMargin: AHEAD });
    this.sight.observe(host);
    this.onPaper = () => this.come(true);
    window.addEventListener("beforeprint", this.onPaper);
  }

  come(near) {
    this.near = near;
    this.draw();
  }

  button(tool, text, label, act = () => this.toggle(tool)) {
    const button = make("button", "tool", { type: "button", "aria-label": label, title: label, "data-tool": tool });
    button.textContent = text;
    button.onclick = act;
    this.bar.append(button);
    return button;
  }

  toggle(tool) {
    this.tools[tool] = !this.tools[tool];
    this.draw();
  }

  /** The figure as it is on screen, zoom included, with its title and on the page's own background. */
  async save() {
    if (!this.surface.data) return;
    const { width, height } = this.surface._fullLayout;
    const figure = titled(this.surface, this.title.textContent, themeOf(this.root));
    try {
      await this.plotly.downloadImage(figure, { format: "png", filename: this.data.key, scale: 2, width, height: height + figure.extra });
    } catch (error) {
      this.say("This browser could not make the picture. A screenshot will do instead.");
      console.error(error);
    }
  }

  receive(data) {
    if (this.data?.figure !== data.figure) this.parsed = decoded(JSON.parse(data.figure));
    this.data = data;
    if (!memory.has(this.key)) memory.set(this.key, { log: isLog(this.parsed.layout), smooth: false, table: false });
    this.tools = memory.get(this.key);
  }

  say(text) {
    if (this.note.textContent !== text) this.note.textContent = text;
    this.note.hidden = !text;
  }

  /** Bring the page up to date; nothing happens where nothing changed. */
  draw() {
    const width = Math.floor(this.root.clientWidth);
    if (!width || !this.plotly || this.removed) return;
    if (this.surface._dragging) {
      this.released().then(() => this.draw()); // a redraw now would end the reader's drag
      return;
    }
    const { figure, height, curves, caption } = this.data;
    const theme = themeOf(this.root);
    const state = JSON.stringify([width, height, curves, caption, this.tools, theme]) + figure;
    if (this.dressed !== state) this.dress(curves, caption, height);
    this.dressed = state;
    if (this.drawn === state || !this.near) return this.keepRoom();
    this.drawn = state;
    if (this.tools.table) fillTable(this.table, this.parsed);
    else this.react(width, theme);
  }

  dress(curves, caption, height) {
    const { log, smooth, table } = this.tools;
    const title = plain(titleText(this.parsed.layout.title));
    this.title.textContent = title;
    this.caption.textContent = caption;
    this.caption.hidden = !caption;
    this.figure.setAttribute("aria-label", caption || title || "Chart");
    this.table.setAttribute("aria-label", `Table: ${caption || title || "chart data"}`);
    for (const [tool, on] of Object.entries({ log, smooth, table })) {
      this.buttons[tool].setAttribute("aria-pressed", String(on));
      this.buttons[tool].hidden = tool !== "table" && (!curves || table);
    }
    this.picture.hidden = table;
    this.root.classList.toggle("clicks", Boolean(this.data.clicks));
    this.surface.hidden = table;
    this.table.hidden = !table;
    this.table.style.maxHeight = `${height}px`;
    this.say("");
  }

  react(width, theme) {
    const narrow = width < NARROW_PX;
    const { data, layout, note } = composed(this.parsed, this.data.curves ? this.tools : {}, theme.colours);
    layout.template = template(theme, this.data.curves);
    if (!data.length && !layout.images && !layout.annotations) sayEmpty(layout);
    layout.width = width;
    layout.height = this.data.height;
    layout.uirevision ??= "kept";
    layout.clickanywhere = Boolean(this.data.clicks); // also a click before Plotly has looked what is there
    if (narrow) fitNarrow(data, layout, width, theme.scale);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) delete layout.transition;
    this.say(note);
    this.room = layout.height + HEAD_PX;
    this.keepRoom();
    const config = {
      displaylogo: false,
      displayModeBar: narrow ? false : "hover",
      showSendToCloud: false,
      plotlyServerURL: "", // a figure never leaves this server
      modeBarButtonsToRemove: ["sendChartToCloud", "toImage", "lasso2d", "select2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
      doubleClick: "reset",
    };
    const drawing = this.plotly.react(this.surface, data, layout, config).then(() => this.hoverAgain());
    this.drawing = Promise.all([this.drawing, drawing.catch(console.error)]);
    this.listen();
  }

  /** As high as the figure came out: on a phone, panels side by side are less high than on a wide screen. */
  keepRoom() {
    if (this.room) this.host.style.minHeight = `${this.tools.table ? 0 : this.room}px`;
  }

  /** Clicks are told. Where the pointer is, is remembered: a redraw takes the hover label away, and it is put back. */
  listen() {
    if (this.listening) return;
    this.listening = true;
    this.surface.on("plotly_hover", (hover) => (this.pointer = hover.event));
    this.surface.on("plotly_unhover", () => (this.pointer = null));
    this.surface.on("plotly_click", (click) => this.data.clicks && this.clicked(click));
  }

  /** Plotly looks for the nearest point at most every 50 ms; it may have looked elsewhere, or not yet: ask again. */
  clicked({ points, event, xPixel, yPixel }) {
    const { left, top } = this.surface.getBoundingClientRect();
    const here = Math.hypot(event.clientX - left - xPixel, event.clientY - top - yPixel) <= 2;
    if (here && points.length) return this.choose(points[0]);
    setTimeout(() => {
      this.pointer = event;
      if (!this.surface._hoverdata?.length) this.hoverAgain();
      this.choose(this.surface._hoverdata?.[0]);
    }, LOOK_MS);
  }

  choose(point) {
    if (point) this.tell({ ...placeOf(point), click: ++clicks });
  }

  /** Resolves once the pointer's button is let go, and the listeners for that have run. */
  released() {
    return new Promise((resolve) => {
      window.addEventListener("pointerup", () => requestAnimationFrame(resolve), { once: true });
    });
  }

  hoverAgain() {
    const event = this.pointer;
    if (!event?.target?.isConnected || this.removed) return;
    const { clientX, clientY } = event;
    event.target.dispatchEvent(new MouseEvent("mousemove", { clientX, clientY, bubbles: true }));
  }

  remove() {
    this.removed = true;
    this.observer.disconnect();
    this.sight.disconnect();
    window.removeEventListener("beforeprint", this.onPaper);
    this.root.remove();
    // Plotly draws in several steps and listens while something is dragged; what it needs then must not be taken away.
    const over = this.surface._dragging && this.released();
    if (this.drawing) Promise.all([this.drawing, over]).then(() => this.plotly.purge(this.surface));
  }
}
