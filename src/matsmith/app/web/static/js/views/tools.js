// Every tool, with a form made from its schema; a structure is dropped in as a file.

import { get, post, titleOf, properties } from "../api.js";
import { h, fill, complain, chip } from "../dom.js";
import { recordBody } from "../record.js";

export async function show(place, { rest: [wanted] }) {
  const names = await properties();
  const tools = await get("tools");
  const panel = h("div", { "aria-live": "polite" });
  fill(place, h("h1", {}, "Tools"), h("div", { class: "grid" },
    h("div", { class: "card scroll", tabindex: 0, role: "region", "aria-label": "Tools" }, h("table", {}, h("thead", {}, h("tr", {}, ["Tool", "Measures", "Usual time"].map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, tools.map((tool) => h("tr", {},
      h("td", {}, h("a", { href: `#/tools/${tool.name}` }, tool.title)), h("td", {}, tool.measures.map((name) => titleOf(names, name)).join(", "), tool.missing ? [" ", chip(tool.missing, "unknown")] : null), h("td", { class: "number" }, tool.cost_s < 0.1 ? "at once" : `${tool.cost_s} s`)))))), panel));
  const tool = tools.find((each) => each.name === wanted) ?? tools.find((each) => each.name === "symmetry") ?? tools[0];
  drawForm(tool);

  function drawForm(chosen) {
    const inputs = Object.entries(chosen.arguments.properties ?? {}).map(([name, schema]) => [name, schema, control(name, schema, chosen)]);
    const go = h("button", { type: "submit", disabled: Boolean(chosen.missing) }, "Run");
    const stop = h("button", { type: "button", class: "quiet", hidden: true }, "Stop");
    const result = h("div");
    fill(panel, h("section", { class: "card" }, h("h2", {}, chosen.title), h("p", { class: "small", style: { whiteSpace: "pre-wrap" } }, chosen.description.split("\n\n")[0]),
      h("form", { onsubmit: async (event) => {
        event.preventDefault();
        const ending = new AbortController();
        stop.onclick = () => ending.abort();
        go.disabled = true; stop.hidden = false;
        fill(result, h("p", { class: "hint" }, "Running…"));
        try {
          const values = {};
          for (const [name, schema, input] of inputs) { const value = await read(input, schema); if (value !== undefined) values[name] = value; }
          fill(result, h("h3", {}, "Record"), recordBody(await post(`tools/${chosen.name}`, values, { signal: ending.signal })));
        } catch (error) { fill(result); if (error.name !== "AbortError") complain(error); } finally { go.disabled = false; stop.hidden = true; }
      } }, inputs.map(([name, schema, input]) => h("div", { class: "field", style: { marginBottom: ".6rem" } }, h("label", { for: `arg-${name}` }, name.replaceAll("_", " "), (chosen.arguments.required ?? []).includes(name) ? "" : " (optional)"), input, schema.description ? h("span", { class: "hint small" }, schema.description) : null)), h("div", { class: "row" }, go, stop)), result));
  }
}

function control(name, schema, tool) {
  const id = `arg-${name}`;
  const kind = schema["x-reference"] ?? schema.anyOf?.find((each) => each["x-reference"])?.["x-reference"];
  if (kind === "structure" || name === "structure") {
    const file = h("input", { id, type: "file", accept: ".cif,.vasp,.poscar" });
    file.dataset.kind = "structure";
    return file;
  }
  if (schema.enum) return h("select", { id }, (tool.arguments.required ?? []).includes(name) ? null : h("option", { value: "" }, "default"), schema.enum.map((value) => h("option", { value }, value)));
  if (schema.type === "boolean") return h("input", { id, type: "checkbox", checked: schema.default });
  return h("input", { id, type: schema.type === "number" || schema.type === "integer" ? "number" : "text", step: schema.type === "integer" ? 1 : "any", placeholder: schema.default === undefined || schema.default === null ? "" : JSON.stringify(schema.default) });
}

async function read(input, schema) {
  if (input.dataset.kind === "structure") return input.files.length ? input.files[0].text() : undefined;
  if (input.type === "checkbox") return input.checked === Boolean(schema.default) ? undefined : input.checked;
  if (input.value === "") return undefined;
  if (input.type === "number") return Number(input.value);
  if (schema.type === "string") return input.value;
  try { return JSON.parse(input.value); } catch { return input.value; }
}
