// Small helpers: elements from plain values (never from HTML text), messages, a dialog, the theme.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "value") element.value = value;
    else if (name === "style") Object.assign(element.style, value);
    else if (value === true) element.setAttribute(name, "");
    else element.setAttribute(name, String(value));
  }
  add(element, children);
  return element;
}

export function add(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

export function fill(element, ...children) {
  element.replaceChildren();
  return add(element, children);
}

// Give a parent these children in this order and touch no other: what is pressed, focused or turned meanwhile stays as it is.
export function arrange(parent, wanted) {
  const kept = new Set(wanted);
  for (const child of [...parent.children]) if (!kept.has(child)) child.remove();
  wanted.forEach((node, index) => { if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] ?? null); });
}

const shownIn = new WeakMap();
// Draw a place again only where what it shows has changed; what stood open in it stays open.
export function redraw(place, shown, make) {
  const key = JSON.stringify(shown);
  if (shownIn.get(place) === key) return;
  shownIn.set(place, key);
  const open = place.querySelector("details")?.open;
  fill(place, make());
  const details = place.querySelector("details");
  if (open && details) details.open = true;
}

export function toast(text, bad = false) {
  const shown = h("div", { class: bad ? "toast bad" : "toast" }, text);
  document.getElementById("toasts").append(shown);
  setTimeout(() => shown.remove(), bad ? 9000 : 4000);
}

export function complain(error) {
  toast([error.message, error.hint].filter(Boolean).join(" "), true);
}

export function dialog(title, ...children) {
  const box = document.getElementById("dialog");
  const close = h("button", { type: "button", class: "quiet", onclick: () => box.close() }, "Close");
  fill(box, h("div", { class: "row spread" }, h("h2", { id: "dialog-title" }, title), close), ...children);
  if (!box.open) box.showModal();
  return box;
}

export function chip(text, kind = "") {
  return h("span", { class: `chip ${kind}` }, text);
}

export function table(columns, rows, { caption } = {}) {
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption ?? "Table" },
    h("table", {}, h("thead", {}, h("tr", {}, columns.map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell) => h("td", {}, cell)))))));
}

export function seconds(value) {
  if (!Number.isFinite(value)) return "";
  if (value < 90) return `${Math.round(value)} s`;
  const minutes = Math.round(value / 60);
  return minutes < 90 ? `${minutes} min` : `${(value / 3600).toFixed(1)} h`;
}

export function save(name, text, type) {
  const link = h("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

export function startTheme() {
  const wished = localStorage.getItem("theme");
  const dark = wished ? wished === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  document.getElementById("theme").addEventListener("click", () => {
    const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    localStorage.setItem("theme", next);
    dispatchEvent(new Event("themechange"));
  });
}
