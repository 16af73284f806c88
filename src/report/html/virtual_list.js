// A list of any length of which only the visible rows exist. One tab stop; the arrow keys move.
const ROW = 26;
const PRINTED = 1500;

class VirtualList {
  // draw(row element, index): fills one row; chosen(index): by click, Enter or arrow.
  constructor(host, options) {
    this.options = options;
    this.length = 0;
    this.active = -1;
    this.pool = [];
    this.inner = element("div", {class: "rows", role: "presentation"});
    this.box = element("div", {class: "card flush virtual", tabindex: "0", role: options.role, "aria-label": options.label}, this.inner);
    this.box.addEventListener("scroll", () => this.schedule(), {passive: true});
    this.box.addEventListener("keydown", (event) => this.onKey(event));
    this.box.addEventListener("click", (event) => this.onClick(event));
    window.addEventListener("resize", () => this.schedule());
    window.addEventListener("beforeprint", () => this.forPrint());
    window.addEventListener("afterprint", () => this.afterPrint());
    host.append(this.box);
  }

  setLength(length) {
    this.length = length;
    if (this.active >= length) this.active = -1;
    this.inner.style.height = Math.max(1, length) * ROW + "px";
    this.box.style.height = Math.min(this.options.most || 20, Math.max(3, length)) * ROW + 2 + "px";
    this.paint();
  }

  schedule() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => { this.pending = false; this.paint(); });
  }

  paint() {
    if (this.printing) return;
    // A list that just became shorter may still be scrolled to where it no longer reaches.
    const first = Math.max(0, Math.min(this.length - 1, Math.floor(this.box.scrollTop / ROW) - 6));
    const height = this.box.clientHeight || (this.options.most || 20) * ROW;
    const last = Math.min(this.length, first + Math.ceil(height / ROW) + 12);
    while (this.pool.length < last - first) this.pool.push(this.inner.appendChild(element("div")));
    while (this.pool.length > last - first) this.pool.pop().remove();
    for (let i = first; i < last; ++i) this.drawRow(this.pool[i - first], i);
    const active = this.active >= first && this.active < last;
    if (active) this.box.setAttribute("aria-activedescendant", this.options.name + "-" + this.active);
    else this.box.removeAttribute("aria-activedescendant");
  }

  drawRow(row, index) {
    row.replaceChildren();
    row.className = "row" + (index === this.active ? " active" : "");
    row.id = this.options.name + "-" + index;
    row.dataset.index = index;
    row.style.transform = "translateY(" + index * ROW + "px)";
    row.setAttribute("role", this.options.rowRole);
    row.setAttribute("aria-selected", index === this.active);
    this.options.draw(row, index);
  }

  choose(index, quietly) {
    if (index < 0 || index >= this.length) return;
    this.active = index;
    const top = index * ROW;
    const view = this.box.clientHeight;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    if (top + ROW > this.box.scrollTop + view) this.box.scrollTop = top + ROW - view;
    this.paint();
    if (!quietly && this.options.chosen) this.options.chosen(index);
  }

  onKey(event) {
    const page = Math.max(1, Math.floor(this.box.clientHeight / ROW) - 1);
    const to = {ArrowDown: this.active + 1, ArrowUp: Math.max(0, this.active - 1), PageDown: this.active + page,
      PageUp: this.active - page, Home: 0, End: this.length - 1}[event.key];
    if (to !== undefined) this.choose(Math.min(this.length - 1, Math.max(0, to)));
    else if (!(this.options.key && this.options.key(event, this.active))) return;
    event.preventDefault();
  }

  onClick(event) {
    const row = event.target.closest(".row");
    if (!row) return;
    const index = Number(row.dataset.index);
    if (this.options.click) this.options.click(event, index);
    this.choose(index);
  }

  // On paper nothing scrolls.
  forPrint() {
    this.printing = true;
    this.pool = [];
    const rows = [];
    for (let i = 0; i < Math.min(this.length, PRINTED); ++i) {
      const row = element("div");
      this.drawRow(row, i);
      rows.push(row);
    }
    if (this.length > PRINTED) rows.push(element("p", {}, "and " + number(this.length - PRINTED) + " more, which are not printed"));
    this.inner.replaceChildren(...rows);
  }

  afterPrint() {
    this.printing = false;
    this.inner.replaceChildren();
    this.pool = [];
    this.paint();
  }
}
