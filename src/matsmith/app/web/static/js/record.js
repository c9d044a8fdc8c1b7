// A number leads to its record: what was computed, from what, how, and with what it was warned.

import { get } from "./api.js";
import { h, dialog, complain, table } from "./dom.js";
import { recordFigures } from "./figures.js";

export function recordButton(run, id, label) {
  return h("button", { type: "button", class: "plain", title: "Where this comes from", onclick: (event) => { event.stopPropagation(); showRecord(run, id); } }, label);
}

// A value to the second digit of its error; six digits where it has none.
export function rounded(value, sigma) {
  if (!Number.isFinite(value) || value === 0) return String(value);
  if (!(sigma > 0)) return String(Number(value.toPrecision(6)));
  const decimals = 1 - Math.floor(Math.log10(sigma)), size = Math.abs(value);
  if (size < 1e-3 || size >= 1e7) return value.toExponential(Math.max(0, Math.floor(Math.log10(size)) + decimals));
  const step = 10 ** Math.max(0, -decimals);
  return decimals > 0 ? value.toFixed(Math.min(decimals, 12)) : String(Math.round(value / step) * step);
}

export async function showRecord(run, id) {
  try {
    const record = await get(`runs/${encodeURIComponent(run)}/records/${id}`);
    dialog(`Record ${record.id.slice(0, 8)}: ${record.tool}`, recordBody(record));
  } catch (error) { complain(error); }
}

export function recordBody(record) {
  const outcome = record.outcome, method = outcome.method ?? {};
  const quantities = Object.entries(outcome.quantities ?? {}).map(([name, q]) => [name.replaceAll("_", " "), rounded(q.value, q.sigma), q.sigma ? `± ${q.sigma.toPrecision(2)}` : "exact", q.unit, q.truth ?? ""]);
  return h("div", {},
    h("p", { class: "hint small" }, `${record.tool} version ${record.tool_version}, ${new Date(record.started_at).toLocaleString()}, ${outcome.wall_s?.toPrecision?.(3) ?? "?"} s`),
    outcome.failure ? h("p", {}, h("strong", {}, outcome.failure.message), " ", outcome.failure.hint) : null,
    quantities.length ? table(["quantity", "value", "one sigma", "unit", "against"], quantities) : null,
    recordFigures(record),
    outcome.warnings?.length ? [h("h3", {}, "Warnings"), h("ul", {}, outcome.warnings.map((text) => h("li", {}, text)))] : null,
    h("h3", {}, "Method"), h("p", {}, [method.name, method.model, method.reference].filter(Boolean).join("; ") || "not stated"),
    h("details", {}, h("summary", {}, "Inputs"), h("pre", { tabindex: 0 }, JSON.stringify(record.inputs, null, 1))),
    h("details", {}, h("summary", {}, "What it found besides"), h("pre", { tabindex: 0 }, JSON.stringify(outcome.facts, null, 1))));
}
