// Two to four runs side by side.

import { get, properties } from "../api.js";
import { h, fill, chip, table, seconds } from "../dom.js";
import { verdictText, quantityOf } from "../candidates.js";
import { plot, colour } from "../plots.js";

export async function show(place, { query }) {
  const names = await properties();
  const runs = await Promise.all(query.getAll("run").slice(0, 4).map((name) => get(`runs/${encodeURIComponent(name)}`)));
  if (runs.length < 2) throw new Error("Choose two to four runs to compare.");
  const short = (run) => run.header.objective.slice(0, 60);
  const facts = [
    ["state", (run) => chip(run.state, run.state)], ["seed", (run) => String(run.header.seed)], ["reasoner", (run) => run.header.reasoner],
    ["time", (run) => seconds(run.elapsed_s)], ["rounds", (run) => String(run.rounds.length)], ["judged", (run) => String(run.candidates.length + run.rejected.length)],
    ["meet every target", (run) => String(run.candidates.filter((each) => each.meets).length)],
    ["targets", (run) => run.spec.targets.map((target) => h("div", {}, verdictText(target, names)))],
    ["best", (run) => run.candidates.slice(0, 5).map((each) => h("div", {}, h("strong", {}, each.formula), " ", run.spec.targets.map((target) => quantityOf(each, target.property)?.text).filter(Boolean).join("; ")))],
  ];
  const series = runs.map((run, index) => ({ name: short(run), colour: colour(index), line: true, points: [{ x: 0, y: 0 }, ...run.rounds.map((round) => ({ x: round.evaluated_so_far, y: round.met_so_far, label: `${short(run)}: ${round.met_so_far} of ${round.evaluated_so_far}` }))] }));
  fill(place, h("h1", {}, "Side by side"),
    h("div", { class: "card" }, table(["", ...runs.map((run) => h("a", { href: `#/runs/${encodeURIComponent(run.name)}` }, short(run)))], facts.map(([title, cell]) => [h("strong", {}, title), ...runs.map(cell)]), { caption: "Runs side by side" })),
    plot({ title: "Found against judged", x: "candidates judged", y: "meet every target", series }));
}
