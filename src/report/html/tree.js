// Prompts, calls and processes: a tree in preorder, folded by depth.
const DEEPEST_INDENT = 24;

class ActivityTree {
  constructor(report, onChoose) {
    this.tree = report.tree;
    this.report = report;
    this.folded = new Set();
    if (this.tree.depth.length === 0) {
      byId("tree").append(empty("The record holds no prompt, no tool call and no process."));
      return;
    }
    this.list = new VirtualList(byId("tree"), {name: "node", role: "tree", rowRole: "treeitem", label: "Activity", most: 18,
      draw: (row, at) => this.draw(row, this.rows[at]),
      chosen: (at) => this.tree.event[this.rows[at]] >= 0 && onChoose(this.tree.event[this.rows[at]]),
      click: (event, at) => event.target.closest(".twist") && this.toggle(this.rows[at]),
      key: (event, at) => this.onKey(event, at)});
    byId("fold").addEventListener("click", () => this.foldAll());
    byId("unfold").addEventListener("click", () => { this.folded.clear(); this.show(); });
    this.show();
  }

  hasChildren(i) { return i + 1 < this.tree.depth.length && this.tree.depth[i + 1] > this.tree.depth[i]; }

  show() {
    const {depth} = this.tree;
    this.rows = [];
    let hidden = Infinity;
    for (let i = 0; i < depth.length; ++i) {
      if (depth[i] > hidden) continue;
      hidden = this.folded.has(i) ? depth[i] : Infinity;
      this.rows.push(i);
    }
    this.list.setLength(this.rows.length);
  }

  foldAll() {
    for (let i = 0; i < this.tree.depth.length; ++i) if (this.hasChildren(i)) this.folded.add(i);
    this.show();
  }

  toggle(i) {
    if (!this.folded.delete(i)) this.folded.add(i);
    this.show();
  }

  onKey(event, at) {
    const i = this.rows[at];
    if (i === undefined) return false;
    const open = this.hasChildren(i) && !this.folded.has(i);
    if (event.key === "ArrowRight") {
      if (open) this.list.choose(at + 1); else if (this.hasChildren(i)) this.toggle(i);
    } else if (event.key === "ArrowLeft") {
      if (open) this.toggle(i); else this.toParent(at);
    } else if (event.key === "Enter" || event.key === " ") {
      if (this.hasChildren(i)) this.toggle(i);
    } else {
      return false;
    }
    return true;
  }

  toParent(at) {
    const depth = this.tree.depth[this.rows[at]];
    for (let up = at - 1; up >= 0; --up) if (this.tree.depth[this.rows[up]] < depth) return this.list.choose(up);
  }

  // A process whose label is empty is shown by the text of its event.
  label(i) {
    const {label, event} = this.tree;
    if (label[i] !== "" || event[i] < 0) return label[i];
    const {seq, words, type, text} = this.report.events;
    if (!this.bySeq) {
      this.bySeq = new Map();
      for (let at = seq.length - 1; at >= 0; --at) if (words[type[at]] === "exec") this.bySeq.set(seq[at], at);
    }
    return text[this.bySeq.get(event[i])];
  }

  draw(row, i) {
    const {depth, kind, note, tone} = this.tree;
    row.classList.add(TONES[tone[i]] || "plain", "node", "kind-" + kind[i]);
    row.setAttribute("aria-level", depth[i] + 1);
    const parent = this.hasChildren(i);
    if (parent) row.setAttribute("aria-expanded", !this.folded.has(i)); else row.removeAttribute("aria-expanded");
    row.style.paddingInlineStart = 8 + Math.min(depth[i], DEEPEST_INDENT) * 18 + "px";
    row.append(element("span", {class: "twist" + (parent ? this.folded.has(i) ? " closed" : " open" : ""), "aria-hidden": "true"}),
      element("span", {class: "tag"}, kind[i] === "process" || kind[i] === "group" ? "" : kind[i]), element("span", {class: "what"}, this.label(i)), element("span", {class: "note"}, note[i]));
  }
}
