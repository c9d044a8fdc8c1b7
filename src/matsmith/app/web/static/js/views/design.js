// Say what is wanted, see what was understood, change it, start.

import { get, post, properties, titleOf } from "../api.js";
import { h, fill, complain, chip, table } from "../dom.js";

const EXAMPLES = [
  "a stable oxide with a bulk modulus above 150 GPa, no cobalt",
  "a light intermetallic stiffer than aluminium, density below 4 g/cm3",
  "a cobalt-free lithium oxide, stable, bulk modulus above 120 GPa",
];
const RELATIONS = ["above", "below", "between", "around", "maximise", "minimise"];

export async function show(place) {
  const names = await properties();
  const wish = h("textarea", { id: "objective", rows: 3, placeholder: "What should the material be?", "aria-describedby": "objective-help" });
  const understand = h("button", { type: "submit" }, "Understand");
  const plan = h("div", { "aria-live": "polite" });
  const recent = h("div");
  const form = h("form", { class: "card", onsubmit: (event) => { event.preventDefault(); read(); } },
    h("label", { for: "objective" }, "Objective"), wish,
    h("p", { id: "objective-help", class: "hint small" }, "Plain words: properties with their limits, elements to use or avoid, structure, how many, how long."),
    h("div", { class: "row spread" }, h("div", { class: "row examples" }, EXAMPLES.map((text) => h("button", { type: "button", class: "quiet", onclick: () => { wish.value = text; wish.focus(); } }, text))), understand));
  fill(place, h("h1", {}, "Design a material"), form, plan, recent);
  wish.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) read(); });

  async function read() {
    if (!wish.value.trim()) { wish.focus(); return; }
    understand.disabled = true;
    fill(plan, h("p", { class: "hint" }, "Reading…"));
    try { showPlan(await post("plan", { objective: wish.value })); }
    catch (error) { fill(plan, h("div", { class: "card" }, h("p", {}, h("strong", {}, error.message), " ", error.hint))); }
    finally { understand.disabled = false; }
  }

  function showPlan(found) {
    const spec = found.spec;
    const rows = spec.targets.map((target) => targetRow(target));
    const required = words(spec.chemistry?.required), excluded = words(spec.chemistry?.excluded);
    const count = h("input", { type: "number", id: "count", min: 1, max: 200, value: spec.candidates ?? 5 });
    const minutes = h("input", { type: "number", id: "minutes", min: 0.2, max: 600, step: "any", value: (spec.budget?.wall_time_s ?? 600) / 60 });
    const seed = h("input", { type: "number", id: "seed", min: 0, value: 0 });
    const fresh = h("input", { type: "checkbox", id: "fresh", checked: spec.new_only });
    const approve = { plan: "before it begins", round: "after every round", spend: "before something dear" };
    const boxes = Object.fromEntries(Object.keys(approve).map((key) => [key, h("input", { type: "checkbox" })]));
    const unclear = found.unclear ?? [];
    const start = h("button", { type: "button", disabled: !found.runnable || unclear.length > 0, onclick: begin }, "Start the design run");
    const without = h("input", { type: "checkbox", id: "without", onchange: () => { start.disabled = !found.runnable || !without.checked; } });
    fill(plan, h("section", { class: "card", "aria-labelledby": "plan-title" },
      h("h2", { id: "plan-title" }, "What was understood"),
      found.understood.length ? table(["You wrote", "Understood as"], found.understood.map((each) => [each.words, each.meaning])) : null,
      found.not_understood.length ? h("p", {}, chip("not understood", "unknown"), " ", found.not_understood.join("; ")) : null,
      found.questions.length ? h("ul", {}, found.questions.map((text) => h("li", {}, text))) : null,
      [...found.contradictions, ...(found.refusal ? [found.refusal] : [])].map((text) => h("p", {}, chip("impossible", "missed"), " ", text)),
      found.unmeasurable.map((each) => h("p", {}, chip("cannot be measured", "unknown"), ` ${titleOf(names, each.property)}: ${each.reason}`)),
      found.warnings.map((text) => h("p", {}, chip("note", "unknown"), " ", text)),
      h("h3", {}, "Targets"), h("div", {}, rows.map((row) => row.element)),
      h("h3", {}, "Chemistry and limits"),
      h("div", { class: "row" }, field("Must contain", required), field("Must not contain", excluded), field("How many", count), field("Minutes", minutes), field("Seed", seed)),
      h("div", { class: "row", style: { marginTop: ".7rem" } }, h("label", { class: "row" }, fresh, "only materials in no list")),
      h("fieldset", { class: "row small", style: { border: "0", padding: "0", margin: ".6rem 0" } }, h("legend", { class: "hint" }, "Ask me"), Object.entries(approve).map(([key, text]) => h("label", { class: "row" }, boxes[key], text))),
      unclear.length ? h("div", { class: "row" }, h("label", { class: "row" }, without, `go on without “${unclear.join("”, “")}”, where a requirement stands that was not understood`)) : null,
      h("div", { class: "row" }, start, h("span", { class: "hint small" }, "It goes on when you leave this page."))));
    (unclear.length ? without : start).focus();

    async function begin() {
      const changed = structuredClone(spec);
      changed.targets = rows.map((row) => row.value());
      changed.chemistry = { ...changed.chemistry, required: listOf(required.value), excluded: listOf(excluded.value) };
      changed.candidates = Number(count.value);
      changed.budget = { ...changed.budget, wall_time_s: Number(minutes.value) * 60 };
      changed.new_only = fresh.checked;
      start.disabled = true;
      try {
        const asked = Object.keys(boxes).filter((key) => boxes[key].checked);
        const run = await post("runs", { spec: changed, seed: Number(seed.value) || 0, approve: asked });
        location.hash = `#/runs/${encodeURIComponent(run.name)}`;
      } catch (error) { complain(error); start.disabled = false; }
    }
  }

  function targetRow(target) {
    const relation = h("select", { "aria-label": "relation" }, RELATIONS.map((name) => h("option", { value: name, selected: name === target.relation }, name)));
    const low = h("input", { type: "number", step: "any", value: target.value ?? "", "aria-label": "value" });
    const high = h("input", { type: "number", step: "any", value: target.upper ?? "", "aria-label": "upper end" });
    const hard = h("input", { type: "checkbox", checked: target.hard !== false });
    const update = () => { high.hidden = relation.value !== "between"; low.hidden = relation.value.endsWith("imise"); };
    relation.addEventListener("change", update);
    update();
    const element = h("div", { class: "row", style: { marginBottom: ".4rem" } },
      h("strong", { style: { minWidth: "11rem" } }, titleOf(names, target.property)), h("span", { style: { width: "8rem" } }, relation),
      h("span", { style: { width: "8rem" } }, low), h("span", { style: { width: "8rem" } }, high), h("span", { class: "hint" }, target.unit ?? ""), h("label", { class: "row small" }, hard, "must be met"));
    const number = (input) => (input.value === "" ? null : Number(input.value));
    return { element, value: () => {
      const changed = { ...target, relation: relation.value, value: relation.value.endsWith("imise") ? null : number(low), upper: relation.value === "between" ? number(high) : null };
      if ("hard" in target || !hard.checked) changed.hard = hard.checked;
      return changed;
    } };
  }

  try {
    const runs = await get("runs");
    if (runs.length) fill(recent, h("section", { class: "card" }, h("h2", {}, "Recent runs"), h("ul", {}, runs.slice(0, 5).map((run) => h("li", {}, h("a", { href: `#/runs/${encodeURIComponent(run.name)}` }, run.objective || run.name), " ", chip(run.state, run.state), run.met ? ` ${run.met} found` : "")))));
  } catch (error) { complain(error); }
}

function field(name, input) {
  const id = input.id || `field-${name.toLowerCase().replaceAll(" ", "-")}`;
  input.id = id;
  return h("div", { class: "field" }, h("label", { for: id }, name), input);
}

function words(symbols) {
  return h("input", { type: "text", value: (symbols ?? []).join(" "), placeholder: "element symbols" });
}

function listOf(text) {
  return text.split(/[\s,;]+/).filter(Boolean);
}

