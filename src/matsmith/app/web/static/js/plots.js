// Plots as SVG, drawn from plain numbers: hover or tab to a mark to read it, click to open it, export as SVG or PNG.

import { h, save } from "./dom.js";

const NS = "http://www.w3.org/2000/svg";
const WIDTH = 560, HEIGHT = 340, LEFT = 64, RIGHT = 16, TOP = 14, BOTTOM = 48;
const COLOURS = ["--s1", "--s2", "--s3", "--s4", "--s5"];

function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) element.setAttribute(name, value);
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

function range(values, lines) {
  const all = [...values, ...lines].filter(Number.isFinite);
  if (!all.length) return [0, 1];
  let low = Math.min(...all), high = Math.max(...all);
  if (low === high) { low -= Math.abs(low) * 0.1 || 1; high += Math.abs(high) * 0.1 || 1; }
  const margin = (high - low) * 0.06;
  return [low - margin, high + margin];
}

const shown = (value) => (Math.abs(value) >= 1e5 || (value && Math.abs(value) < 1e-3) ? value.toExponential(1) : String(Number(value.toPrecision(6))));

// series: [{name, points: [{x, y, dx, dy, label, open}], line, colour}]; lines: {x: [{at, label}], y: [...]}
export function plot({ title, x, y, series, lines = {}, legend = true, whole = false }) {
  const points = series.flatMap((each) => each.points);
  const linesX = (lines.x ?? []).map((line) => line.at), linesY = (lines.y ?? []).map((line) => line.at);
  const [x0, x1] = range(points.map((point) => point.x), linesX), [y0, y1] = range(points.map((point) => point.y), linesY);
  const px = (value) => LEFT + ((value - x0) / (x1 - x0)) * (WIDTH - LEFT - RIGHT);
  const py = (value) => HEIGHT - BOTTOM - ((value - y0) / (y1 - y0)) * (HEIGHT - TOP - BOTTOM);
  const svg = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "plot", role: "group", "aria-label": title, xmlns: NS });
  const integer = (list) => (whole ? list.filter(Number.isInteger) : list);
  for (const value of integer(ticks(x0, x1, 6))) {
    svg.append(s("line", { class: "grid-line", x1: px(value), x2: px(value), y1: TOP, y2: HEIGHT - BOTTOM }));
    svg.append(s("text", { x: px(value), y: HEIGHT - BOTTOM + 17, "text-anchor": "middle" }, shown(value)));
  }
  for (const value of ticks(y0, y1, 5)) {
    svg.append(s("line", { class: "grid-line", x1: LEFT, x2: WIDTH - RIGHT, y1: py(value), y2: py(value) }));
    svg.append(s("text", { x: LEFT - 7, y: py(value) + 4, "text-anchor": "end" }, shown(value)));
  }
  svg.append(s("path", { class: "axis", fill: "none", d: `M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}` }));
  svg.append(s("text", { x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 10, "text-anchor": "middle" }, x));
  svg.append(s("text", { transform: `translate(14 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)`, "text-anchor": "middle" }, y));
  for (const line of lines.x ?? []) guide(svg, px(line.at), TOP, px(line.at), HEIGHT - BOTTOM, line.label, px(line.at) + 4, TOP + 11);
  for (const line of lines.y ?? []) guide(svg, LEFT, py(line.at), WIDTH - RIGHT, py(line.at), line.label, LEFT + 6, py(line.at) - 5);
  series.forEach((each, index) => {
    const ink = each.colour ?? colour(index);
    if (each.line && each.points.length > 1) {
      const path = each.points.map((point, place) => `${place ? "L" : "M"}${px(point.x).toFixed(1)} ${py(point.y).toFixed(1)}`).join("");
      svg.append(s("path", { d: path, fill: "none", stroke: ink, "stroke-width": 2, "stroke-linejoin": "round" }));
    }
    if (each.bare) return;
    for (const point of each.points) {
      if (point.dy) svg.append(s("line", { x1: px(point.x), x2: px(point.x), y1: py(point.y - point.dy), y2: py(point.y + point.dy), stroke: ink, "stroke-opacity": .45 }));
      if (point.dx) svg.append(s("line", { x1: px(point.x - point.dx), x2: px(point.x + point.dx), y1: py(point.y), y2: py(point.y), stroke: ink, "stroke-opacity": .45 }));
      const label = point.label ?? `${shown(point.x)}, ${shown(point.y)}`;
      const mark = s("circle", { class: "mark", cx: px(point.x), cy: py(point.y), r: point.large ? 6.5 : 4.5, fill: point.hollow ? "var(--card)" : ink, stroke: ink, "stroke-width": 1.6, tabindex: 0, role: point.open ? "button" : "img", "aria-label": label });
      tipped(mark, label);
      if (point.open) {
        mark.style.cursor = "pointer";
        mark.addEventListener("click", point.open);
        mark.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); point.open(); } });
      }
      svg.append(mark);
    }
  });
  return framed(title, svg, legend && series.length > 1 ? series : []);
}

