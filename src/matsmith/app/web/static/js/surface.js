// A closed surface about a point, such as a modulus along every direction: turned by dragging or by the arrow keys, coloured by its distance.

import { h, fill } from "./dom.js";
import { heading, rowsAsCsv, s, shown } from "./plots.js";

const WIDEST = 440, STEP_DEG = 7.5;
// Violet to yellow, of even steps in lightness (the colours of viridis): read in grey and by the colour-blind.
const RAMP = [[68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121], [109, 205, 89], [180, 222, 44], [253, 231, 37]];
const AXES = [["x", [1, 0, 0]], ["y", [0, 1, 0]], ["z", [0, 0, 1]]];
const LIGHT = unit([-0.35, 0.5, 0.8]);

const radians = (degrees) => (degrees * Math.PI) / 180;
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const minus = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
function unit(v) { const long = Math.hypot(...v) || 1; return [v[0] / long, v[1] / long, v[2] / long]; }
const r = (value) => value.toFixed(1);

function colour(share, light) {
  const place = Math.min(0.9999, Math.max(0, share)) * (RAMP.length - 1), at = Math.floor(place), part = place - at;
  return `rgb(${RAMP[at].map((low, i) => Math.round((low + (RAMP[at + 1][i] - low) * part) * light)).join(",")})`;
}

// The rows of the view: to the right, up, and towards whoever looks; z stays upright.
function view({ turn, tilt }) {
  const [a, b] = [radians(turn), radians(tilt)];
  return [[-Math.sin(a), Math.cos(a), 0], [-Math.cos(a) * Math.sin(b), -Math.sin(a) * Math.sin(b), Math.cos(b)], [Math.cos(a) * Math.cos(b), Math.sin(a) * Math.cos(b), Math.sin(b)]];
}

function meshOf({ polar_deg: polar, azimuth_deg: azimuth, distances }) {
  const place = (i, j) => {
    const [t, p, far] = [radians(polar[i]), radians(azimuth[j]), distances[i][j]];
    return [far * Math.sin(t) * Math.cos(p), far * Math.sin(t) * Math.sin(p), far * Math.cos(t)];
  };
  const faces = [];
  for (let i = 0; i + 1 < polar.length; i += 1) {
    for (let j = 0; j + 1 < azimuth.length; j += 1) {
      const corners = [place(i, j), place(i + 1, j), place(i + 1, j + 1), place(i, j + 1)];
      const mean = (distances[i][j] + distances[i + 1][j] + distances[i + 1][j + 1] + distances[i][j + 1]) / 4;
      const normal = unit(cross(minus(corners[2], corners[0]), minus(corners[3], corners[1])));
      const middle = [0, 1, 2].map((axis) => (corners[0][axis] + corners[1][axis] + corners[2][axis] + corners[3][axis]) / 4);
      faces.push({ corners, mean, normal: dot(normal, middle) < 0 ? normal.map((part) => -part) : normal, middle });
    }
  }
  return faces;
}

