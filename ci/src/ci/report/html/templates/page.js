"use strict";
// The page is complete without this script, except for its three long tables. Nothing here uses the network.

const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};
const say = (text) => { document.getElementById("said").textContent = text; };

// Theme: that of the system, or the other one, remembered where the browser allows it.
const theme = {
  button: document.getElementById("theme"),
  names: ["system", "light", "dark"],
  load() {
    try { return localStorage.getItem("theme") || "system"; } catch { return "system"; }
  },
  show(name) {
    if (name === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = name;
    theme.button.textContent = `Theme: ${name}`;
    theme.now = name;
  },
  next() {
    theme.show(theme.names[(theme.names.indexOf(theme.now) + 1) % theme.names.length]);
    try { localStorage.setItem("theme", theme.now); } catch { /* a page from a file may have no storage */ }
  },
};
theme.show(theme.load());
theme.button.hidden = false;
theme.button.addEventListener("click", theme.next);

// Buttons that copy.
const copy = async (text) => {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // a page from a file may not have the clipboard
    const area = make("textarea", { value: text });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
};
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await copy(button.dataset.copy);
    button.textContent = "copied";
    say("copied");
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  });
}

// Long tables: a filter, a choice for each column with few values, an order, and rows in portions.
const FIRST = 15;
const PORTION = 100;
const KINDS = {
  "all-findings": {
    choices: ["status", "severity", "in", "kind", "change", "new"],
    shown: ["status", "severity", "id", "package", "version", "fixed in", "in", "where", "what"],
    first: (table) => (table.values("status").has("fails") ? { status: "fails" } : {}),
    mono: ["id", "version", "fixed in"],
    long: ["what"],
    cut: ["where"],
  },
  "all-tests": {
    choices: ["status", "suite"],
    shown: ["status", "test", "in", "suite", "seconds"],
    order: ["seconds", -1],
    long: ["test"],
    mono: ["test", "in"],
  },
  "all-coverage": {
    choices: ["suite"],
    shown: ["file", "suite", "covered", "lines", "missed"],
    order: ["covered", 1],
    mono: ["file", "missed"],
    long: ["missed"],
  },
};
const SEVERITIES = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "UNKNOWN"];
const shown = {
  seconds: (value) => (value >= 1 ? `${value.toFixed(1)} s` : `${Math.round(value * 1000)} ms`),
  covered: (value) => `${Math.floor(value * 100)} %`,
};

class DataTable {
  constructor(element) {
    this.element = element;
    this.kind = KINDS[element.id];
    const data = JSON.parse(element.querySelector("script").textContent);
    this.columns = data.columns;
    this.leftOut = data.leftOut;
    this.source = data.source;
    this.rows = data.rows.map((row) => row.map((value) => (Array.isArray(value) ? value[0] : data.texts[value])));
    this.order = this.kind.order || null;
    this.chosen = this.kind.first ? this.kind.first(this) : {};
    this.words = "";
    this.build();
    this.show();
  }

  at(name) { return this.columns.indexOf(name); }

  values(name) { return new Set(this.rows.map((row) => row[this.at(name)])); }

