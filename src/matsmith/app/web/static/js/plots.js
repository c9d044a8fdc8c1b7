// Plots as SVG from plain numbers, as wide as their place: hover, touch or arrow keys read a point, a click opens it; export as SVG, PNG, CSV.

import { h, fill, save, table } from "./dom.js";

const NS = "http://www.w3.org/2000/svg";
const COLOURS = ["--s1", "--s2", "--s3", "--s4", "--s5"];
const LEFT = 62, RIGHT = 16, TOP = 14, BOTTOM = 46;
const REACH = 26, MOST_ROWS = 300;

export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined && value !== false) element.setAttribute(name, value);
  element.append(...children.flat().map((child) => (child instanceof Node ? child : document.createTextNode(child))));
  return element;
}

export function colour(index) {
  return `var(${COLOURS[index % COLOURS.length]})`;
}

export function ticks(low, high, count = 5) {
  const span = high - low || Math.abs(high) || 1;
  const raw = span / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((value) => span / value <= count) ?? raw;
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step) found.push(Number(value.toPrecision(12)));
  return found;
}

export const shown = (value) => (Math.abs(value) >= 1e5 || (value && Math.abs(value) < 1e-3) ? value.toExponential(1) : String(Number(value.toPrecision(5)))).replace("-", "−");

function range(values, axis) {
  const all = values.filter(Number.isFinite);
  if (!all.length) return [axis.low ?? 0, axis.high ?? 1];
  let low = Infinity, high = -Infinity;
  for (const value of all) { low = Math.min(low, value); high = Math.max(high, value); }
  if (low === high) { low -= Math.abs(low) * 0.1 || 1; high += Math.abs(high) * 0.1 || 1; }
  const margin = (high - low) * 0.06;
  // Named places end the axis sharply, and so does an end that is given.
  const sharp = axis.ticks?.length;
  return [axis.low !== undefined && axis.low <= low ? axis.low : sharp ? low : low - margin, axis.high !== undefined && axis.high >= high ? axis.high : sharp ? high : high + margin];
}

// What plot() and the figures of records have in common: see `scene` below for its shape.
export function plot({ title, x, y, series, lines = {}, legend = true, whole = false }) {
  return framed({
    title, legend,
    x: { title: x, whole }, y: { title: y },
    series: series.map((each, index) => {
      const ink = each.colour ?? colour(index);
      return { name: each.name, ink, style: each.line ? "line" : "points", marks: !each.bare, quiet: Boolean(each.bare), points: each.points };
    }),
    guides: [...(lines.x ?? []).map((line) => ({ axis: "x", at: line.at, name: line.label, met: true })), ...(lines.y ?? []).map((line) => ({ axis: "y", at: line.at, name: line.label, met: true }))],
  });
}

