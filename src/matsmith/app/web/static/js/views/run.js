// One run: live while it is at work, whole when it has ended.

import { get, post, properties, titleOf } from "../api.js";
import { h, fill, arrange, redraw, complain, chip, seconds, table } from "../dom.js";
import { candidatePanel } from "../candidate.js";
import { candidateTable, targetPlots, convergence, verdictText } from "../candidates.js";
import { recordButton } from "../record.js";

const STAGES = { generate: "proposing", screen: "screening", relax: "relaxing", measure: "measuring" };

export async function show(place, { rest: [name] }) {
  const names = await properties();
  const state = { detail: null, chosen: null, panel: null, source: null, live: {}, seen: 0, left: false };
  const title = h("div"), said = h("div"), live = h("div", { "aria-live": "polite" }), body = h("div");
  const log = h("div", { class: "log", tabindex: 0, role: "log", "aria-label": "What happens" });
  fill(place, title, said, live, body);

  async function refresh() {
    state.detail = await get(`runs/${encodeURIComponent(name)}`);
    if (state.left) return;
    drawHead();
    if (!state.detail.young) drawBody();
  }

  function drawHead() {
    const detail = state.detail, at = detail.state;
    const go = (path, data) => async () => { try { await post(`runs/${encodeURIComponent(name)}/${path}`, data); await refresh(); if (path === "resume") listen(); } catch (error) { complain(error); } };
    fill(said, detail.outcome ? h("p", {}, detail.outcome) : null);
    if (at !== "running" && at !== "waiting") fill(live);
    // A button that is about to be pressed, or that holds the focus, stays where it is.
    const objective = detail.header?.objective ?? detail.spec?.objective ?? name, drawn = JSON.stringify([objective, at, detail.report_ready]);
    if (title.dataset.drawn === drawn) return;
    title.dataset.drawn = drawn;
    fill(title, h("div", { class: "row spread" },
      h("h1", {}, objective),
      h("div", { class: "row" }, chip(at, at),
        at === "running" ? h("button", { type: "button", class: "quiet", onclick: go("stop", {}) }, "Stop") : null,
        at === "interrupted" ? h("button", { type: "button", onclick: go("resume", {}) }, "Go on") : null,
        at === "waiting" ? [h("button", { type: "button", onclick: go("resume", { decision: "approve" }) }, "Approve"), h("button", { type: "button", class: "quiet", onclick: go("resume", { decision: "refuse" }) }, "Refuse")] : null,
        detail.report_ready ? h("a", { class: "button quiet", href: `/api/runs/${encodeURIComponent(name)}/report`, target: "_blank", rel: "noopener" }, "Report") : null)));
  }

  const where = h("strong"), sums = h("span", { class: "hint small" }), filled = h("span");
  const bar = h("div", { class: "bar", role: "progressbar", "aria-label": "This stage", "aria-valuemin": 0, "aria-valuemax": 100 }, filled);
  const progress = h("section", { class: "card", "aria-label": "Progress" }, h("div", { class: "row spread" }, where, sums), bar, log);

  function drawLive() {
    const now = state.live;
    const part = now.total ? now.done / now.total : 0;
    where.textContent = now.round === undefined ? "Starting" : `Round ${now.round + 1}: ${STAGES[now.stage] ?? now.stage ?? ""} ${now.total ? `${now.done} of ${now.total}` : ""}`;
    sums.textContent = [`${now.judged ?? 0} judged`, `${now.met ?? 0} meet every target`, now.left ? `${seconds(now.left)} left` : ""].filter(Boolean).join(" · ");
    bar.setAttribute("aria-valuenow", String(Math.round(part * 100)));
    filled.style.width = `${100 * part}%`;
    arrange(live, [progress]);
  }

  function note(text, kind) {
    log.prepend(h("p", {}, kind ? chip(kind === "met" ? "found" : kind, kind === "met" ? "met" : "") : null, kind ? " " : null, text));
    while (log.childElementCount > 200) log.lastElementChild.remove();
  }

  let pending = 0;
  function soon(delay = 600) {
    if (pending) return;
    pending = setTimeout(() => { pending = 0; refresh().catch(() => {}); }, delay);
  }

  function take(event) {
    const now = state.live, data = event.data ?? {};
    if (event.seconds_left) now.left = event.seconds_left;
    switch (event.kind) {
      case "started": Object.assign(now, { judged: 0, met: 0 }); note("The run has begun."); break;
      case "round": now.round = event.round; now.stage = "generate"; now.total = 0; break;
      case "progress": Object.assign(now, { round: event.round, stage: data.stage, done: data.done, total: data.total }); break;
      case "candidate": {
        now.judged = (now.judged ?? 0) + 1;
        if (data.meets) now.met = (now.met ?? 0) + 1;
        const values = Object.entries(data.values ?? {}).map(([key, text]) => `${titleOf(names, key)} ${text}`).join(", ");
        note(`${data.formula}: ${values}`, data.meets ? "met" : undefined);
        soon(2500);
        break;
      }
      case "round_finished": note(`Round ${event.round + 1} is over: ${data.met ?? 0} meet every target so far.`); soon(); break;
      case "warning": note(data.text ?? "", "note"); break;
      case "waiting": note("The run waits for your decision."); soon(); break;
      case "finished": note(data.sentence ?? "The run has ended."); soon(); break;
      default: soon(1200);
    }
  }

  let drawn = 0;
  function listen() {
    state.source?.close();
    state.live = {};
    const source = new EventSource(`/api/runs/${encodeURIComponent(name)}/events`);
    state.source = source;
    source.onmessage = (message) => {
      state.seen = Number(message.lastEventId);
      document.body.dataset.events = String(state.seen);
      try { take(JSON.parse(message.data)); } catch { return; }
      if (!drawn) drawn = requestAnimationFrame(() => { drawn = 0; if (state.detail?.state === "running" || state.detail?.state === "waiting") drawLive(); });
    };
    source.addEventListener("end", () => { source.close(); soon(200); });
  }

  // Made once: what somebody has sorted, opened, turned or focused stays so while the run goes on.
  const parts = Object.fromEntries(["targets", "candidates", "side", "plots", "critiques", "evidence", "rejected"].map((each) => [each, h("div")]));
  const counted = h("h2");
  const candidates = candidateTable({ names, run: name, choose, chosen: () => state.chosen?.id });
  const listed = h("section", { class: "card" }, counted, candidates.element);

  function choose(candidate) {
    state.chosen = candidate;
    if (state.panel?.id === candidate.id) { state.panel.update(candidate); return; }
    state.panel = candidatePanel(candidate, { run: name, names, targets: () => state.detail.spec?.targets ?? [] });
    fill(parts.side, state.panel.element);
  }

  function drawBody() {
    const { detail } = state;
    const targets = detail.spec?.targets ?? [];
    arrange(body, Object.values(parts));
    redraw(parts.targets, detail.spec, () => h("section", { class: "card" }, h("h2", {}, "Targets"), h("div", { class: "row" }, targets.map((target) => h("span", { class: "chip" }, verdictText(target, names))), wishes(detail.spec))));
    redraw(parts.candidates, detail.candidates.length > 0, () => (detail.candidates.length ? listed : h("p", { class: "hint" }, "Nothing has been judged yet.")));
    counted.textContent = `Candidates: ${detail.candidates.filter((each) => each.meets).length} of ${detail.candidates.length} meet every target`;
    const chosen = detail.candidates.find((each) => each.id === state.chosen?.id) ?? state.chosen ?? detail.candidates[0];
    if (chosen) choose(chosen);
    candidates.update(detail.candidates, targets);
    redraw(parts.plots, [detail.rounds, detail.candidates.map((each) => [each.id, each.meets, each.quantities])], () => {
      const plots = [convergence(detail.rounds), ...targetPlots(detail.candidates, { targets, names, run: name, open: (candidate) => { choose(candidate); candidates.update(detail.candidates, targets); parts.side.scrollIntoView({ block: "start" }); } })].filter(Boolean);
      return plots.length ? h("div", { class: "grid plots", style: { marginBottom: "1rem" } }, plots) : null;
    });
    redraw(parts.critiques, detail.rounds, () => critiques(detail));
    redraw(parts.evidence, detail.evidence, () => evidence(detail));
    redraw(parts.rejected, detail.rejected, () => rejected(detail));
  }

  function wishes(spec) {
    const chemistry = spec?.chemistry ?? {};
    return [...(chemistry.required ?? []).map((symbol) => h("span", { class: "chip" }, `with ${symbol}`)), ...(chemistry.excluded ?? []).map((symbol) => h("span", { class: "chip" }, `no ${symbol}`))];
  }

  function critiques(detail) {
    const rounds = detail.rounds.filter((round) => round.critique.length);
    if (!rounds.length) return null;
    return h("details", { class: "card" }, h("summary", {}, "What the critic said, round by round"), rounds.map((round) => h("p", {}, h("strong", {}, `Round ${round.summary.round + 1}. `), round.critique.map((part) => (part.record ? recordButton(name, part.record, part.text) : part.text)))));
  }

  function evidence(detail) {
    if (!detail.evidence.length) return null;
    return h("details", { class: "card" }, h("summary", {}, `What the literature says (${detail.evidence.length} quotes)`), detail.evidence.map((each) => h("div", {}, h("blockquote", {}, each.quote), h("p", { class: "hint small" }, [each.source, each.citation, each.page ? `page ${each.page}` : ""].filter(Boolean).join(" · ")))));
  }

  function rejected(detail) {
    if (!detail.rejected.length) return null;
    return h("details", { class: "card" }, h("summary", {}, `${detail.rejected.length} candidates that left early`), table(["formula", "prototype", "round", "why"], detail.rejected.slice(0, 200).map((each) => [each.formula, each.prototype, String(each.round + 1), each.reason])));
  }

  for (let attempt = 0; ; attempt += 1) {
    try { await refresh(); break; } catch (error) { if (attempt >= 5) throw error; await new Promise((resolve) => setTimeout(resolve, 500)); }
  }
  if (state.detail.young || state.detail.state === "running") {
    listen();
    drawLive();
    if (state.detail.young) soon(1500);
  }
  const timer = setInterval(() => { if (state.detail?.young || state.detail?.state === "running") refresh().catch(() => {}); }, 8000);
  return () => { state.left = true; state.source?.close(); clearInterval(timer); clearTimeout(pending); };
}
