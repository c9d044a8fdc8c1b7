// Conversations: what is said, what is done meanwhile, files dropped in, and a question before anything costly.

import { get, post, send, stream } from "../api.js";
import { h, fill, complain, chip, table } from "../dom.js";
import { recordBody } from "../record.js";

export async function show(place, { rest: [wanted] }) {
  const threads = await get("threads");
  const name = wanted ?? threads[0]?.name ?? fresh();
  if (!wanted) history.replaceState(null, "", `#/chat/${name}`);
  const path = `threads/${encodeURIComponent(name)}`;
  const talk = h("div", { class: "talk", role: "log", "aria-label": "Conversation" });
  const text = h("textarea", { id: "say", rows: 2, "aria-label": "Say something", placeholder: "Relax this CIF · bulk modulus of MgO · why was candidate 3 rejected? · /help" });
  const files = h("input", { type: "file", multiple: true, id: "files", class: "small" });
  const go = h("button", { type: "submit" }, "Send");
  const stop = h("button", { type: "button", class: "quiet", hidden: true, onclick: () => post(`${path}/stop`, {}).catch(complain) }, "Stop");
  const form = h("form", { class: "composer", onsubmit: (event) => { event.preventDefault(); say(); } },
    text, h("div", { class: "row spread", style: { marginTop: ".4rem" } }, h("label", { class: "row small", for: "files" }, "Files ", files), h("div", { class: "row" }, stop, go)));
  text.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); say(); } });
  let busy = false, toldAll;
  // Who is quick says something before what was said earlier is here: it waits for that.
  const told = new Promise((resolve) => { toldAll = resolve; });
  const choose = h("select", { "aria-label": "Conversation", onchange: () => { location.hash = `#/chat/${choose.value}`; } }, [...new Set([name, ...threads.map((each) => each.name)])].map((each) => h("option", { value: each, selected: each === name }, each)));
  fill(place, h("div", { class: "row spread" }, h("h1", {}, "Chat"), h("div", { class: "row" }, h("span", { style: { width: "13rem" } }, choose), h("button", { type: "button", class: "quiet", onclick: () => { location.hash = `#/chat/${fresh()}`; } }, "New"))), talk, form);
  for (const [kind, on] of [["dragover", true], ["dragleave", false], ["drop", false]]) place.addEventListener(kind, (event) => { event.preventDefault(); place.classList.toggle("dropping", on); if (kind === "drop") { files.files = event.dataTransfer.files; text.focus(); } });

  const past = await get(path);
  if (!past.length) talk.append(h("p", { class: "hint" }, "The same tools, one at a time: drop a CIF in and ask for its elastic tensor, ask what limits garnet electrolytes, start a design run and ask how it goes."));
  for (const turn of past) { mine(turn.said); const box = theirs(); if (turn.pieces.length) box.append(...turn.pieces.map(piece)); else say_(box, turn.answered); if (turn.pieces.length && turn.answered) say_(box, turn.answered, true); }
  talk.lastElementChild?.scrollIntoView({ block: "end" });
  toldAll();

  function mine(said) { talk.append(h("div", { class: "said mine" }, said)); }
  function theirs() { const box = h("div", { class: "said" }); talk.append(box); return box; }
  function say_(box, words, unlessShown = false) { if (words && !(unlessShown && box.textContent.includes(words.slice(0, 60)))) box.append(h("p", { class: "text" }, words)); }

  async function say() {
    const said = text.value.trim();
    if (busy || (!said && !files.files.length)) return;
    busy = true; go.disabled = true; stop.hidden = false;
    const box = h("div", { class: "said", "aria-busy": "true" });
    try {
      await told;
      const sent = [];
      for (const file of files.files) { const form = new FormData(); form.append("file", file); sent.push((await send(`${path}/files`, form)).name); }
      mine([said, ...sent.map((each) => `[${each}]`)].filter(Boolean).join(" "));
      talk.append(box);
      text.value = ""; files.value = "";
      let words = h("p", { class: "text" }), shown = 0;
      const doing = h("p", { class: "hint small" }, "…");
      box.append(doing);
      for await (const event of stream(`${path}/turns`, { text: said, files: sent })) {
        switch (event.kind) {
          case "text": if (!words.isConnected) box.insertBefore(words, doing); words.append(event.text); break;
          case "again": words.remove(); words = h("p", { class: "text" }); break;
          case "note": box.insertBefore(h("p", { class: "hint small" }, event.text), doing); break;
          case "call": doing.textContent = `${event.name.replaceAll("_", " ")} …`; break;
          case "reply": doing.textContent = "…"; for (const each of event.pieces ?? []) { box.insertBefore(piece(each), doing); shown += 1; } if (event.failed && !event.pieces?.length) box.insertBefore(h("p", { class: "tone-bad" }, event.failed), doing); words = h("p", { class: "text" }); break;
          case "confirm": await confirm(box, doing, event); break;
          case "failed": box.append(h("p", { class: "tone-bad" }, `${event.text} ${event.hint ?? ""}`)); break;
          case "end":
            if (!shown) box.append(...event.pieces.map(piece));
            if (event.text && !box.textContent.includes(event.text.slice(0, 80))) box.append(h("p", { class: "text" }, event.text));
            if (event.error) box.append(h("p", { class: "tone-bad" }, `${event.error} ${event.hint ?? ""}`));
            for (const run of event.runs ?? []) box.append(h("p", {}, h("a", { href: `#/runs/${encodeURIComponent(run)}` }, `Watch the run ${run}`)));
            break;
        }
        box.scrollIntoView({ block: "end" });
      }
      doing.remove();
    } catch (error) { complain(error); if (!box.childElementCount) box.remove(); } finally { busy = false; go.disabled = false; stop.hidden = true; box.removeAttribute("aria-busy"); text.focus(); }
  }

  function confirm(box, before, event) {
    return new Promise((resolve) => {
      const decide = (yes) => async () => { row.replaceWith(h("p", { class: "hint small" }, yes ? "Agreed." : "Refused.")); try { await post(`${path}/confirm`, { yes }); } catch (error) { complain(error); } resolve(); };
      const row = h("div", { class: "card", role: "alertdialog", "aria-label": "Agree?" }, h("p", {}, event.sentence), h("div", { class: "row" }, h("button", { type: "button", onclick: decide(true) }, "Yes"), h("button", { type: "button", class: "quiet", onclick: decide(false) }, "No")));
      box.insertBefore(row, before);
      row.querySelector("button").focus();
    });
  }
}

function fresh() {
  return `page-${new Date().toISOString().slice(0, 16).replace(/[^0-9]+/g, "-")}-${Math.random().toString(36).slice(2, 5)}`;
}

function piece(each) {
  switch (each.kind) {
    case "table": return h("div", {}, each.title ? h("h3", {}, each.title) : null, table(each.columns, each.rows, { caption: each.title }), each.note ? h("p", { class: "hint small" }, each.note) : null);
    case "record": return h("details", { open: true }, h("summary", {}, each.title || each.record.tool.replaceAll("_", " "), " ", chip(each.record.status, each.record.status === "success" ? "met" : "missed")), recordBody(each.record));
    default: return h("p", { class: `text tone-${each.tone ?? "plain"}` }, each.text);
  }
}