// scene: {title, note, x, y: {title, ticks, low, high, whole}, series: [{name, style, ink, points: [{x, y, dx, dy, label, name, open, hollow, large}], marks, quiet, dashed, heavy}],
//         guides: [{axis, at, name}], words: [{x, y, text}], bare: no axes, equal: one scale for both}
function draw(scene, width) {
  const { series, bare, equal } = scene;
  const lying = series.some((each) => each.style === "bars");
  // Names beside the axis take what they need, at most somewhat less than half.
  const beside = scene.y.ticks ? Math.min(14 + 6.7 * Math.max(...scene.y.ticks.map(([, text]) => text.length)), 0.45 * width) : 0;
  const left = bare ? 26 : Math.max(beside, LEFT), right = bare ? 26 : RIGHT, top = bare ? 24 : TOP, bottom = bare ? 26 : BOTTOM;
  const whole = series.flatMap((each) => each.points);
  const spread = (name, delta) => whole.flatMap((point) => (point[delta] ? [point[name] - point[delta], point[name] + point[delta]] : [point[name]]));
  const guides = scene.guides ?? [];
  let [x0, x1] = range([...spread("x", "dx"), ...guides.filter((each) => each.axis === "x").map((each) => each.at)], scene.x);
  let [y0, y1] = range([...spread("y", "dy"), ...guides.filter((each) => each.axis === "y").map((each) => each.at)], scene.y);
  let inner = width - left - right, tall = Math.round(Math.min(320, Math.max(210, inner * 0.62)));
  let aside = 0;
  if (bare) { [x0, x1] = bounds(whole.map((point) => point.x)); [y0, y1] = bounds(whole.map((point) => point.y)); }
  if (lying) tall = 24 * scene.y.ticks.length;
  if (equal) {
    const most = Math.min(inner, bare ? 520 : 400);
    aside = (inner - most) / 2;
    inner = most;
    tall = inner * ((y1 - y0) / (x1 - x0));
  }
  const start = left + aside, end = start + inner, base = top + tall, height = base + bottom;
  const px = (value) => start + ((value - x0) / (x1 - x0)) * inner;
  const py = (value) => base - ((value - y0) / (y1 - y0)) * tall;
  const svg = s("svg", { viewBox: `0 0 ${width} ${height.toFixed(1)}`, class: "plot", xmlns: NS });
  if (!bare) frame(svg, scene, { px, py, start, end, top, base, height, left, x: [x0, x1], y: [y0, y1], inner, tall });
  const boxes = [], spots = [], wanted = [];
  for (const line of guides) guide(svg, line, { px, py, start, end, top, base, boxes });
  for (const words of scene.words ?? []) {
    const x = px(words.x), low = py(words.y) > base - 5;
    svg.append(s("text", { x, y: low ? py(words.y) + 20 : py(words.y) - 10, "text-anchor": "middle", class: "strong" }, words.text));
    boxes.push([x - 14, py(words.y) - 24, x + 14, py(words.y) + 24]);
  }
  for (const each of series) {
    trace(svg, each, { px, py, base, y0 });
    for (const point of each.points) {
      if (!Number.isFinite(point.x) || !Number.isFinite(point.y)) continue;
      const x = px(point.x), y = py(point.y), marked = each.marks ?? (each.style !== "line" && each.style !== "area");
      if (point.dy && each.style !== "line") svg.append(s("path", { class: "whisker", d: `M${r(x)} ${r(py(point.y - point.dy))}V${r(py(point.y + point.dy))}m-4 0h8m-4 0M${r(x - 4)} ${r(py(point.y - point.dy))}h8`, stroke: each.ink }));
      if (point.dx) svg.append(s("path", { class: "whisker", d: `M${r(px(point.x - point.dx))} ${r(y)}H${r(px(point.x + point.dx))}`, stroke: each.ink }));
      if (each.quiet) continue;
      const label = point.label || `${shown(point.x)}, ${shown(point.y)}`;
      if (marked) svg.append(mark(each, point, { x, y, floor: py(Math.max(0, y0)), zero: px(0), label }));
      spots.push({ x, y, label, open: point.open, stick: each.style === "sticks", lies: each.style === "bars" });
      if (point.name) wanted.push({ x, y, text: point.name, large: point.large, stick: each.style === "sticks", height: point.y });
    }
  }
  for (const spot of spots) if (!spot.stick) boxes.push([spot.x - 3.5, spot.y - 3.5, spot.x + 3.5, spot.y + 3.5]);
  name(svg, wanted, { boxes, width, top, end });
  return { svg, spots };
}

const r = (value) => value.toFixed(1);

function bounds(values) {
  const all = values.filter(Number.isFinite);
  return all.length ? [Math.min(...all), Math.max(...all)] : [0, 1];
}