function guide(svg, x1, y1, x2, y2, label, tx, ty) {
  svg.append(s("line", { x1, y1, x2, y2, stroke: "var(--met)", "stroke-width": 1.4, "stroke-dasharray": "6 4" }));
  if (label) svg.append(s("text", { x: tx, y: ty, style: "fill: var(--met)" }, label));
}

export function framed(title, svg, series = []) {
  const name = title.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  return h("figure", { class: "card" },
    h("div", { class: "row spread" }, h("figcaption", {}, title),
      h("div", { class: "row small" },
        h("button", { type: "button", class: "plain", onclick: () => save(`${name}.svg`, standalone(svg), "image/svg+xml") }, "SVG"),
        h("button", { type: "button", class: "plain", onclick: () => png(svg, `${name}.png`) }, "PNG"))),
    svg,
    series.length ? h("div", { class: "legend" }, series.map((each, index) => h("span", {}, h("i", { style: { background: each.colour ?? colour(index) } }), each.name))) : null);
}

let tip;
function tipped(mark, label) {
  const place = (event) => {
    tip ??= document.body.appendChild(h("div", { class: "tip", "aria-hidden": "true" }));
    tip.hidden = false;
    tip.textContent = label;
    const box = mark.getBoundingClientRect();
    tip.style.left = `${Math.min((event?.clientX ?? box.right) + 12, innerWidth - 240)}px`;
    tip.style.top = `${(event?.clientY ?? box.top) + 14}px`;
  };
  mark.addEventListener("pointermove", place);
  mark.addEventListener("focus", () => place());
  for (const name of ["pointerleave", "blur"]) mark.addEventListener(name, () => { if (tip) tip.hidden = true; });
}

// The picture with the colours of the theme written out, so that it can stand alone.
export function standalone(svg) {
  const copy = svg.cloneNode(true), style = getComputedStyle(document.documentElement);
  copy.setAttribute("width", WIDTH * 2);
  copy.setAttribute("height", HEIGHT * 2);
  const value = (name) => style.getPropertyValue(name).trim();
  const text = new XMLSerializer().serializeToString(copy).replace(/var\((--[a-z0-9]+)\)/g, (_, name) => value(name));
  const rules = `<style>text{font:12px system-ui,sans-serif;fill:${value("--quiet")}}.axis,.grid-line{stroke:${value("--line")}}.grid-line{stroke-dasharray:2 4}</style><rect width="100%" height="100%" fill="${value("--card")}"/>`;
  return text.replace(/(<svg[^>]*>)/, `$1${rules}`);
}

async function png(svg, name) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(standalone(svg))}`;
  await image.decode();
  const canvas = h("canvas", { width: WIDTH * 2, height: HEIGHT * 2 });
  canvas.getContext("2d").drawImage(image, 0, 0);
  const link = h("a", { href: canvas.toDataURL("image/png"), download: name });
  link.click();
}