export function surfaceFigure(figure, ...more) {
  const { surface } = figure, all = surface.distances.flat();
  const low = Math.min(...all), high = Math.max(...all), span = high - low > 1e-4 * high ? high - low : 0;
  const faces = meshOf(surface);
  const state = { turn: 35, tilt: 22, size: WIDEST };
  const words = (value) => [shown(Number(value.toPrecision(4))), surface.unit].filter(Boolean).join(" ");
  const svg = s("svg", { class: "plot surface", tabindex: 0, role: "application", "aria-roledescription": "surface",
    "aria-label": `${figure.title}, from ${words(low)} to ${words(high)}. Arrow keys turn it, Home turns it back.` });
  const said = h("p", { class: "unseen", "aria-live": "polite" });
  const back = s("g"), body = s("g"), front = s("g"), key = s("g");
  const paths = faces.map(() => s("path", { class: "face", "stroke-width": 0.6, "stroke-linejoin": "round" }));
  body.append(...paths);
  svg.append(back, body, front, key);
  function draw() {
    const rows = view(state), middle = state.size / 2 - 15, scale = (0.36 * state.size) / (high || 1);
    const seen = (v) => [middle + 15 + scale * dot(rows[0], v), middle - scale * dot(rows[1], v)];
    const ordered = faces.map((face) => ({ face, depth: dot(rows[2], face.middle) })).sort((a, b) => a.depth - b.depth);
    ordered.forEach(({ face }, index) => {
      const turned = rows.map((row) => dot(row, face.normal));
      // What looks away is hidden by another face.
      if (turned[2] < 0) { paths[index].setAttribute("d", ""); return; }
      const light = 0.62 + 0.38 * Math.max(0, dot(turned, LIGHT));
      const ink = colour(span ? (face.mean - low) / span : 0.5, light);
      paths[index].setAttribute("d", `M${face.corners.map((corner) => seen(corner).map(r).join(" ")).join("L")}Z`);
      paths[index].setAttribute("fill", ink);
      paths[index].setAttribute("stroke", ink);
    });
    fill(back);
    fill(front);
    for (const [name, along] of AXES) {
      const long = 1.22 * (high || 1), towards = dot(rows[2], along) >= 0;
      const [x, y] = seen(along.map((part) => part * long)), root = seen(along.map((part) => part * reachOf(surface, along)));
      (towards ? front : back).append(
        s("path", { d: `M${root.map(r).join(" ")}L${r(x)} ${r(y)}`, class: "axis-arm", stroke: "var(--quiet)", "stroke-width": 1.4, fill: "none" }),
        s("text", { x: r(x + 7 * Math.sign(x - middle - 15 || 1)), y: r(y + (y < middle ? -5 : 13)), "text-anchor": "middle", class: "strong" }, name));
    }
  }

  function turn(by, up) {
    state.turn = (state.turn + by + 360) % 360;
    state.tilt = Math.max(-90, Math.min(90, state.tilt + up));
    draw();
  }
  listen(svg, { turn, home: () => { Object.assign(state, { turn: 35, tilt: 22 }); draw(); }, tell: () => { said.textContent = `Seen from ${Math.round(state.turn)}° around z, ${Math.round(state.tilt)}° above.`; } });
  // As wide as its place, so that words are as large on a narrow screen as on a wide one.
  const put = (size) => {
    state.size = size;
    svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
    fill(key);
    legend(key, { low, high, span, words, size });
    draw();
  };
  put(WIDEST);
  const stage = h("div", { class: "stage surface-stage" }, svg);
  new ResizeObserver(([entry]) => {
    const found = Math.round(Math.min(WIDEST, Math.max(240, entry.contentRect.width)));
    if (entry.contentRect.width > 0 && Math.abs(found - state.size) > 1) put(found);
  }).observe(stage);
  const rows = () => [["polar angle (degrees)", "azimuth (degrees)", `${surface.name}${surface.unit ? ` (${surface.unit})` : ""}`],
    ...surface.polar_deg.flatMap((polar, i) => surface.azimuth_deg.map((azimuth, j) => [String(polar), String(azimuth), String(surface.distances[i][j])]))];
  return h("figure", { class: "card", "data-figure": figure.id },
    heading(figure.title, { svg: () => svg, csv: () => rowsAsCsv(rows()) }),
    stage, said, figure.note ? h("p", { class: "hint small" }, figure.note) : null, ...more);
}

function reachOf({ polar_deg: polar, azimuth_deg: azimuth, distances }, [x, y, z]) {
  const want = [(Math.acos(z) * 180) / Math.PI, ((Math.atan2(y, x) * 180) / Math.PI + 360) % 360];
  const near = (values, value) => values.reduce((best, each, index) => (Math.abs(each - value) < Math.abs(values[best] - value) ? index : best), 0);
  return distances[near(polar, want[0])][near(azimuth, want[1])];
}

function legend(key, { low, high, span, words, size }) {
  const left = 0.25 * size, wide = 0.5 * size, top = size - 34;
  const steps = span ? 44 : 1;
  for (let i = 0; i < steps; i += 1) key.append(s("rect", { x: r(left + (i * wide) / steps), y: top, width: r(wide / steps + 0.5), height: 9, fill: colour(span ? i / (steps - 1) : 0.5, 1) }));
  if (!span) { key.append(s("text", { x: size / 2, y: top + 26, "text-anchor": "middle" }, `${words(high)} along every direction`)); return; }
  key.append(s("text", { x: left, y: top + 26, "text-anchor": "middle" }, words(low)), s("text", { x: left + wide, y: top + 26, "text-anchor": "middle" }, words(high)));
}

function listen(svg, { turn, home, tell }) {
  let held = null;
  svg.addEventListener("pointerdown", (event) => { held = [event.clientX, event.clientY]; svg.setPointerCapture(event.pointerId); });
  svg.addEventListener("pointermove", (event) => {
    if (!held) return;
    turn(-(event.clientX - held[0]) * 0.5, (event.clientY - held[1]) * 0.5);
    held = [event.clientX, event.clientY];
  });
  for (const name of ["pointerup", "pointercancel"]) svg.addEventListener(name, () => { held = null; });
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowRight: [-STEP_DEG, 0], ArrowLeft: [STEP_DEG, 0], ArrowUp: [0, -STEP_DEG], ArrowDown: [0, STEP_DEG] }[event.key];
    if (step) turn(...step);
    else if (event.key === "Home") home();
    else return;
    event.preventDefault();
    tell();
  });
}