function frame(svg, scene, { px, py, start, end, top, base, height, left, x: [x0, x1], y: [y0, y1], inner, tall }) {
  const named = scene.x.ticks ?? [];
  const across = named.length ? named : ticks(x0, x1, Math.max(3, Math.floor(inner / 80))).filter((value) => !scene.x.whole || Number.isInteger(value)).map((value) => [value, shown(value)]);
  let last = -Infinity;
  for (const [value, text] of across) {
    const x = px(value);
    svg.append(s("line", { class: named.length ? "axis" : "grid-line", x1: r(x), x2: r(x), y1: top, y2: r(base) }));
    const half = 3.6 * text.length;
    if (x - half > last + 3) { svg.append(s("text", { x: r(x), y: r(base + 17), "text-anchor": "middle" }, text)); last = x + half; }
  }
  for (const [value, text] of scene.y.ticks ?? []) {
    const fits = Math.floor((left - 14) / 6.2);
    svg.append(s("text", { x: r(start - 8), y: r(py(value) + 4), "text-anchor": "end", class: "row-name" }, text.length > fits ? `${text.slice(0, fits - 1)}…` : text));
  }
  for (const value of scene.y.ticks ? [] : ticks(y0, y1, Math.max(3, Math.floor(tall / 52)))) {
    svg.append(s("line", { class: "grid-line", x1: r(start), x2: r(end), y1: r(py(value)), y2: r(py(value)) }));
    svg.append(s("text", { x: r(start - 7), y: r(py(value) + 4), "text-anchor": "end" }, shown(value)));
  }
  svg.append(s("path", { class: "axis", fill: "none", d: `M${r(start)} ${top}V${r(base)}H${r(end)}` }));
  svg.append(s("text", { x: r((start + end) / 2), y: r(height - 8), "text-anchor": "middle" }, scene.x.title));
  const size = Math.max(9, Math.min(12, (12 * (tall + top + 24)) / (6.5 * (scene.y.title ?? "").length)));
  svg.append(s("text", { transform: `translate(${r(start - LEFT + 14)} ${r((top + base + 8) / 2)}) rotate(-90)`, "text-anchor": "middle", "font-size": size < 12 ? r(size) : undefined }, scene.y.title));
}

function guide(svg, { axis, at, name: text, met }, { px, py, start, end, top, base, boxes }) {
  const upright = axis === "x";
  const place = upright ? { x1: r(px(at)), x2: r(px(at)), y1: top, y2: r(base) } : { x1: r(start), x2: r(end), y1: r(py(at)), y2: r(py(at)) };
  svg.append(s("line", { ...place, class: met ? "guide met" : "guide" }));
  if (!text) return;
  const long = 6.4 * text.length;
  const turned = upright && px(at) + 6 + long > end;
  const x = upright ? px(at) + (turned ? -5 : 5) : start + 6, y = upright ? top + 11 : py(at) - 5;
  svg.append(s("text", { x: r(x), y: r(y), class: met ? "met" : undefined, "text-anchor": turned ? "end" : "start" }, text));
  boxes.push(turned ? [x - long, y - 10, x, y + 3] : [x, y - 10, x + long, y + 3]);
}

function trace(svg, each, { px, py, base, y0 }) {
  if (each.style !== "line" && each.style !== "area") return;
  band(svg, each, { px, py });
  let path = "", pen = false, first = null, previous = null, count = 0;
  const close = () => { if (each.style === "area" && first !== null) path += `L${r(px(previous))} ${r(py(Math.max(0, y0)))}L${r(px(first))} ${r(py(Math.max(0, y0)))}Z`; first = null; };
  for (const point of each.points) {
    if (!Number.isFinite(point.x) || !Number.isFinite(point.y)) { if (pen) close(); pen = false; continue; }
    path += `${pen ? "L" : "M"}${r(px(point.x))} ${r(py(point.y))}`;
    if (!pen) first = point.x;
    pen = true; previous = point.x; count += 1;
  }
  if (pen) close();
  if (!path) return;
  svg.append(s("path", { class: `trace ${each.style}`, d: path, "data-points": count, fill: each.style === "area" ? each.ink : "none", "fill-opacity": each.style === "area" ? 0.25 : undefined, stroke: each.ink, "stroke-width": each.heavy ? 4 : 1.6, "stroke-opacity": each.heavy ? 0.55 : undefined, "stroke-linejoin": "round", "stroke-dasharray": each.dashed ? "7 7" : undefined }));
}

