// Figures of records: the server turns a record into plain numbers, and they are drawn here.

import { get, post } from "./api.js";
import { h, fill, table } from "./dom.js";
import { framed } from "./plots.js";
import { surfaceFigure } from "./surface.js";

const INKS = { first: "var(--s1)", second: "var(--s2)", third: "var(--s3)", fourth: "var(--s4)", fifth: "var(--s5)", met: "var(--met)", missed: "var(--missed)", quiet: "var(--quiet)" };

let drawn;
// Whether a record has figures: its tool draws, or it keeps what is drawn whatever the tool.
async function plotted(record) {
  drawn ??= get("plots").catch(() => { drawn = undefined; return { tools: [], facts: [] }; });
  const { tools, facts } = await drawn;
  return tools.includes(record.tool) || facts.some((name) => name in (record.outcome.facts ?? {}));
}

function sceneOf(figure, open) {
  const axis = ({ name, unit, ticks, low, high }) => ({ title: unit ? `${name} (${unit})` : name, ticks: ticks.length ? ticks : undefined, low: low ?? undefined, high: high ?? undefined });
  return {
    id: figure.id, title: figure.title, note: figure.note, x: axis(figure.x), y: axis(figure.y), guides: figure.guides, words: figure.words, bare: !figure.framed, equal: figure.equal,
    series: figure.series.map((each) => ({
      name: each.name, style: each.style, ink: INKS[each.tone], quiet: each.quiet, dashed: each.dashed, heavy: each.large && each.style === "line", unlisted: each.name === "frame",
      points: each.x.map((x, i) => ({ x: x ?? NaN, y: each.y[i] ?? NaN, dy: each.y_sigma[i], label: each.labels[i], name: each.names[i], hollow: each.hollow, large: each.large, open })),
    })),
  };
}

function figureElement(figure, open) {
  if (figure.columns.length) {
    return h("figure", { class: "card", "data-figure": figure.id }, h("figcaption", {}, figure.title), table(figure.columns, figure.rows, { caption: figure.title }), figure.note ? h("p", { class: "hint small" }, figure.note) : null);
  }
  const more = open ? h("button", { type: "button", class: "plain small", onclick: open }, "Record") : null;
  return figure.surface ? surfaceFigure(figure, more) : framed(sceneOf(figure, open), more);
}

// A place that fills itself with the figures of a record; it stays empty for tools that have none. `open` is what a point leads to.
export function recordFigures(record, { open } = {}) {
  const place = h("div", { class: "grid plots figures", hidden: true });
  const fillIn = async () => {
    if (record.status !== "success" || !(await plotted(record))) return;
    const drawing = await post("plots", record);
    if (!drawing.figures.length && !drawing.lacking) return;
    fill(place, drawing.figures.map((figure) => figureElement(figure, open)), drawing.lacking ? h("p", { class: "hint small" }, drawing.lacking) : null);
    place.hidden = false;
  };
  place.ready = fillIn().catch((error) => { fill(place, h("p", { class: "hint small" }, `No figure: ${error.message}`)); place.hidden = false; });
  return place;
}
