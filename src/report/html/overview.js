// The head of the page: what ran, what came of it, whether the record can be trusted.
function facts(list) {
  const made = element("dl", {class: "facts"});
  for (const [name, value, title] of list) {
    if (value) made.append(element("div", {}, element("dt", {}, name), element("dd", {title: title || value}, value)));
  }
  return made;
}

function figures(head) {
  const usage = pairs(head.usage);
  const made = element("dl", {class: "figures"});
  const add = (label, name, value) => {
    if (value !== undefined) made.append(element("div", {}, element("dt", {}, label), element("dd", {}, quantity(name, value))));
  };
  made.append(element("div", {}, element("dt", {}, "Duration"), element("dd", {}, duration(head.duration_us))));
  add("CPU time", "cpu_ms", usage.get("cpu_ms"));
  add("Peak memory", "memory_peak", usage.get("memory_peak"));
  add("Output", "output", usage.get("output"));
  add("Disk", "disk", usage.get("disk"));
  add("Connections", "connections", usage.get("connections"));
  add("Refused", "denied", usage.get("denied"));
  add("Tool calls", "calls", usage.get("tools.calls"));
  add("Model tokens", "tokens", usage.get("model.tokens"));
  add("Model cost", "micro_usd", usage.get("model.micro_usd"));
  return made;
}

function integrityCard(report) {
  const found = report.integrity;
  const state = {intact: ["Record intact", "good"], incomplete: ["Record incomplete", "warn"], broken: ["Record not intact", "bad"]}[found.state] || ["Record unknown", "warn"];
  const text = {intact: "Every event is chained to the one before it, and the record ends with the run.",
    incomplete: "The chain holds, but there is no end of the run: it was cut off, or the run was still going on.",
    broken: plural(found.problems_in_all, "problem") + " found. Do not rely on what this page shows."}[found.state];
  const card = element("div", {class: "card verdict " + state[1], id: "integrity"}, element("p", {class: "over"}, "Evidence"),
    element("p", {class: "big"}, state[0]), element("p", {}, text),
    element("p", {class: "muted"}, plural(found.events, "event") + (found.anchored ? ", checked against the head that the run ended with" : ", the chain alone: nothing beside it told the head")),
    element("p", {class: "muted"}, found.signed === 0 ? "Nothing of it is signed." : plural(found.signed, "event") + " signed in " + plural(found.checkpoints, "checkpoint") + " by the run's own key. Who vouches for that key: berm verify --key."),
    found.key ? element("p", {class: "mono muted digest", title: found.key}, "key " + found.key) : "",
    element("p", {class: "mono muted digest", title: found.head}, "head " + found.head));
  for (const [line, what] of found.problems.slice(0, 20)) card.append(element("p", {class: "mono bad-text"}, "line " + line + ": " + what));
  if (found.problems_in_all > 20) card.append(element("p", {class: "muted"}, "and " + number(found.problems_in_all - 20) + " more: berm verify"));
  return card;
}

function outcomeText(outcome) {
  const rest = outcome.filter(([name]) => name !== "kind").map(([name, value]) => name + " " + value);
  return [pairs(outcome).get("kind") || "unknown", ...rest].join(", ");
}

function verdictCard(head) {
  const status = head.judged ? head.status || "unknown" : "no verdict";
  const tone = head.judged ? statusTone(head.status) : "warn";
  const card = element("div", {class: "card verdict " + tone, id: "verdict"}, element("p", {class: "over"}, "Verdict"),
    element("p", {class: "big"}, status.replaceAll("_", " ")), element("p", {class: "muted"}, head.judged ? "exit code " + head.exit_code : "the record tells none"));
  if (head.reasons.length > 0) card.append(element("ul", {class: "reasons"}, ...head.reasons.slice(0, 50).map((reason) => element("li", {}, reason))));
  if (head.outcome.length > 0) card.append(element("p", {class: "muted"}, "ended: " + outcomeText(head.outcome)));
  return card;
}

function overview(report) {
  const head = report.head;
  byId("bar-run").textContent = head.run;
  const bar = byId("bar-status");
  bar.textContent = (head.status || "no verdict").replaceAll("_", " ");
  bar.classList.add(head.judged ? statusTone(head.status) : "warn");
  const sources = head.policy.map(([source, digest]) => ["Policy", source + "  " + short(digest), source + " sha256 " + digest]);
  const box = byId("overview");
  box.append(element("h1", {class: "mono"}, head.command || head.run || "A record without a run"));
  box.append(element("div", {class: "cards"}, verdictCard(head), integrityCard(report)));
  box.append(element("div", {class: "card"}, figures(head)));
  box.append(element("div", {class: "card"}, facts([["Run", head.run], ["Agent", head.agent], ["Started", head.started.replace(/\.\d+Z$/, "Z")], ["Ended", head.ended.replace(/\.\d+Z$/, "Z")],
    ["Repository", head.repository], ["Base", [head.branch.replace(/^refs\/heads\//, ""), head.commit.slice(0, 12)].filter(Boolean).join(" at "), head.commit],
    ["Plan", short(head.plan), "sha256 " + head.plan], ...sources, ["berm", head.berm], ["Kernel", head.kernel],
    ["Import", head.import.map(([name, value]) => name === "note" ? value : name + " " + value).join(", ")]])));
  for (const note of [...head.notes, ...report.cut]) box.append(element("p", {class: "notice"}, note));
}
