// Network, changes, denials, guard, enforcement.
function body(id) { return document.querySelector("#" + id + " .body"); }

function share(allowed, denied, most) {
  const bar = element("span", {class: "share", role: "img", "aria-label": allowed + " granted, " + denied + " refused"});
  for (const [count, tone] of [[allowed, "good"], [denied, "bad"]]) {
    if (count === 0) continue;
    const part = element("span", {class: tone});
    part.style.width = Math.max(3, count / most * 100) + "%";
    bar.append(part);
  }
  return bar;
}

function network(report, search) {
  const hosts = report.hosts;
  if (hosts.length === 0) return body("network").append(empty("No host was reached and none was refused."));
  hosts.sort((a, b) => (b[4] + b[5]) - (a[4] + a[5]) || b[2] - a[2] || b[1] - a[1]);
  const most = hosts.reduce((a, host) => Math.max(a, host[1] + host[2]), 1);
  const headings = [["Host", ""], ["Granted and refused", "wide"], ["Granted", "num"], ["Refused", "num"], ["Requests", "num"], ["Sent", "num"], ["Received", "num"], ["Rule", ""]];
  body("network").append(table("Hosts", headings, hosts, (host) => {
    const link = element("button", {type: "button", class: "link mono"}, host[0]);
    link.addEventListener("click", () => search(host[0]));
    const name = element("span", {}, link, host[6] ? pill("model", "plain") : null);
    return row([name, ""], [share(host[1], host[2], most), "wide"], [number(host[1]), "num"], [number(host[2]), "num" + (host[2] > 0 ? " bad-text" : "")], [number(host[3]), "num"],
      [bytes(host[4]), "num"], [bytes(host[5]), "num"], [host[7], "muted"]);
  }));
}

function diffRow(lines) {
  const made = element("pre", {class: "diff"});
  for (const line of lines) {
    const kind = line.startsWith("@@") ? "hunk" : line.startsWith("+") ? "added" : line.startsWith("-") ? "deleted" : "same";
    made.append(element("span", {class: kind}, line + "\n"));
  }
  const cell = element("td", {colspan: "5"}, element("details", {}, element("summary", {}, "Diff, " + plural(lines.length, "line")), made));
  return element("tr", {}, cell);
}

function fileRows(file) {
  const [path, , type, mode, size, before, after, , hostChanged, diff] = file;
  const flags = [type !== "file" && type !== "regular" ? type : "", hostChanged ? "changed on the host meanwhile" : ""].filter(Boolean).join(", ");
  const digests = element("span", {class: "mono muted", title: "before " + (before || "none") + ", after " + (after || "none")}, [before, after].filter(Boolean).map((one) => one.slice(0, 10)).join(" \u2192 "));
  const rows = [row([path, "mono path"], [flags, "muted"], [mode, "mono num"], [bytes(size), "num"], [digests, ""])];
  if (diff.length > 0) rows.push(diffRow(diff));
  return rows;
}

function changes(report) {
  const found = report.changes;
  const box = body("changes");
  if (!found.told) return box.append(empty("The record tells of no changes: the run did not come to its end."));
  if (found.in_all === 0 && found.refs.length === 0) return box.append(empty("Nothing was changed."));
  const classes = new Map();
  for (const file of found.files) {
    const name = file[7] ? "ignored by git, never imported" : file[1] || "of unknown class";
    if (!classes.has(name)) classes.set(name, []);
    classes.get(name).push(file);
  }
  for (const [name, files] of classes) {
    const total = files.reduce((sum, file) => sum + file[4], 0);
    box.append(element("details", {class: "class", open: !files[0][7]}, element("summary", {}, element("strong", {}, name), element("span", {class: "muted"}, plural(files.length, "file") + ", " + bytes(total))),
      table("Files " + name, [["Path", "half"], ["", ""], ["Mode", "num narrow"], ["Size", "num narrow"], ["SHA-256", "digests"]], files, fileRows)));
  }
  if (found.in_all > found.files.length) box.append(element("p", {class: "notice"}, number(found.in_all - found.files.length) + " more files are not on this page: berm diff"));
  if (found.refs.length > 0) {
    box.append(element("h3", {}, "References"), table("References", [["Name", ""], ["Before", ""], ["After", ""]], found.refs,
      (ref) => row([ref[0], "mono path"], [ref[1].slice(0, 12), "mono muted"], [ref[2].slice(0, 12), "mono muted"])));
  }
  if (found.sha256) box.append(element("p", {class: "muted mono digest"}, "sha256 of all changes " + found.sha256));
}

