// Elements, made of text only: nothing here parses markup.
const byId = (id) => document.getElementById(id);

// element("td", {class: "mono", title: "..."}, "text", child, ...)
function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === false || value === undefined || value === null) continue;
    made.setAttribute(key, value === true ? "" : String(value));
  }
  for (const child of children) {
    if (child === null || child === undefined) continue;
    made.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return made;
}

function empty(text) { return element("p", {class: "empty"}, text); }

function pill(text, tone) { return element("span", {class: "pill " + tone}, text); }

function plural(count, one, many) { return number(count) + " " + (count === 1 ? one : many || one + "s"); }

// A table that shows its rows by the hundred: a run may change 20,000 files.
function table(label, headings, rows, cells) {
  const body = element("tbody");
  const head = element("tr");
  for (const [title, kind] of headings) head.append(element("th", {scope: "col", class: kind}, title));
  const box = element("div", {class: "card flush scroll", tabindex: "0", role: "region", "aria-label": label},
    element("table", {"aria-label": label}, element("thead", {}, head), body));
  let next = 0;
  const more = element("button", {type: "button", class: "more"});
  const grow = (most) => {
    const end = Math.min(rows.length, next + most);
    for (; next < end; ++next) for (const row of [].concat(cells(rows[next]))) body.append(row);
    more.textContent = "Show " + plural(Math.min(500, rows.length - next), "more row") + " of " + number(rows.length - next);
    more.hidden = next === rows.length;
  };
  more.addEventListener("click", () => grow(500));
  window.addEventListener("beforeprint", () => grow(1000));
  grow(100);
  return element("div", {}, box, more);
}

function row(...cells) {
  const made = element("tr");
  for (const [content, kind] of cells) made.append(element("td", {class: kind}, content));
  return made;
}

// Reads a member of what the page holds: [name, value] pairs in the order of the record.
function pairs(list) { return new Map(Array.isArray(list) ? list : []); }