  build() {
    const label = this.element.dataset.label;
    this.search = make("input", { type: "search", placeholder: "Filter" });
    this.search.setAttribute("aria-label", `Filter: ${label}`);
    this.search.addEventListener("input", () => { this.words = this.search.value.toLowerCase(); this.show(); });
    this.controls = make("div", { className: "controls" }, this.search);
    this.selects = {};
    for (const name of this.kind.choices) {
      if (this.at(name) < 0) continue;
      const values = [...this.values(name)].filter(Boolean);
      if (values.length < 2 && !(name in this.chosen) && name !== "change") continue;
      values.sort((a, b) => SEVERITIES.indexOf(a) - SEVERITIES.indexOf(b) || String(a).localeCompare(b));
      const select = make("select", {}, make("option", { value: "", textContent: "all" }));
      select.append(...values.map((value) => make("option", { value, textContent: value })));
      select.value = this.chosen[name] || "";
      select.addEventListener("change", () => { this.choose(name, select.value); });
      this.selects[name] = make("label", { hidden: name === "change" }, name[0].toUpperCase() + name.slice(1), select);
      this.selects[name].select = select;
      this.controls.append(this.selects[name]);
    }
    this.count = make("span", { className: "count" });
    this.count.setAttribute("role", "status");
    this.controls.append(this.count);
    this.body = make("tbody");
    this.head = make("tr");
    for (const name of this.kind.shown) {
      const button = make("button", { type: "button", textContent: name });
      button.addEventListener("click", () => {
        this.order = [name, this.order && this.order[0] === name ? -this.order[1] : 1];
        this.show();
      });
      this.head.append(make("th", { scope: "col", className: typeof this.rows[0]?.[this.at(name)] === "number" ? "number" : "" }, button));
    }
    this.more = make("button", { type: "button", textContent: "Show more" });
    this.more.addEventListener("click", () => { this.portion(PORTION); });
    const scroll = make("div", { className: "scroll", tabIndex: 0 }, make("table", {}, make("thead", {}, this.head), this.body));
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", label);
    this.element.querySelector(".note").remove(); // it is for browsers without this script
    this.element.append(this.controls, scroll, make("p", {}, this.more));
    if (this.leftOut) {
      const text = `${this.leftOut} more are not on this page. All of them: ${this.source}.`;
      this.element.append(make("p", { className: "note", textContent: text }));
    }
  }

  choose(name, value) {
    if (value) this.chosen[name] = value; else delete this.chosen[name];
    const label = this.selects[name];
    if (label) {
      label.select.value = value;
      label.hidden = name === "change" && !value;
    }
    this.show();
  }

  show() {
    const wanted = Object.entries(this.chosen).map(([name, value]) => [this.at(name), value]);
    const words = this.words.split(/\s+/).filter(Boolean);
    this.found = this.rows.filter((row) =>
      wanted.every(([at, value]) => row[at] === value)
      && words.every((word) => row.some((value) => String(value).toLowerCase().includes(word))));
    if (this.order) {
      const [name, way] = this.order;
      const at = this.at(name);
      const rank = name === "severity" ? (value) => SEVERITIES.indexOf(value) : (value) => value;
      this.found.sort((a, b) => {
        const [x, y] = [rank(a[at]), rank(b[at])];
        return way * (typeof x === "number" ? x - y : String(x).localeCompare(String(y)));
      });
    }
    [...this.head.children].forEach((cell, at) => {
      if (this.order && this.order[0] === this.kind.shown[at]) {
        cell.setAttribute("aria-sort", this.order[1] > 0 ? "ascending" : "descending");
      } else cell.removeAttribute("aria-sort");
    });
    this.body.replaceChildren();
    this.count.textContent = `${this.found.length} of ${this.rows.length}`;
    this.portion(FIRST);
  }

  portion(number) {
    const start = this.body.children.length;
    this.body.append(...this.found.slice(start, start + number).map((row) => this.row(row)));
    const left = this.found.length - this.body.children.length;
    this.more.hidden = left <= 0;
    this.more.textContent = `Show more (${left} left)`;
  }

  row(row) {
    return make("tr", {}, ...this.kind.shown.map((name) => this.cell(name, row[this.at(name)], row)));
  }

