// A crystal in three dimensions: 3Dmol draws it, loaded the first time one is shown.

import { h, fill, save } from "./dom.js";
import { text } from "./api.js";

let library;
function load() {
  library ??= new Promise((resolve, reject) => {
    const script = h("script", { src: "/static/vendor/3Dmol-min.js" });
    script.onload = () => resolve(window.$3Dmol);
    script.onerror = () => { library = undefined; reject(new Error("The viewer could not be loaded.")); };
    document.head.append(script);
  });
  return library;
}

export async function structureView(path, name) {
  const stage = h("div", { class: "viewer", role: "img", "aria-label": `Crystal structure of ${name}` });
  const repeats = h("select", { "aria-label": "Cells shown" }, [1, 2, 3].map((count) => h("option", { value: count }, `${count} × ${count} × ${count}`)));
  const polyhedra = h("input", { type: "checkbox" });
  const cif = await text(path);
  const box = h("div", {}, stage, h("div", { class: "row small", style: { marginTop: ".5rem" } },
    h("span", { style: { width: "8rem" } }, repeats),
    h("label", { class: "row" }, polyhedra, "polyhedra"),
    h("button", { type: "button", class: "quiet", onclick: () => save(`${name}.cif`, cif, "chemical/x-cif") }, "Download CIF")));
  let viewer, turned = false;
  async function draw() {
    const mol = await load();
    const background = getComputedStyle(document.documentElement).getPropertyValue("--card").trim();
    if (!viewer) viewer = mol.createViewer(stage, { backgroundColor: background, antialias: true });
    viewer.setBackgroundColor(background);
    viewer.removeAllModels(); viewer.removeAllShapes();
    const model = viewer.addModel(cif, "cif", { doAssembly: true, duplicateAssemblyAtoms: true, normalizeAssembly: true, noComputeSecondaryStructure: true });
    viewer.addUnitCell(model, { box: { color: getComputedStyle(document.documentElement).getPropertyValue("--quiet").trim() }, alabel: "a", blabel: "b", clabel: "c" });
    const inCell = model.selectedAtoms({}).length;
    const count = Number(repeats.value);
    if (count > 1) viewer.replicateUnitCell(count, count, count, model, true);
    else closeCell(model);
    viewer.setStyle({}, { sphere: { scale: 0.3 }, stick: { radius: 0.09 } });
    if (polyhedra.checked) drawPolyhedra(viewer, mol, model.selectedAtoms({}));
    if (!turned) { viewer.rotate(-18, "x"); viewer.rotate(28, "y"); turned = true; }
    viewer.zoomTo();
    viewer.render();
    const atoms = model.selectedAtoms({}).length;
    stage.dataset.atoms = String(atoms);
    stage.dataset.atomsInCell = String(inCell);
    stage.setAttribute("aria-label", `Crystal structure of ${name}, ${inCell} atoms in the cell, ${atoms} shown`);
  }
  for (const control of [repeats, polyhedra]) control.addEventListener("change", draw);
  addEventListener("themechange", () => stage.isConnected && draw());
  // The stage needs its size before the viewer is made.
  const ready = new Promise((resolve) => requestAnimationFrame(() => draw().then(resolve, (error) => { fill(stage, h("p", { class: "hint" }, error.message)); resolve(); })));
  return { box, ready };
}

// Atoms on a corner, an edge or a face stand on all of them, as pictures of cells show it.
function closeCell(model) {
  const matrix = model.getCrystData?.()?.matrix;
  if (!matrix) return;
  const m = matrix.elements, a = [m[0], m[1], m[2]], b = [m[3], m[4], m[5]], c = [m[6], m[7], m[8]];
  const inverse = new window.$3Dmol.Matrix3().getInverse3(matrix).elements;
  const images = [];
  for (const atom of model.selectedAtoms({})) {
    const place = [atom.x, atom.y, atom.z];
    const fraction = [0, 1, 2].map((row) => inverse[row] * place[0] + inverse[row + 3] * place[1] + inverse[row + 6] * place[2]);
    const steps = fraction.map((value) => (Math.abs(value) < 0.02 ? [0, 1] : Math.abs(value - 1) < 0.02 ? [0, -1] : [0]));
    for (const i of steps[0]) for (const j of steps[1]) for (const k of steps[2]) {
      if (!i && !j && !k) continue;
      images.push({ elem: atom.elem, x: place[0] + i * a[0] + j * b[0] + k * c[0], y: place[1] + i * a[1] + j * b[1] + k * c[1], z: place[2] + i * a[2] + j * b[2] + k * c[2], bonds: [], bondOrder: [], properties: {} });
    }
  }
  model.addAtoms(images);
  model.assignBonds?.();
}

const ANIONS = new Set(["O", "S", "Se", "Te", "N", "P", "F", "Cl", "Br", "I", "H", "C"]);

// Polyhedra of the nearest anions around each cation: their convex hull, found face by face (at most 14 corners).
function drawPolyhedra(viewer, mol, atoms) {
  const anions = atoms.filter((atom) => ANIONS.has(atom.elem));
  if (!anions.length || anions.length === atoms.length) return;
  for (const centre of atoms.filter((atom) => !ANIONS.has(atom.elem))) {
    const near = anions.map((atom) => ({ atom, d: Math.hypot(atom.x - centre.x, atom.y - centre.y, atom.z - centre.z) })).filter((each) => each.d < 3.4).sort((a, b) => a.d - b.d);
    if (near.length < 4) continue;
    const corners = near.filter((each) => each.d < near[0].d * 1.25).slice(0, 14).map((each) => each.atom);
    if (corners.length < 4) continue;
    const faces = hullFaces(corners);
    if (!faces.length) continue;
    const colour = mol.elementColors.Jmol[centre.elem] ?? 0x888888;
    viewer.addCustom({
      vertexArr: corners.map(({ x, y, z }) => ({ x, y, z })), normalArr: [], faceArr: faces.flat(), color: colour, opacity: 0.45,
    });
  }
}

function hullFaces(points) {
  const faces = [];
  const sub = (a, b) => [a.x - b.x, a.y - b.y, a.z - b.z];
  for (let i = 0; i < points.length; i++) for (let j = i + 1; j < points.length; j++) for (let k = j + 1; k < points.length; k++) {
    const u = sub(points[j], points[i]), v = sub(points[k], points[i]);
    const n = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
    const sides = points.map((point) => { const w = sub(point, points[i]); return n[0] * w[0] + n[1] * w[1] + n[2] * w[2]; });
    if (Math.hypot(...n) < 1e-6) continue;
    if (sides.every((side) => side < 1e-3)) faces.push([i, j, k]);
    else if (sides.every((side) => side > -1e-3)) faces.push([i, k, j]);
  }
  return faces;
}