// One sigma to both sides of a line.
function band(svg, each, { px, py }) {
  let path = "", piece = [];
  const close = () => {
    if (piece.some((point) => point.dy)) path += `M${[...piece.map((point) => `${r(px(point.x))} ${r(py(point.y + (point.dy ?? 0)))}`), ...piece.reverse().map((point) => `${r(px(point.x))} ${r(py(point.y - (point.dy ?? 0)))}`)].join("L")}Z`;
    piece = [];
  };
  for (const point of each.points) if (Number.isFinite(point.x) && Number.isFinite(point.y)) piece.push(point); else close();
  close();
  if (path) svg.append(s("path", { class: "band", d: path, fill: each.ink, "fill-opacity": 0.18, stroke: "none" }));
}

function mark(each, point, { x, y, floor, zero, label }) {
  const seen = { class: "mark", role: point.open ? "button" : "img", "aria-label": label, stroke: each.ink };
  if (each.style === "sticks") return s("path", { ...seen, d: `M${r(x)} ${r(floor)}V${r(y)}`, "stroke-width": 1.8, fill: "none" });
  if (each.style === "bars") return s("path", { ...seen, d: `M${r(zero)} ${r(y - 8)}H${r(x)}V${r(y + 8)}H${r(zero)}Z`, fill: each.ink, "fill-opacity": 0.8, "stroke-width": 1 });
  if (point.large) return s("path", { ...seen, class: "mark large", d: `M${r(x)} ${r(y - 8)}l8 8l-8 8l-8 -8z`, fill: each.ink, stroke: "var(--card)", "stroke-width": 1.5 });
  const found = s("circle", { ...seen, cx: r(x), cy: r(y), r: 4.2, fill: point.hollow ? "var(--card)" : each.ink, "stroke-width": 1.5 });
  if (point.open) found.style.cursor = "pointer";
  return found;
}

// Names beside their points, the important ones first, none over another.
function name(svg, wanted, { boxes, width, top, end }) {
  wanted.sort((a, b) => Number(b.large ?? false) - Number(a.large ?? false) || (a.stick && b.stick ? b.height - a.height : 0));
  for (const each of wanted) {
    const long = 6.8 * each.text.length, { x, y } = each;
    const places = each.stick
      ? [[x, y - 5, "middle", x - long / 2]]
      : [[x, y - 10, "middle", x - long / 2], [x + 9, y + 4, "start", x + 9], [x - 9, y + 4, "end", x - 9 - long], [x, y + 19, "middle", x - long / 2]];
    for (const [tx, ty, anchor, from] of places) {
      const box = [from, ty - 10, from + long, ty + 3];
      const free = box[0] > 0 && box[2] < width - 1 && box[1] > 0 && boxes.every((other) => box[2] + 3 < other[0] || box[0] - 3 > other[2] || box[3] < other[1] || box[1] > other[3]);
      if (!free) continue;
      svg.append(s("text", { x: r(tx), y: r(ty), "text-anchor": anchor, class: each.large ? "strong" : "name" }, each.text));
      boxes.push(box);
      break;
    }
  }
}

