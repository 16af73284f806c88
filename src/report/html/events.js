// The list of events, what narrows it, and one event's data.
function eventLine(report, index) {
  const events = report.events;
  return offset(events.t[index]) + "  " + events.words[events.type[index]] + "  " + events.text[index];
}

// The lines of the second data block, found when the first is asked for.
class Details {
  constructor() { this.starts = null; }
  of(index) {
    if (!this.starts) {
      this.text = byId("report-details").textContent;
      this.starts = [0];
      for (let at = this.text.indexOf("\n"); at >= 0; at = this.text.indexOf("\n", at + 1)) this.starts.push(at + 1);
    }
    const line = this.text.slice(this.starts[index], this.starts[index + 1]);
    return line.trim() === "" ? [] : JSON.parse(line);
  }
}

class EventList {
  constructor(report, timeline) {
    Object.assign(this, {report, timeline, details: new Details()});
    this.rows = Array.from(report.events.t.keys());
    this.list = new VirtualList(byId("list"), {name: "event", role: "listbox", rowRole: "option", label: "Events", most: 22,
      draw: (row, at) => this.draw(row, this.rows[at]), chosen: (at) => this.show(this.rows[at], true)});
    this.fill("f-type", report.events.type, "any type");
    this.fill("f-decision", report.events.decision, "any decision");
    this.fill("f-source", report.events.source, "any source");
    const form = document.querySelector(".filters");
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => this.filterSoon());
    form.addEventListener("reset", () => setTimeout(() => this.filter()));
    byId("details").append(empty("Choose an event to see all of it."));
    this.filter();
  }

  fill(id, column, any) {
    const counts = new Map();
    for (const word of column) counts.set(word, (counts.get(word) || 0) + 1);
    const words = this.report.events.words;
    const select = byId(id);
    select.append(element("option", {value: ""}, any));
    const named = [...counts].filter(([word]) => words[word] !== "").sort((a, b) => words[a[0]] < words[b[0]] ? -1 : 1);
    for (const [word, count] of named) select.append(element("option", {value: word}, words[word] + " (" + number(count) + ")"));
  }

  draw(row, index) {
    const events = this.report.events;
    row.classList.add(TONES[events.tone[index]] || "plain");
    row.append(element("span", {class: "num seq"}, events.seq[index]), element("span", {class: "num time"}, offset(events.t[index])),
      element("span", {class: "type"}, events.words[events.type[index]]), element("span", {class: "what"}, events.text[index]),
      element("span", {class: "decision"}, events.words[events.decision[index]]));
  }

  filterSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.filter(), 80);
  }

  filter() {
    const events = this.report.events;
    const wanted = byId("f-text").value.toLowerCase();
    if (wanted && !this.lower) this.lower = events.text.map((text) => text.toLowerCase());
    const [type, decision, source] = ["f-type", "f-decision", "f-source"].map((id) => byId(id).value);
    const inView = byId("f-view").checked;
    const {from, to} = this.timeline || {};
    this.rows = [];
    for (let i = 0; i < events.t.length; ++i) {
      if (type !== "" && events.type[i] !== Number(type)) continue;
      if (decision !== "" && events.decision[i] !== Number(decision)) continue;
      if (source !== "" && events.source[i] !== Number(source)) continue;
      if (inView && this.timeline && (events.t[i] < from || events.t[i] > to)) continue;
      if (wanted && !this.lower[i].includes(wanted) && !events.words[events.type[i]].toLowerCase().includes(wanted)) continue;
      this.rows.push(i);
    }
    byId("shown").textContent = this.rows.length === events.t.length ? plural(events.t.length, "event")
      : number(this.rows.length) + " of " + plural(events.t.length, "event");
    this.list.active = this.rows.indexOf(this.shown);
    this.list.setLength(this.rows.length);
  }

  viewChanged() { if (byId("f-view").checked) this.filterSoon(); }

  // From elsewhere on the page: the list shows it too, if need be without its filters.
  choose(index) {
    if (!this.rows.includes(index)) {
      document.querySelector(".filters").reset();
      this.filter();
    }
    this.list.choose(this.rows.indexOf(index), true);
    this.show(index, false);
  }

  chooseSeq(seq) {
    const index = this.report.events.seq.indexOf(seq);
    if (index < 0) return;
    this.choose(index);
    if (this.timeline) this.timeline.choose(index, true);
  }

  search(text) {
    const form = document.querySelector(".filters");
    form.reset();
    byId("f-text").value = text;
    this.filter();
    byId("events").scrollIntoView();
    byId("f-text").focus({preventScroll: true});
  }

  show(index, mark) {
    this.shown = index;
    const events = this.report.events;
    const list = element("dl");
    const source = events.words[events.source[index]];
    for (const [key, value] of [["event", "#" + events.seq[index] + " from " + source], ...this.details.of(index)]) {
      list.append(element("dt", {}, key), element("dd", {}, element("pre", {}, value)));
    }
    const tone = TONES[events.tone[index]] || "plain";
    byId("details").replaceChildren(element("h3", {}, events.words[events.type[index]], " ",
      events.decision[index] >= 0 && events.words[events.decision[index]] ? pill(events.words[events.decision[index]], tone) : null), list);
    byId("details").scrollTop = 0;
    if (mark && this.timeline) this.timeline.choose(index, false);
  }
}