  cell(name, value, row) {
    const cell = make("td");
    if (typeof value === "number") cell.className = "number";
    if (this.kind.mono?.includes(name)) cell.classList.add("mono");
    if (this.kind.long?.includes(name)) cell.classList.add("long");
    if (this.kind.cut?.includes(name)) {
      cell.classList.add("cut");
      cell.title = value;
    }
    if (name === "status") cell.classList.add(`state-${value}`);
    if (name === "severity") cell.append(make("span", { className: `severity ${value.toLowerCase()}`, textContent: value.toLowerCase() }));
    else if (name === "id" && /^https?:\/\//.test(row[this.at("url")])) cell.append(make("a", { href: row[this.at("url")], textContent: value, rel: "noreferrer" }));
    else cell.textContent = shown[name] ? shown[name](value) : value;
    return cell;
  }
}
const tables = {};
// Drawn when it is near the screen, so that the first paint waits for none of them.
const soon = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) if (isIntersecting) draw(target);
}, { rootMargin: "800px" });
const draw = (element) => {
  soon.unobserve(element);
  tables[element.id] ??= new DataTable(element);
  return tables[element.id];
};
for (const element of document.querySelectorAll(".data")) soon.observe(element);
for (const button of document.querySelectorAll("[data-change]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const element = document.getElementById("all-findings");
    const table = draw(element);
    table.choose("status", "");
    table.choose("change", button.dataset.change);
    element.scrollIntoView({ block: "start" });
    table.search.focus();
  });
}

// Logs: a search that keeps the lines that match.
const MOST_LINES = 5000;
for (const details of document.querySelectorAll(".log")) {
  details.addEventListener("toggle", () => {
    if (!details.open || details.querySelector("input")) return;
    const pre = details.querySelector("pre");
    const lines = pre.textContent.split("\n");
    const whole = pre.textContent;
    const input = make("input", { type: "search", placeholder: "Search this log" });
    input.setAttribute("aria-label", `Search the log of ${details.dataset.log}`);
    const count = make("span", { className: "count" });
    count.setAttribute("role", "status");
    input.addEventListener("input", () => {
      const word = input.value.toLowerCase();
      if (!word) { pre.textContent = whole; count.textContent = ""; return; }
      const found = lines.filter((line) => line.toLowerCase().includes(word));
      pre.replaceChildren(...found.slice(0, MOST_LINES).flatMap((line) => {
        const at = line.toLowerCase().indexOf(word);
        return [line.slice(0, at), make("mark", { textContent: line.slice(at, at + word.length) }), `${line.slice(at + word.length)}\n`];
      }));
      count.textContent = `${found.length} of ${lines.length} lines`;
    });
    pre.before(make("div", { className: "controls" }, input, count));
  });
}

// The graph: a service with what it is connected to.
for (const graph of document.querySelectorAll(".graph")) {
  const edges = [...graph.querySelectorAll(".edge")];
  for (const node of graph.querySelectorAll(".node")) {
    const { name } = node.dataset;
    const near = new Set([name]);
    for (const { dataset } of edges) {
      if (dataset.source === name) near.add(dataset.target);
      if (dataset.target === name) near.add(dataset.source);
    }
    node.addEventListener("pointerenter", () => {
      graph.classList.add("chosen");
      for (const other of graph.querySelectorAll(".node")) other.classList.toggle("near", near.has(other.dataset.name));
      for (const edge of edges) edge.classList.toggle("near", edge.dataset.source === name || edge.dataset.target === name);
    });
    node.addEventListener("pointerleave", () => { graph.classList.remove("chosen"); });
  }
}

// The section that is on the screen.
const links = new Map([...document.querySelectorAll(".top ul a")].map((link) => [link.hash.slice(1), link]));
const seen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (isIntersecting) for (const [id, link] of links) link.toggleAttribute("aria-current", id === target.id);
  }
}, { rootMargin: "-60px 0px -70% 0px" });
for (const section of document.querySelectorAll("main > section")) seen.observe(section);

// On paper everything but logs is open.
let closed = [];
addEventListener("beforeprint", () => {
  for (const element of document.querySelectorAll(".data")) draw(element);
  closed = [...document.querySelectorAll("details:not([open]):not(.log)")];
  for (const each of closed) each.open = true;
});
addEventListener("afterprint", () => { for (const each of closed) each.open = false; });
