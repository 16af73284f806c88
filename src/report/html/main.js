// Puts the page together. A part that cannot be shown is no reason to hide the others.
function part(id, show) {
  try {
    return show();
  } catch (error) {
    byId(id).append(element("p", {class: "notice bad"}, "This part cannot be shown: " + error.message));
    return null;
  }
}

function themes(redraw) {
  const button = byId("theme");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;
  const apply = () => {
    const now = chosen || (dark.matches ? "dark" : "light");
    document.documentElement.dataset.theme = now;
    button.textContent = now === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-pressed", now === "dark");
    button.setAttribute("aria-label", "Switch to " + (now === "dark" ? "light" : "dark") + " colours");
    redraw();
  };
  button.addEventListener("click", () => { chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark"; apply(); });
  dark.addEventListener("change", apply);
  window.addEventListener("beforeprint", () => { document.documentElement.dataset.theme = "light"; redraw(true); });
  window.addEventListener("afterprint", apply);
  apply();
}

function start() {
  const report = JSON.parse(byId("report-data").textContent);
  let list = null;
  part("overview", () => overview(report));
  const timeline = part("timeline", () => new Timeline(report, (index) => list && list.choose(index), () => list && list.viewChanged()));
  list = part("events", () => new EventList(report, timeline));
  const chooseSeq = (seq) => list && list.chooseSeq(seq);
  part("activity", () => new ActivityTree(report, chooseSeq));
  part("network", () => network(report, (text) => list && list.search(text)));
  part("changes", () => changes(report));
  part("denials", () => denials(report, chooseSeq));
  part("guard", () => guard(report));
  part("enforcement", () => enforcement(report, chooseSeq));
  byId("footer").textContent = "Made by berm " + report.head.berm + " from the record of " + (report.head.run || "a run") + " alone. berm verify checks the record itself; this page is a view of it.";
  themes((now) => { if (timeline) { if (now) timeline.draw(); else timeline.schedule(); } });
  document.documentElement.dataset.ready = "true";
}

start();
