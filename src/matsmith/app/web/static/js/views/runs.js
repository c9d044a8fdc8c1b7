// All runs; two or more can be put side by side.

import { get } from "../api.js";
import { h, fill, chip } from "../dom.js";

export async function show(place) {
  const chosen = new Set();
  const compare = h("button", { type: "button", class: "quiet", disabled: true, onclick: () => { location.hash = `#/compare?${[...chosen].map((name) => `run=${encodeURIComponent(name)}`).join("&")}`; } }, "Compare");
  const list = h("div");
  fill(place, h("div", { class: "row spread" }, h("h1", {}, "Runs"), compare), list);
  async function refresh() {
    const runs = await get("runs");
    if (!runs.length) { fill(list, h("div", { class: "card" }, "There are no runs yet. ", h("a", { href: "#/" }, "Start with an objective."))); return; }
    fill(list, h("div", { class: "card scroll", tabindex: 0, role: "region", "aria-label": "Runs" }, h("table", {},
      h("thead", {}, h("tr", {}, ["", "Objective", "State", "Found", "Started"].map((name) => h("th", { scope: "col" }, name || h("span", { class: "skip" }, "choose"))))),
      h("tbody", {}, runs.map((run) => {
        const box = h("input", { type: "checkbox", "aria-label": `Choose ${run.objective || run.name}`, checked: chosen.has(run.name), onchange: () => { if (box.checked) chosen.add(run.name); else chosen.delete(run.name); compare.disabled = chosen.size < 2 || chosen.size > 4; } });
        return h("tr", {}, h("td", {}, box), h("td", {}, h("a", { href: `#/runs/${encodeURIComponent(run.name)}` }, run.objective || run.name)), h("td", {}, chip(run.state, run.state)), h("td", { class: "number" }, run.met), h("td", { class: "hint small" }, run.started_at ? new Date(run.started_at).toLocaleString() : ""));
      })))));
  }
  await refresh();
  const timer = setInterval(() => refresh().catch(() => {}), 5000);
  return () => clearInterval(timer);
}
