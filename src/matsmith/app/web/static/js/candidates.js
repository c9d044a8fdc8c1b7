// Candidates of a run: the table that can be sorted, and what is drawn of them.

import { h, arrange, chip, dialog, redraw, table } from "./dom.js";
import { titleOf } from "./api.js";
import { plot } from "./plots.js";
import { recordButton } from "./record.js";

const AT_FIRST = 20;
const DULL = new Set(["energy"]);
const ANSWER = { met: "met", "not met": "missed", unknown: "unknown" };

export function quantityOf(candidate, property) {
  return candidate.quantities.find((each) => each.name === property);
}

export function verdictText(target, names) {
  const limit = target.relation === "between" ? `${target.value} to ${target.upper}` : target.value ?? "";
  return `${titleOf(names, target.property)} ${target.relation} ${limit} ${target.unit ?? ""}`.trim();
}

// The table, and `update`, which changes what has changed: order, rows opened and focus stay as they are.
export function candidateTable({ names, run, choose, chosen }) {
  let candidates = [], columns = [], order = { column: "#", down: false }, shown = AT_FIRST;
  const rows = new Map();
  const head = h("tr"), body = h("tbody");
  const more = h("button", { type: "button", class: "quiet", onclick: () => { shown += 100; draw(); } });
  const element = h("div", {}, h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Candidates" }, h("table", {}, h("thead", {}, head), body)), more);
  function columnsFor(targets) {
    const properties = [...new Set([...targets.map((target) => target.property), ...candidates.flatMap((each) => each.quantities.map((q) => q.name))])].filter((name) => !DULL.has(name) && candidates.some((each) => quantityOf(each, name))).slice(0, 6);
    return [
      { name: "#", value: (each) => each.rank, cell: (each) => each.rank, number: true },
      { name: "Formula", value: (each) => each.formula, cell: (each) => h("strong", {}, each.formula) },
      { name: "Verdict", value: (each) => (each.meets ? 0 : 1), cell: (each) => (each.meets ? chip("meets all", "met") : chip(worst(each), ANSWER[worst(each)])) },
      { name: "Novelty", value: (each) => each.novelty.label ?? "", cell: (each) => chip(each.novelty.label ?? "") },
      { name: "Space group", value: (each) => each.space_group_number ?? 0, cell: (each) => each.space_group },
      ...properties.map((property) => ({
        name: titleOf(names, property), number: true,
        value: (each) => quantityOf(each, property)?.quantity.value ?? Infinity,
        cell: (each) => { const found = quantityOf(each, property); return found ? recordButton(run, found.record, found.text) : h("span", { class: "hint" }, "–"); },
      })),
    ];
  }
  function rowOf(each) {
    let row = rows.get(each.id);
    if (!row) {
      const pick = () => { choose(row.candidate); draw(); };
      row = h("tr", { class: "choosable", tabindex: 0, onclick: pick, onkeydown: (event) => { if (event.key === "Enter" && event.target === event.currentTarget) pick(); } });
      rows.set(each.id, row);
    }
    row.candidate = each;
    // The rank moves with every newcomer; the rest of a row seldom changes.
    redraw(row, [columns.map((column) => column.name), { ...each, rank: 0 }], () => columns.map((column) => h("td", { class: column.number ? "number" : "" }, column.cell(each))));
    if (row.firstChild.textContent !== String(each.rank)) row.firstChild.textContent = String(each.rank);
    row.setAttribute("aria-selected", String(each.id === chosen()));
    return row;
  }
  function draw() {
    const { value } = columns.find((column) => column.name === order.column) ?? columns[0];
    const sorted = [...candidates].sort((a, b) => { const x = value(a), y = value(b); const by = x < y ? -1 : x > y ? 1 : a.rank - b.rank; return order.down ? -by : by; });
    columns.forEach((column, index) => { const cell = head.children[index]; if (column.name === order.column) cell.setAttribute("aria-sort", order.down ? "descending" : "ascending"); else cell.removeAttribute("aria-sort"); });
    more.hidden = sorted.length <= shown;
    more.textContent = `Show more (${sorted.length - shown} left)`;
    arrange(body, sorted.slice(0, shown).map(rowOf));
  }
  return {
    element,
    update(found, targets) {
      candidates = found;
      columns = columnsFor(targets);
      redraw(head, columns.map((column) => column.name), () => columns.map((column) => h("th", { scope: "col" }, h("button", { type: "button", onclick: () => { order = { column: column.name, down: order.column === column.name && !order.down }; draw(); } }, column.name))));
      draw();
    },
  };
}

export function worst(candidate) {
  const answers = candidate.verdicts.map((verdict) => verdict.answer);
  return answers.includes("not met") ? "not met" : answers.includes("unknown") ? "unknown" : candidate.meets ? "met" : "unknown";
}

// What a point of a candidate leads to: its two numbers, each of which leads to its record, and the candidate itself.
function pointDialog(run, candidate, quantities, choose) {
  const box = dialog(candidate.formula, table(["property", "value", "by"], quantities.map((q) => [q.title, recordButton(run, q.record, q.text), q.tool.replaceAll("_", " ")]), { caption: "The numbers of this point" }),
    h("p", { class: "hint small" }, "A number opens the record it stands in: what was computed, from what and how."),
    h("button", { type: "button", onclick: () => { box.close(); choose(candidate); } }, `Show ${candidate.formula}`));
}

export function targetPlots(candidates, { targets, names, run, open }) {
  const measured = [...new Set(targets.map((target) => target.property))].filter((name) => candidates.filter((each) => quantityOf(each, name)).length > 1);
  const others = [...new Set(candidates.flatMap((each) => each.quantities.map((q) => q.name)))].filter((name) => !measured.includes(name) && !DULL.has(name) && candidates.filter((each) => quantityOf(each, name)).length > 2);
  const axes = [...measured, ...others].slice(0, 3);
  const plots = [];
  for (let i = 0; i < axes.length; i++) for (let j = i + 1; j < axes.length && plots.length < 2; j++) {
    const [x, y] = [axes[i], axes[j]];
    const points = (wanted) => candidates.filter((each) => wanted === (each.meets ? "met" : "other") && quantityOf(each, x) && quantityOf(each, y)).map((each) => {
      const qx = quantityOf(each, x), qy = quantityOf(each, y);
      return { x: qx.quantity.value, y: qy.quantity.value, dx: qx.quantity.sigma, dy: qy.quantity.sigma, label: `${each.formula}: ${qx.text}; ${qy.text}`, open: () => pointDialog(run, each, [qx, qy], open), hollow: wanted !== "met" };
    });
    const guide = (property) => targets.filter((target) => target.property === property && target.value !== null && target.value !== undefined).flatMap((target) => [target.value, target.upper].filter((v) => v !== null && v !== undefined).map((at) => ({ at, label: "target" })));
    const front = paretoFront(candidates, targets, x, y);
    const series = [
      { name: "meet every target", points: points("met"), colour: "var(--met)" },
      { name: "others", points: points("other"), colour: "var(--s3)" },
      ...(front.length > 1 ? [{ name: "Pareto front", points: front, line: true, bare: true, colour: "var(--s2)" }] : []),
    ].filter((each) => each.points.length);
    if (series.length) plots.push(plot({ title: `${titleOf(names, y)} against ${titleOf(names, x)}`, x: `${titleOf(names, x)} (${names[x]?.unit ?? ""})`, y: `${titleOf(names, y)} (${names[y]?.unit ?? ""})`, series, lines: { x: guide(x), y: guide(y) } }));
  }
  return plots;
}

// Which way each target pulls: +1 when more is better, -1 when less is, 0 when neither.
function pull(targets, property) {
  const target = targets.find((each) => each.property === property);
  return { above: 1, maximise: 1, below: -1, minimise: -1 }[target?.relation] ?? 0;
}

export function paretoFront(candidates, targets, x, y) {
  const wx = pull(targets, x), wy = pull(targets, y);
  if (!wx || !wy) return [];
  const points = candidates.filter((each) => quantityOf(each, x) && quantityOf(each, y)).map((each) => ({ x: quantityOf(each, x).quantity.value, y: quantityOf(each, y).quantity.value }));
  const front = points.filter((p) => !points.some((q) => q !== p && wx * q.x >= wx * p.x && wy * q.y >= wy * p.y && (q.x !== p.x || q.y !== p.y)));
  return front.sort((a, b) => a.x - b.x);
}

export function convergence(rounds) {
  if (!rounds?.length) return null;
  return plot({
    title: "Found so far", x: "candidates judged", y: "meet every target", whole: false,
    series: [{ name: "meet every target", line: true, points: [{ x: 0, y: 0 }, ...rounds.map((round) => ({ x: round.evaluated_so_far, y: round.met_so_far, label: `round ${round.summary.round}: ${round.met_so_far} of ${round.evaluated_so_far} judged` }))] }],
  });
}
