// Questions to the literature, answered with quotes that stand in their sources.

import { post } from "../api.js";
import { h, fill, complain, chip } from "../dom.js";

const EXAMPLES = ["what limits the ionic conductivity of garnet electrolytes?", "which materials are superhard?", "what is the band gap of TiO2?"];

export async function show(place) {
  const question = h("input", { id: "question", type: "search", placeholder: "Ask the literature" });
  const go = h("button", { type: "submit" }, "Ask");
  const answer = h("div", { "aria-live": "polite" });
  fill(place, h("h1", {}, "Library"),
    h("form", { class: "card", onsubmit: async (event) => {
      event.preventDefault();
      if (!question.value.trim()) return;
      go.disabled = true;
      fill(answer, h("p", { class: "hint" }, "Searching…"));
      try { draw(await post("ask", { question: question.value })); } catch (error) { complain(error); fill(answer); } finally { go.disabled = false; }
    } }, h("div", { class: "row" }, h("div", { class: "field" }, h("label", { for: "question" }, "Question"), question), go),
      h("div", { class: "row examples", style: { marginTop: ".6rem" } }, EXAMPLES.map((text) => h("button", { type: "button", class: "quiet", onclick: () => { question.value = text; go.click(); } }, text)))), answer);

  function draw(found) {
    const numbers = new Map();
    const mark = (quote) => { const key = `${quote.document}:${quote.start}`; if (!numbers.has(key)) numbers.set(key, { number: numbers.size + 1, quote }); return numbers.get(key).number; };
    const statements = found.statements.map((statement) => h("p", {}, statement.text, " ", statement.quotes.map((quote) => { const number = mark(quote); return h("a", { href: `#/library`, onclick: (event) => { event.preventDefault(); document.getElementById(`quote-${number}`)?.scrollIntoView({ behavior: "smooth" }); document.getElementById(`quote-${number}`)?.focus(); } }, `[${number}]`); })));
    fill(answer, h("section", { class: "card" },
      found.answered ? null : h("p", {}, chip("no answer", "unknown"), " ", found.refusal), statements,
      found.contradictions.map((each) => h("div", {}, h("h3", {}, `Sources disagree on the ${each.property} of ${each.material}`), h("ul", {}, each.sides.map((side) => h("li", {}, side.written, " — ", h("span", { class: "hint" }, side.quote.source)))))),
      numbers.size ? [h("h2", {}, "Sources"), [...numbers.values()].map(({ number, quote }) => source(quote, number))] : found.closest.length ? [h("h2", {}, "What came closest"), found.closest.map((quote) => source(quote))] : null,
      h("p", { class: "hint small" }, `Searched ${found.searched.corpus}: ${found.searched.documents} documents, ${found.searched.passages} passages, ${found.searched.mode === "fused" ? "by words and meaning" : "by words"}.`, found.searched.lacking ? ` ${found.searched.lacking}` : ""),
      found.warnings.map((text) => h("p", { class: "small" }, chip("note", "unknown"), " ", text))));
  }
}

function source(quote, number) {
  return h("div", { id: number ? `quote-${number}` : undefined, tabindex: -1 },
    h("blockquote", {}, number ? h("strong", {}, `[${number}] `) : null, quote.text),
    h("p", { class: "hint small" }, [quote.citation || quote.source, quote.page ? `page ${quote.page}` : "", quote.section, `characters ${quote.start} to ${quote.end}`].filter(Boolean).join(" · "), quote.dois.map((doi) => [" · ", h("span", { class: "mono" }, `doi:${doi}`)]), quote.retracted ? [" ", chip("retracted", "missed")] : null));
}
