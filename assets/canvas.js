// A canvas to draw on: black ground, pen, undo and clear. Loaded once a page session (see ui/picture.py); render() is
// called for every rerun of the page. Strokes are kept here by key, so they survive a change of page. The server gets
// the picture at the size the net needs, each pixel the mean of its area, at the end of every stroke.

const INNER_PX = 320; // the drawing surface has the whole multiple of `side` next to this
const WIDTHS = { Thin: 0.045, Medium: 0.085, Thick: 0.14 }; // of the side
const GREYS = { White: "#ffffff" };
const COLOURS = {
  White: "#ffffff", Red: "#e5342b", Orange: "#f39019", Yellow: "#ffe14a", Green: "#2fa84f", Blue: "#2f6fe0",
  Brown: "#8a5a2b", Black: "#000000",
};
const MOST_MARKS = 2000; // strokes and clearings that can be undone

const canvases = new WeakMap(); // mount point -> canvas
const memory = new Map(); // key -> marks and pen, kept while the page session lasts

export function render(component, styleUrl) {
  const { parentElement: host, data } = component;
  linkStyle(styleUrl);
  if (!canvases.has(host)) canvases.set(host, new Canvas(host, data));
  canvases.get(host).receive(component);
  return () => {
    canvases.get(host)?.remove();
    canvases.delete(host);
  };
}

function linkStyle(url) {
  if (document.querySelector(`link[href="${url}"]`)) return;
  document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: url }));
}