// A figure that is drawn anew when its place changes its width, with its buttons, its legend and its numbers.
export function framed(scene, ...more) {
  const stage = h("div", { class: "stage" });
  const said = h("p", { class: "unseen", "aria-live": "polite" });
  let now = draw(scene, 560), width = 560;
  const put = () => {
    now = draw(scene, width);
    const count = now.spots.length;
    now.svg.setAttribute("role", "application");
    now.svg.setAttribute("aria-roledescription", "plot");
    now.svg.setAttribute("aria-label", `${scene.title}. ${count} points: arrow keys read them${now.spots.some((spot) => spot.open) ? ", Enter opens one" : ""}.`);
    now.svg.setAttribute("tabindex", "0");
    listen(now, said);
    fill(stage, now.svg);
  };
  put();
  new ResizeObserver(([entry]) => {
    const found = Math.round(Math.min(860, Math.max(280, entry.contentRect.width)));
    if (entry.contentRect.width > 0 && Math.abs(found - width) > 1) { width = found; put(); }
  }).observe(stage);
  const names = [...new Map(scene.series.filter((each) => each.name && each.points.length && !each.unlisted).map((each) => [each.name, each])).values()];
  return h("figure", { class: "card", "data-figure": scene.id },
    heading(scene.title, { svg: () => now.svg, csv: () => csv(scene) }),
    stage, said,
    scene.legend !== false && names.length > 1 ? h("div", { class: "legend" }, names.map((each) => h("span", {}, h("i", { style: { background: each.points[0]?.hollow ? "var(--card)" : each.ink, border: `1.5px solid ${each.ink}` } }), each.name))) : null,
    scene.note ? h("p", { class: "hint small" }, scene.note) : null,
    numbers(scene), ...more);
}

// The title of a figure with the buttons that save it.
export function heading(title, { svg, csv: rows }) {
  const file = title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
  const button = (text, onclick) => h("button", { type: "button", class: "plain", onclick }, text);
  return h("div", { class: "row spread" }, h("figcaption", {}, title),
    h("div", { class: "row small" },
      button("SVG", () => save(`${file}.svg`, standalone(svg()), "image/svg+xml")),
      button("PNG", () => png(svg(), `${file}.png`)),
      button("CSV", () => save(`${file}.csv`, rows(), "text/csv"))));
}

function numbers(scene) {
  const rows = listed(scene);
  if (!rows.length) return null;
  const place = h("div");
  const details = h("details", { class: "small" }, h("summary", {}, "Numbers"), place);
  details.addEventListener("toggle", () => {
    if (!details.open || place.childElementCount) return;
    fill(place, table(["series", scene.x.title || "across", scene.y.title || "up", "one sigma", ""], rows.slice(0, MOST_ROWS), { caption: `Numbers of ${scene.title}` }),
      rows.length > MOST_ROWS ? h("p", { class: "hint" }, `${rows.length - MOST_ROWS} more stand in the CSV file.`) : null);
  });
  return details;
}

function listed(scene) {
  return scene.series.filter((each) => !each.quiet).flatMap((each) => each.points.filter((point) => Number.isFinite(point.x) && Number.isFinite(point.y)).map((point) => [each.name ?? "", String(point.x), String(point.y), point.dy ? String(point.dy) : "", point.label ?? ""]));
}

function csv(scene) {
  return rowsAsCsv([["series", scene.x.title || "x", scene.y.title || "y", "sigma", "read out"], ...listed(scene)]);
}

