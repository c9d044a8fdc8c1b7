// The page: which view the address names, and what every view shares.

import { h, fill, complain, startTheme } from "./dom.js";
import { get } from "./api.js";

const VIEWS = {
  design: () => import("./views/design.js"),
  runs: () => import("./views/runs.js"),
  run: () => import("./views/run.js"),
  compare: () => import("./views/compare.js"),
  chat: () => import("./views/chat.js"),
  library: () => import("./views/library.js"),
  tools: () => import("./views/tools.js"),
};
let leave = null;
let turn = 0;

async function show() {
  const mine = ++turn;
  const [path, query] = (location.hash.slice(2) || "").split("?");
  const [first, ...rest] = path.split("/").map(decodeURIComponent);
  const view = first === "runs" && rest[0] ? "run" : first || "design";
  leave?.();
  leave = null;
  for (const link of document.querySelectorAll("nav a")) {
    const current = link.dataset.view === view || (link.dataset.view === "runs" && (view === "run" || view === "compare"));
    if (current) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  }
  const main = document.getElementById("main");
  try {
    const module = await (VIEWS[view] ?? VIEWS.design)();
    if (mine !== turn) return;
    const place = h("div");
    fill(main, place);
    leave = (await module.show(place, { rest, query: new URLSearchParams(query) })) ?? null;
    if (mine !== turn) leave?.();
    main.querySelector("h1")?.setAttribute("tabindex", "-1");
  } catch (error) {
    if (mine !== turn) return;
    fill(main, h("h1", {}, "This cannot be shown"), h("p", {}, error.message, " ", error.hint ?? ""), h("p", {}, h("a", { href: "#/" }, "Back to the beginning")));
  }
}

async function foot() {
  try {
    const about = await get("about");
    const mind = about.reasoner === "rules" ? "built-in rules, no language model" : `language model ${about.model ?? ""}`;
    fill(document.getElementById("foot"), `matsmith ${about.version} · ${mind} · potential ${about.potential}`);
  } catch (error) { complain(error); }
}

startTheme();
addEventListener("hashchange", show);
show();
foot();
