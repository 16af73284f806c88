// The timeline: a canvas, one lane a kind, drawn anew for every view.
const LANES = [[1, "Tool calls", 3], [2, "Model", 1], [3, "Processes", 1], [4, "Connections", 3], [5, "Run and limits", 1]];  // rows at most
const BIN = 3;
const GUTTER = 112;
const AXIS = 24;
const SUBROW = 13;
const GAP = 13;

class Timeline {
  constructor(report, onChoose, onView) {
    Object.assign(this, {report, onChoose, onView, hover: -1, chosen: -1});
    this.canvas = byId("canvas");
    this.tip = byId("tip");
    this.layOut(report.events);
    this.whole();
    this.listen();
  }

  // Marks and spans of each lane by time; spans that overlap get rows of their own, as far as they go.
  layOut(events) {
    this.end = 1;
    for (const t of events.t) if (t > this.end) this.end = t;
    this.lanes = [];
    let top = AXIS + 6;
    for (const [lane, label, rows] of LANES) {
      const items = [];
      for (let i = 0; i < events.t.length; ++i) {
        if (events.lane[i] !== lane) continue;
        const d = events.d[i];
        items.push({i, from: d < 0 ? events.t[i] + d : events.t[i], to: d > 0 ? events.t[i] + d : events.t[i], row: 0});
      }
      if (items.length === 0) continue;
      items.sort((a, b) => a.from - b.from);
      const free = new Array(rows).fill(-1);
      let used = 1;
      let widest = 0;
      for (const item of items) {
        widest = Math.max(widest, item.to - item.from);
        if (rows === 1 || item.to === item.from) continue;
        let at = free.findIndex((until) => until <= item.from);
        if (at < 0) at = rows - 1;
        free[at] = item.to;
        item.row = at;
        used = Math.max(used, at + 1);
      }
      this.lanes.push({label, items, top, rows: used, widest});
      top += used * SUBROW + GAP;
    }
    this.memory = this.report.memory.t.length > 1 ? {top, height: 44} : null;
    if (this.memory) top += 44 + GAP;
    this.height = Math.max(top, AXIS + 40);
    this.canvas.style.height = this.height + "px";
    this.steps = this.lanes.flatMap((lane) => lane.items.map((item) => item.i)).sort((a, b) => events.t[a] - events.t[b] || a - b);
  }

  whole() { this.view(0, this.end); }

  view(from, to) {
    const least = 20;
    const span = Math.min(Math.max(to - from, least), this.end);
    this.from = Math.min(Math.max(0, from), this.end - span);
    this.to = this.from + span;
    this.schedule();
    this.onView();
  }

  zoom(factor, at) {
    const pivot = at === undefined ? (this.from + this.to) / 2 : at;
    this.view(pivot - (pivot - this.from) * factor, pivot + (this.to - pivot) * factor);
  }

  pan(share) {
    const by = (this.to - this.from) * share;
    this.view(this.from + by, this.to + by);
  }