function denials(report, chooseSeq) {
  const {network: asked, rules} = report.denials;
  const box = body("denials");
  if (asked.length === 0 && rules.length === 0) return box.append(empty("Nothing was refused."));
  if (asked.length > 0) {
    box.append(element("h3", {}, "Hosts that no policy grants"), element("p", {class: "hint"}, "The line goes into [network] of berm.toml. Add it only if the run should have had the host."));
    box.append(table("Hosts that no policy grants", [["Destination", ""], ["Times", "num"], ["", ""], ["Line of policy that would allow it", ""]], asked,
      (one) => row([one[0], "mono path"], [number(one[1]), "num"], [one[2] ? pill("let through to learn", "warn") : pill("refused", "bad"), ""], [element("code", {class: "line"}, one[3]), ""])));
  }
  if (rules.length > 0) {
    box.append(element("h3", {}, "By rule"));
    box.append(table("Refused by rule", [["Rule", ""], ["Times", "num"], ["Kind", ""], ["First", ""], ["Reason", ""], ["[tools] of berm.toml that would allow it", ""]], rules, (one) => {
      const link = element("button", {type: "button", class: "link"}, one[0] || "(no rule named)");
      link.addEventListener("click", () => { chooseSeq(one[5]); byId("events").scrollIntoView(); });
      return row([link, ""], [number(one[1]), "num"], [one[2], "muted"], [one[3], "mono path"], [one[4], ""], [one[6] ? element("code", {class: "line"}, one[6]) : "", ""]);
    }));
  }
}

function guard(report) {
  const found = report.guard;
  const box = body("guard");
  if (found.failed) box.append(element("p", {class: "notice"}, "The guard could not look at the changes, and refused them."));
  if (!found.judged) return found.failed || box.append(empty("The record tells of no guard: the run did not come to its end."));
  if (found.findings.length === 0) return box.append(empty("The guard found nothing in the changes."));
  found.findings.sort((a, b) => (b[0] === "refuse") - (a[0] === "refuse"));
  box.append(table("Findings", [["", ""], ["Rule", ""], ["Path", ""], ["Finding", ""]], found.findings,
    (one) => row([pill(one[0] === "refuse" ? "refused" : one[0] || "note", one[0] === "refuse" ? "bad" : "warn"), ""], [one[1], ""], [one[2], "mono path"], [one[3], ""])));
  if (found.in_all > found.findings.length) box.append(element("p", {class: "notice"}, number(found.in_all - found.findings.length) + " more findings are not on this page"));
}

function enforcement(report, chooseSeq) {
  const head = report.head;
  const box = body("enforcement");
  if (head.layers.length === 0) box.append(empty("The record tells of no layer."));
  else box.append(table("Layers", [["Layer", ""], ["Strength", ""], ["How", ""]], head.layers, (one) => row([one[0], "strong"], [pill(one[1] || "unknown", one[1] === "kernel" ? "good" : one[1] === "none" ? "bad" : "warn"), ""], [one[2], ""])));
  for (const weakness of head.weaknesses) box.append(element("p", {class: "notice"}, weakness));
  for (const [limit, culprit, seq] of head.limits_hit) {
    const link = element("button", {type: "button", class: "link"}, "event " + seq);
    link.addEventListener("click", () => { chooseSeq(seq); byId("events").scrollIntoView(); });
    box.append(element("p", {class: "notice bad"}, "Limit hit: " + limit + (culprit ? " by " + culprit : "") + ", ", link));
  }
  if (head.limits.length > 0) {
    const by = pairs(head.limits);
    const rows = head.limits.filter(([name]) => !name.endsWith("_by"));
    const used = {memory: "memory_peak", output: "output", disk: "disk", time_ms: "wall_ms"};
    const usage = pairs(head.usage);
    box.append(element("h3", {}, "Limits"), table("Limits", [["Limit", ""], ["Value", "num"], ["Used", "num"], ["Held by", ""]], rows, ([name, value]) =>
      row([name.replace(/_ms$/, "").replaceAll("_", " "), "strong"], [quantity(name, value), "num"], [usage.has(used[name]) ? quantity(used[name], usage.get(used[name])) : "", "num"], [by.get(name + "_by") || "", "muted"])));
  }
}