function make(tag, className, attributes = {}) {
  const made = Object.assign(document.createElement(tag), { className });
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

class Canvas {
  constructor(host, data) {
    if (!memory.has(data.key)) memory.set(data.key, { marks: [], colour: "#ffffff", width: "Medium" });
    this.kept = memory.get(data.key);
    this.data = data;
    this.host = host;
    this.stroke = null;
    this.root = make("div", "layerlab-canvas");
    this.surface = make("canvas", "surface", { role: "img" });
    this.surface.width = this.surface.height = data.side * Math.ceil(INNER_PX / data.side);
    this.pen = this.surface.getContext("2d", { willReadFrequently: true });
    this.tools = make("div", "tools", { role: "toolbar", "aria-label": "Drawing tools" });
    this.status = make("div", "status", { role: "status" });
    this.addTools();
    this.root.append(this.surface, this.tools, this.status);
    host.append(this.root);
    this.listen();
    this.draw();
  }

  /** Take what the page says now. A server that has lost the picture, or needs another size, gets it again. */
  receive(component) {
    this.component = component;
    this.data = component.data;
    this.surface.setAttribute("aria-label", this.data.prompt);
    if (!this.welcomed && !this.data.known && !this.empty()) this.send();
    this.welcomed = true;
  }

  addTools() {
    const palette = this.data.colour ? COLOURS : GREYS;
    if (!Object.values(palette).includes(this.kept.colour)) this.kept.colour = "#ffffff";
    this.swatches = Object.entries(palette).map(([name, value]) => {
      const one = this.button("", `Pen colour: ${name.toLowerCase()}`, () => this.choose("colour", value), "swatch");
      one.style.setProperty("--swatch", value);
      return [value, one];
    });
    if (!this.data.colour) this.swatches.forEach(([, one]) => one.remove());
    this.widths = Object.keys(WIDTHS).map((name) => {
      const one = this.button("", `Pen width: ${name.toLowerCase()}`, () => this.choose("width", name), "width");
      const dot = make("span", "dot", { "aria-hidden": "true" });
      dot.style.setProperty("--dot", `${Math.round(WIDTHS[name] * 120)}px`);
      one.append(dot);
      return [name, one];
    });
    this.undoButton = this.button("Undo", "Undo the last stroke", () => this.undo());
    this.clearButton = this.button("Clear", "Clear the drawing", () => this.clear());
    this.choose("width", this.kept.width);
  }

  button(text, label, act, kind = "") {
    const button = make("button", `tool ${kind}`.trim(), { type: "button", "aria-label": label, title: label });
    button.textContent = text;
    button.onclick = act;
    this.tools.append(button);
    return button;
  }

  choose(what, value) {
    this.kept[what] = value;
    for (const [mine, one] of this.swatches) one.setAttribute("aria-pressed", String(mine === this.kept.colour));
    for (const [mine, one] of this.widths) one.setAttribute("aria-pressed", String(mine === this.kept.width));
  }

  listen() {
    this.surface.onpointerdown = (event) => this.begin(event);
    this.surface.onpointermove = (event) => this.go(event);
    for (const end of ["onpointerup", "onpointercancel", "onlostpointercapture"]) {
      this.surface[end] = (event) => this.end(event);
    }
  }

  begin(event) {
    if (this.stroke || event.button !== 0) return; // one finger draws, whatever else touches
    event.preventDefault();
    this.surface.setPointerCapture(event.pointerId);
    this.pointer = event.pointerId;
    this.stroke = { colour: this.kept.colour, width: WIDTHS[this.kept.width], points: [this.place(event)] };
    this.kept.marks.push(this.stroke);
    this.draw();
  }

  go(event) {
    if (!this.stroke || event.pointerId !== this.pointer) return;
    const between = event.getCoalescedEvents?.() ?? [];
    const from = this.stroke.points.length - 1;
    this.stroke.points.push(...(between.length ? between : [event]).map((one) => this.place(one)));
    this.paint(this.stroke, from);
  }

  end(event) {
    if (!this.stroke || event.pointerId !== this.pointer) return;
    this.stroke = null;
    this.kept.marks.splice(0, this.kept.marks.length - MOST_MARKS);
    this.changed("");
  }

  /** Where a pointer is, in parts of the side. */
  place({ clientX, clientY }) {
    const box = this.surface.getBoundingClientRect();
    const inside = (at) => Math.min(Math.max(at, -0.2), 1.2);
    return [inside((clientX - box.left) / box.width), inside((clientY - box.top) / box.height)];
  }

  undo() {
    if (this.stroke || !this.kept.marks.pop()) return;
    this.draw();
    this.changed("Undone.");
  }

  /** A mark like a stroke, so it can be undone. */
  clear() {
    if (this.stroke || this.empty()) return;
    this.kept.marks.push({ clear: true });
    this.draw();
    this.changed("Cleared.");
  }

  empty() {
    return !this.kept.marks.length || Boolean(this.kept.marks.at(-1).clear);
  }

  changed(said) {
    this.dress();
    this.status.textContent = said;
    this.send();
  }

  draw() {
    const from = this.kept.marks.findLastIndex((mark) => mark.clear) + 1;
    this.pen.fillStyle = "#000000";
    this.pen.fillRect(0, 0, this.surface.width, this.surface.height);
    for (const mark of this.kept.marks.slice(from)) this.paint(mark, 0);
    this.dress();
  }

  /** A button that does nothing now says so, and keeps the keyboard's focus. */
  dress() {
    this.undoButton.setAttribute("aria-disabled", String(!this.kept.marks.length));
    this.clearButton.setAttribute("aria-disabled", String(this.empty()));
  }

  paint({ colour, width, points }, from) {
    const pen = this.pen;
    const side = this.surface.width;
    pen.strokeStyle = pen.fillStyle = colour;
    pen.lineWidth = width * side;
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    const [x, y] = points[from];
    if (from === 0) pen.arc(x * side, y * side, (width * side) / 2, 0, 2 * Math.PI);
    pen.fill();
    pen.beginPath();
    pen.moveTo(x * side, y * side);
    for (const [nextX, nextY] of points.slice(from + 1)) pen.lineTo(nextX * side, nextY * side);
    pen.stroke();
  }

  send() {
    this.component.setStateValue("picture", this.empty() ? "" : this.reduced().toDataURL("image/png"));
  }

  /** side × side pixels, each the mean of the pixels it stands for. */
  reduced() {
    const { side } = this.data;
    const factor = this.surface.width / side;
    const large = this.pen.getImageData(0, 0, this.surface.width, this.surface.width).data;
    const sums = new Float64Array(side * side * 3);
    for (let row = 0; row < this.surface.width; row += 1) {
      for (let column = 0; column < this.surface.width; column += 1) {
        const to = (Math.floor(row / factor) * side + Math.floor(column / factor)) * 3;
        const at = (row * this.surface.width + column) * 4;
        for (let channel = 0; channel < 3; channel += 1) sums[to + channel] += large[at + channel];
      }
    }
    const small = Object.assign(document.createElement("canvas"), { width: side, height: side });
    const context = small.getContext("2d");
    const picture = context.createImageData(side, side);
    for (let pixel = 0; pixel < side * side; pixel += 1) {
      for (let channel = 0; channel < 3; channel += 1) {
        picture.data[pixel * 4 + channel] = Math.round(sums[pixel * 3 + channel] / factor ** 2);
      }
      picture.data[pixel * 4 + 3] = 255;
    }
    context.putImageData(picture, 0, 0);
    return small;
  }

  remove() {
    this.root.remove();
  }
}