  schedule() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => { this.pending = false; this.draw(); });
  }

  x(t) { return GUTTER + (t - this.from) / (this.to - this.from) * this.plot; }
  time(x) { return this.from + (x - GUTTER) / this.plot * (this.to - this.from); }

  draw() {
    const ratio = window.devicePixelRatio || 1;
    const width = this.canvas.clientWidth;
    if (width === 0) return;
    this.plot = Math.max(50, width - GUTTER - 12);
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    const g = this.canvas.getContext("2d");
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue("--" + name).trim();
    this.colors = {tones: [color("mark"), color("good"), color("bad"), color("warn")], line: color("line"), muted: color("muted"), text: color("text"), accent: color("accent"), band: color("band")};
    g.clearRect(0, 0, width, this.height);
    g.font = "11px " + color("sans");
    this.drawAxis(g, width);
    for (const lane of this.lanes) this.drawLane(g, lane, width);
    if (this.memory) this.drawMemory(g);
    this.drawChosen(g);
  }

  drawAxis(g, width) {
    const span = this.to - this.from;
    const rough = span / Math.max(2, this.plot / 110);
    const power = Math.pow(10, Math.floor(Math.log10(rough)));
    const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
    g.textBaseline = "middle";
    g.textAlign = "left";
    for (let t = Math.ceil(this.from / step) * step; t <= this.to; t += step) {
      const x = Math.round(this.x(t)) + 0.5;
      g.strokeStyle = this.colors.line;
      g.beginPath();
      g.moveTo(x, AXIS - 4);
      g.lineTo(x, this.height);
      g.stroke();
      g.fillStyle = this.colors.muted;
      if (x + 50 < width) g.fillText(t === 0 ? "0" : duration(t), x + 4, AXIS / 2 + 1);
    }
  }

  drawLane(g, lane, width) {
    const height = lane.rows * SUBROW;
    g.fillStyle = this.colors.band;
    g.fillRect(GUTTER, lane.top, width - GUTTER, height);
    g.fillStyle = this.colors.muted;
    g.textAlign = "right";
    g.textBaseline = "middle";
    g.fillText(lane.label, GUTTER - 12, lane.top + height / 2);
    const [first, end] = [this.firstIn(lane), this.endOf(lane)];
    if (end - first > this.plot) this.drawCrowd(g, lane, first, end);
    else this.drawItems(g, lane, first, end);
  }

  // More than a pixel each: how many there were, what was refused on top.
  drawCrowd(g, lane, first, end) {
    const events = this.report.events;
    const bins = Math.ceil(this.plot / BIN) + 1;
    const counts = Array.from({length: lane.rows * 4}, () => new Uint32Array(bins));
    const sums = new Uint32Array(lane.rows * bins);
    let most = 1;
    for (let k = first; k < end; ++k) {
      const item = lane.items[k];
      if (item.to < this.from) continue;
      const bin = Math.min(bins - 1, Math.max(0, Math.floor((this.x(item.from) - GUTTER) / BIN)));
      ++counts[item.row * 4 + (events.tone[item.i] & 3)][bin];
      most = Math.max(most, ++sums[item.row * bins + bin]);
    }
    for (let row = 0; row < lane.rows; ++row) {
      for (let bin = 0; bin < bins; ++bin) {
        const sum = sums[row * bins + bin];
        if (sum === 0) continue;
        const scale = (SUBROW - 1) * Math.sqrt(sum / most) / sum;
        let bottom = lane.top + (row + 1) * SUBROW;
        for (const tone of [0, 1, 3, 2]) {
          const count = counts[row * 4 + tone][bin];
          if (count === 0) continue;
          const height = Math.max(2, count * scale);
          g.fillStyle = this.colors.tones[tone];
          g.fillRect(GUTTER + bin * BIN, bottom - height, BIN - 0.5, height);
          bottom -= height;
        }
      }
    }
  }

  drawItems(g, lane, first, end) {
    const events = this.report.events;
    const width = this.canvas.clientWidth;
    // Plain first, so that what was refused is never covered by what was not.
    for (const tone of [0, 1, 3, 2]) {
      g.fillStyle = this.colors.tones[tone];
      const last = new Int32Array(lane.rows).fill(-10);
      for (let k = first; k < end; ++k) {
        const item = lane.items[k];
        if (events.tone[item.i] !== tone || item.to < this.from) continue;
        const x = Math.max(GUTTER, Math.round(this.x(item.from)));
        const wide = Math.min(width, this.x(item.to)) - x;
        if (wide < 2) {
          if (x <= last[item.row]) continue;
          last[item.row] = x;
        }
        g.fillRect(x, lane.top + item.row * SUBROW + 1, Math.max(wide, 2), SUBROW - 2);
      }
    }
  }

  // The first item that may reach into the view: none is wider than the widest.
  firstIn(lane) { return this.search(lane, this.from - lane.widest); }
  endOf(lane) { return this.search(lane, this.to + 1e-6); }

  // The first item that begins at `t` or later.
  search(lane, t) {
    let low = 0;
    let high = lane.items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (lane.items[middle].from < t) low = middle + 1; else high = middle;
    }
    return low;
  }

  drawMemory(g) {
    const {t, bytes: values} = this.report.memory;
    const most = values.reduce((a, b) => Math.max(a, b), 1);
    const {top, height} = this.memory;
    g.fillStyle = this.colors.muted;
    g.textAlign = "right";
    g.fillText("Memory", GUTTER - 12, top + height / 2 - 7);
    g.fillText(bytes(most), GUTTER - 12, top + height / 2 + 7);
    g.save();
    g.beginPath();
    g.rect(GUTTER, top, this.plot + 12, height);
    g.clip();
    g.beginPath();
    g.moveTo(this.x(t[0]), top + height);
    for (let i = 0; i < t.length; ++i) g.lineTo(this.x(t[i]), top + height - values[i] / most * (height - 2));
    g.lineTo(this.x(t[t.length - 1]), top + height);
    g.globalAlpha = 0.22;
    g.fillStyle = this.colors.accent;
    g.fill();
    g.globalAlpha = 1;
    g.strokeStyle = this.colors.accent;
    g.stroke();
    g.restore();
  }

  drawChosen(g) {
    if (this.chosen < 0) return;
    const x = Math.round(this.x(this.report.events.t[this.chosen])) + 0.5;
    if (x < GUTTER) return;
    g.strokeStyle = this.colors.accent;
    g.lineWidth = 1.5;
    g.beginPath();
    g.moveTo(x, AXIS - 4);
    g.lineTo(x, this.height);
    g.stroke();
    g.lineWidth = 1;
  }

  // The item nearest to a place on the canvas, within a few pixels.
  at(x, y) {
    const lane = this.lanes.find((one) => y >= one.top && y < one.top + one.rows * SUBROW);
    if (!lane || x < GUTTER) return -1;
    const row = Math.floor((y - lane.top) / SUBROW);
    const t = this.time(x);
    const near = (this.to - this.from) / this.plot * 4;
    let best = -1;
    let distance = near;
    for (let k = this.firstIn(lane); k < lane.items.length && lane.items[k].from <= t + near; ++k) {
      const item = lane.items[k];
      if (item.row !== row) continue;
      const away = t < item.from ? item.from - t : t > item.to ? t - item.to : 0;
      if (away < distance || (away === distance && this.report.events.tone[item.i] === 2)) {
        best = item.i;
        distance = away;
      }
    }
    return best;
  }

  choose(index, reveal) {
    this.chosen = index;
    const t = this.report.events.t[index];
    if (reveal && (t < this.from || t > this.to)) {
      const half = (this.to - this.from) / 2;
      this.view(t - half, t + half);
    }
    this.schedule();
  }

  step(by) {
    const at = this.steps.indexOf(this.chosen);
    const index = this.steps[Math.min(this.steps.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
    if (index === undefined) return;
    this.choose(index, true);
    byId("told").textContent = eventLine(this.report, index);
    this.onChoose(index);
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  listen() {
    const canvas = this.canvas;
    byId("zoom-in").addEventListener("click", () => this.zoom(0.5));
    byId("zoom-out").addEventListener("click", () => this.zoom(2));
    byId("zoom-all").addEventListener("click", () => this.whole());
    new ResizeObserver(() => this.schedule()).observe(canvas);
    // A page must scroll: the wheel is the timeline's once it was clicked, or with Ctrl.
    canvas.addEventListener("wheel", (event) => {
      if (document.activeElement !== canvas && !event.ctrlKey) return;
      event.preventDefault();
      if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) this.pan(event.deltaX / this.plot);
      else this.zoom(Math.pow(1.0018, event.deltaY), this.time(this.point(event)[0]));
    }, {passive: false});
    canvas.addEventListener("keydown", (event) => {
      const act = {ArrowLeft: () => this.pan(-0.2), ArrowRight: () => this.pan(0.2), "+": () => this.zoom(0.5), "=": () => this.zoom(0.5),
        "-": () => this.zoom(2), Home: () => this.whole(), ArrowDown: () => this.step(1), ArrowUp: () => this.step(-1)}[event.key];
      if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      act();
    });
    this.listenToPointer(canvas);
  }

  listenToPointer(canvas) {
    let drag = null;
    canvas.addEventListener("pointerdown", (event) => {
      drag = {x: event.clientX, from: this.from, moved: false};
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!drag) return this.showTip(event);
      const by = (drag.x - event.clientX) / this.plot * (this.to - this.from);
      drag.moved = drag.moved || Math.abs(event.clientX - drag.x) > 3;
      if (drag.moved) this.view(drag.from + by, drag.from + by + this.to - this.from);
    });
    canvas.addEventListener("pointerup", (event) => {
      const index = drag && !drag.moved ? this.at(...this.point(event)) : -1;
      drag = null;
      if (index < 0) return;
      this.choose(index, false);
      this.onChoose(index);
    });
    canvas.addEventListener("pointercancel", () => { drag = null; });
    canvas.addEventListener("pointerleave", () => { this.tip.hidden = true; });
  }

  showTip(event) {
    const [x, y] = this.point(event);
    const index = this.at(x, y);
    this.tip.hidden = index < 0;
    this.canvas.style.cursor = index < 0 ? "grab" : "pointer";
    if (index < 0) return;
    this.tip.textContent = eventLine(this.report, index);
    this.tip.style.left = Math.min(x + 14, this.canvas.clientWidth - 380) + "px";
    this.tip.style.top = y + 18 + "px";
  }
}