export function rowsAsCsv(rows) {
  // A cell that a spreadsheet would take for a formula is made text.
  const cell = (text) => `"${(/^[=+@]|^-[^0-9.]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
  return rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

let tip;
function hideTip() { if (tip) tip.hidden = true; }

function showTip(svg, spot, event) {
  // A dialog lies above everything else: what stands over it has to stand within it.
  const home = svg.closest("dialog") ?? document.body;
  tip ??= h("div", { class: "tip", "aria-hidden": "true" });
  if (tip.parentNode !== home) home.append(tip);
  tip.hidden = false;
  tip.textContent = spot.label;
  const box = svg.getBoundingClientRect(), scale = box.width / svg.viewBox.baseVal.width;
  const x = event?.clientX ?? box.left + spot.x * scale, y = event?.clientY ?? box.top + spot.y * scale;
  tip.style.left = `${Math.max(4, Math.min(x + 12, innerWidth - tip.offsetWidth - 6))}px`;
  tip.style.top = `${y + 16 + tip.offsetHeight > innerHeight ? y - tip.offsetHeight - 10 : y + 16}px`;
}

function listen({ svg, spots }, said) {
  const ring = s("circle", { class: "ring", r: 8, fill: "none" });
  const order = spots.map((_, index) => index).sort((a, b) => (spots[a].lies ? 0 : spots[a].x - spots[b].x) || spots[a].y - spots[b].y);
  let at = -1;
  const point = (index, event) => {
    const spot = spots[index];
    ring.setAttribute("cx", spot.x); ring.setAttribute("cy", spot.y);
    if (!ring.isConnected) svg.append(ring);
    svg.style.cursor = spot.open ? "pointer" : "";
    showTip(svg, spot, event);
  };
  const leave = () => { ring.remove(); svg.style.cursor = ""; hideTip(); };
  const nearest = (event) => {
    const box = svg.getBoundingClientRect(), scale = svg.viewBox.baseVal.width / box.width;
    const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
    let best = -1, least = REACH;
    spots.forEach((spot, index) => {
      const away = spot.lies ? Math.abs(spot.y - y) * 2 : spot.stick ? Math.abs(spot.x - x) * 2 + (y < spot.y - 14 ? REACH : 0) : Math.hypot(spot.x - x, spot.y - y);
      if (away < least) { least = away; best = index; }
    });
    return best;
  };
  svg.addEventListener("pointermove", (event) => { const found = nearest(event); if (found < 0) leave(); else point(found, event); });
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("click", (event) => { const found = nearest(event); if (found >= 0) spots[found].open?.(); });
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (step !== undefined && order.length) at = (at + step + order.length + (at < 0 && step < 0 ? 1 : 0)) % order.length;
    else if (event.key === "Home") at = 0;
    else if (event.key === "End") at = order.length - 1;
    else if ((event.key === "Enter" || event.key === " ") && at >= 0 && spots[order[at]].open) { event.preventDefault(); spots[order[at]].open(); return; }
    else if (event.key === "Escape" && at >= 0) { at = -1; leave(); event.preventDefault(); return; }
    else return;
    event.preventDefault();
    point(order[at]);
    said.textContent = spots[order[at]].label;
  });
  svg.addEventListener("blur", () => { at = -1; leave(); });
}

// The picture with the colours of the theme written out, so that it can stand alone.
export function standalone(svg) {
  const copy = svg.cloneNode(true), style = getComputedStyle(document.documentElement);
  copy.querySelector(".ring")?.remove();
  for (const name of ["role", "tabindex", "aria-roledescription", "style"]) copy.removeAttribute(name);
  copy.setAttribute("role", "img");
  const box = svg.viewBox.baseVal;
  copy.setAttribute("width", box.width * 2);
  copy.setAttribute("height", box.height * 2);
  const value = (name) => style.getPropertyValue(name).trim();
  const text = new XMLSerializer().serializeToString(copy).replace(/var\((--[a-z0-9]+)\)/g, (_, name) => value(name));
  const rules = `<style>svg{font:12px system-ui,sans-serif}text{fill:${value("--quiet")}}text.name{font-size:11px}text.strong{font-weight:600;fill:${value("--ink")}}text.met{fill:${value("--met")}}.axis,.grid-line{stroke:${value("--line")}}.grid-line{stroke-dasharray:2 4}.whisker{fill:none;stroke-opacity:.6}.guide{stroke:${value("--quiet")};stroke-dasharray:6 4}.guide.met{stroke:${value("--met")}}</style><rect width="100%" height="100%" fill="${value("--card")}"/>`;
  return text.replace(/(<svg[^>]*>)/, `$1${rules}`);
}

async function png(svg, name) {
  const image = new Image(), box = svg.viewBox.baseVal;
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(standalone(svg))}`;
  await image.decode();
  const canvas = h("canvas", { width: Math.round(box.width * 2), height: Math.round(box.height * 2) });
  canvas.getContext("2d").drawImage(image, 0, 0);
  const link = h("a", { href: canvas.toDataURL("image/png"), download: name });
  link.click();
}
