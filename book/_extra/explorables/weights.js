// The border weights: cells to move about, and the weight that equation 2 gives to the background between them.
import { borderTerm, borderWeightMap, paintCells, separateTouching, twoNearest } from "./borders.js";
import { drawing, element, field } from "./parts.js";
import { fill } from "./picture.js";

export const WIDTH = 128, HEIGHT = 96; // px of the map
export const START = {
  w0: 10, sigma: 5, count: 5, pixel: { x: 55, y: 33 },
  cells: [
    { x: 33, y: 32, a: 20.6, b: 16.3, angle: 0.3 },
    { x: 74, y: 28, a: 16.6, b: 19.6, angle: 0.1 },
    { x: 63, y: 70, a: 20.6, b: 15.3, angle: -0.2 },
    { x: 96, y: 62, a: 14.3, b: 17.6, angle: 0.4 },
    { x: 20, y: 74, a: 10.6, b: 12.6, angle: 0.5 },
    { x: 112, y: 20, a: 12.4, b: 10.4, angle: 0 },
  ],
};
const TOP = 20, FAR = 50; // ends of the axes: weight, and d1 + d2 in px
const APART = 14; // px between the centres of two cells, at least
const EDGE = 5; // px between a centre and the edge of the map, at least
const LEAP = 8; // px that an arrow key moves together with the shift key
const SETTLED = 350; // ms without a change before the words are told
const INSIDE = [46, 104, 128], RIM = [176, 219, 235]; // blues: the heat has none
const HEAT = ["000004", "0b0724", "210c4a", "3d0965", "57106e", "71196e", "8a226a", "a32c61", "bc3754", "d24644", "e45a31",
  "f1731d", "f98e09", "fcac11", "f9cb35", "f2ea69", "fcffa4"]
  .map((code) => [0, 2, 4].map((at) => parseInt(code.slice(at, at + 2), 16)));

const clamp = (value, low, high) => Math.max(low, Math.min(value, high));
const attributes = (node, values) => Object.entries(values).forEach(([name, value]) => node.setAttribute(name, value));

/** Red, green and blue of a weight, from black at 0 to pale yellow at 20, by its square root: low weights are seen too. */
export function heat(weight) {
  const place = Math.sqrt(clamp(weight / TOP, 0, 1)) * (HEAT.length - 1), low = Math.min(Math.floor(place), HEAT.length - 2);
  return HEAT[low].map((part, index) => part + (place - low) * (HEAT[low + 1][index] - part));
}

/** The cells after one was moved as near to x, y as the edges and the centres of the others let it. */
export function moved(cells, index, x, y) {
  const here = { ...cells[index] };
  const put = (column, row) => {
    here.x = clamp(Math.round(column), EDGE, WIDTH - 1 - EDGE);
    here.y = clamp(Math.round(row), EDGE, HEIGHT - 1 - EDGE);
    return cells.find((other, one) => one !== index && Math.hypot(here.x - other.x, here.y - other.y) < APART);
  };
  let other = put(x, y);
  for (let round = 0; other && round < 4; round++) {
    const away = Math.atan2(y - other.y, x - other.x);
    other = put(other.x + (APART + 1) * Math.cos(away), other.y + (APART + 1) * Math.sin(away));
  }
  return other ? cells : cells.map((cell, one) => (one === index ? here : cell));
}

/** What equation 2 says of one pixel: the cell it lies on, or its two nearest cells and the border term. */
export function reading({ ids, w0, sigma, pixel: { x, y } }) {
  const id = ids[y * WIDTH + x];
  const [first, second] = id ? [] : twoNearest(ids, WIDTH, y, x);
  return { id, first, second, term: second ? borderTerm(first.distance, second.distance, w0, sigma) : 0 };
}

/** What stands below the map, and is read aloud. */
export function sentence(state) {
  const { ids, weights, w0, count } = state;
  if (count < 2) return "One cell has no neighbour, so no pixel has a second distance: the border term is 0 everywhere.";
  if (!w0) return "With a height of 0 there is no border term: all background weighs the same.";
  const { id, first, second, term } = reading(state);
  const here = id ? `Cross-hair: on cell ${id}, where the border term is 0.` :
    `Cross-hair: ${first.distance.toFixed(2)} px to cell ${first.id}, ${second.distance.toFixed(2)} px to cell ${second.id}, ` +
    `border term ${term.toFixed(2)}.`;
  const most = Math.max(...weights), at = weights.indexOf(most);
  if (!most) return `${here} It is 0 everywhere.`;
  const [one, other] = twoNearest(ids, WIDTH, Math.floor(at / WIDTH), at % WIDTH).map((cell) => cell.id).sort();
  return `${here} Highest: ${most.toFixed(2)}, between cells ${one} and ${other}.`;
}

/** The border term over d1 + d2, with the colours of the map along its axis. `show` draws the curve and marks one sum. */
function chart(width) {
  const height = Math.min(0.84 * width, 200), left = 54, right = width - 12, top = 26, bottom = height - 44;
  const across = (sum) => left + (right - left) * Math.min(sum, FAR) / FAR;
  const up = (weight) => bottom - (bottom - top) * weight / TOP;
  const svg = drawing(width, height, "Curve of the border term, which falls as d1 + d2 grows, beside the colours of the map");
  const colours = svg.add("linearGradient", { id: "weights-heat", x1: 0, x2: 0, y1: 1, y2: 0 });
  HEAT.forEach((colour, index) => colours.add("stop", { offset: (index / (HEAT.length - 1)) ** 2, "stop-color": `rgb(${colour})` }));
  svg.add("rect", { x: left - 18, y: top, width: 14, height: bottom - top, fill: "url(#weights-heat)" });
  for (let weight = 0; weight <= TOP; weight += 5) {
    svg.add("text", { class: "tick", x: left - 24, y: up(weight) + 4.5 }, weight);
    svg.add("line", { class: "grid", x1: left, x2: right, y1: up(weight), y2: up(weight) });
  }
  for (let sum = 0; sum <= FAR; sum += 10) svg.add("text", { x: across(sum), y: bottom + 18 }, sum);
  svg.add("text", { class: "title", x: 0, y: 13 }, "border term");
  svg.add("text", { x: (left + right) / 2, y: bottom + 38 }, "d₁ + d₂ (px)");
  const guide = svg.add("path", { class: "guide" }).node, curve = svg.add("path", { class: "curve" }).node;
  const dot = svg.add("circle", { class: "dot", r: 6 }).node;
  const show = (w0, sigma, sum) => {
    const points = Array.from({ length: 2 * FAR + 1 }, (_, half) => `${across(half / 2)},${up(borderTerm(half / 2, 0, w0, sigma))}`);
    curve.setAttribute("d", `M${points.join("L")}`);
    for (const node of [guide, dot]) node.style.display = sum ? "" : "none";
    const term = borderTerm(sum, 0, w0, sigma);
    guide.setAttribute("d", `M${left},${up(term)}H${across(sum)}V${bottom}`);
    attributes(dot, { cx: across(sum), cy: up(term), fill: `rgb(${heat(term)})` });
  };
  return { node: svg.node, show };
}

/** What lies over the map: a handle for each cell, the lines of the two distances, the cross-hair. */
function overlay() {
  const svg = drawing(WIDTH, HEIGHT, "Cells and cross-hair: arrow keys move them");
  svg.node.setAttribute("role", "group");
  const handle = (kind, label) => svg.add("g", { class: `handle ${kind}`, tabindex: 0, role: "slider", "aria-label": label,
    "aria-roledescription": "movable", "aria-valuemin": 0, "aria-valuemax": WIDTH - 1 });
  const cells = START.cells.map(({ a, b, angle }, index) => {
    const cell = handle("cell", `Cell ${index + 1}`);
    const shape = { rx: a, ry: b, transform: `rotate(${180 * angle / Math.PI})` };
    cell.add("ellipse", { class: "target", ...shape });
    cell.add("ellipse", { class: "ring", ...shape });
    cell.add("text", { y: 2.2 }, index + 1);
    return cell.node;
  });
  const lines = ["", "second"].map((kind) => ["halo", "ink"]
    .map((layer) => svg.add("line", { class: `${layer} ${kind}` }).node));
  const ends = lines.map(() => svg.add("circle", { class: "end", r: 0.9 }).node);
  const cross = handle("cross", "Cross-hair");
  cross.add("circle", { class: "target", r: 6 });
  const corners = "M-2.5,-4.5h-2v2M2.5,-4.5h2v2M-2.5,4.5h-2v-2M2.5,4.5h2v-2";
  const arms = "M-7,0h2.5M7,0h-2.5M0,-7v2.5M0,7v-2.5";
  for (const layer of ["halo", "ink"]) cross.add("path", { class: layer, d: corners + arms });
  cross.add("circle", { class: "ring", r: 8.5 });
  return { node: svg.node, cells, lines, ends, cross: cross.node };
}

export function start(root) {
  const state = { ...START, hover: null };
  const canvas = element("canvas", { role: "img", "aria-label": "Border term: black is 0, pale yellow is 20, cells are blue" });
  const over = overlay();
  let curve = chart(276);
  const plot = element("div", {}, curve.node);
  const w0 = field("Height w₀", { type: "range", min: 0, max: TOP, step: 0.5, value: START.w0 });
  const sigma = field("Width σ", { type: "range", min: 1, max: 15, step: 0.5, value: START.sigma }, " px");
  const count = field("Cells", { type: "range", min: 1, max: START.cells.length, value: START.count });
  const reset = element("button", { type: "button" }, "reset");
  const distances = [1, 2].map(() => element("dd"));
  const term = element("dd");
  const words = element("p", { class: "words", "aria-live": "polite" });

  const stand = (handle, x, y) => attributes(handle,
    { transform: `translate(${x + 0.5},${y + 0.5})`, "aria-valuenow": x, "aria-valuetext": `row ${y}, column ${x}` });
  const seen = () => ({ ...state, pixel: state.hover ?? state.pixel });
  const paint = () => {
    state.ids = separateTouching(paintCells(state.cells.slice(0, state.count), HEIGHT, WIDTH), HEIGHT, WIDTH);
    state.weights = borderWeightMap(state.ids, HEIGHT, WIDTH, state.w0, state.sigma);
    const { ids, weights } = state;
    const rim = (at) => [-1, 1, -WIDTH, WIDTH].some((step) => ids[at + step] !== ids[at]);
    fill(canvas, WIDTH, HEIGHT, (at) => (ids[at] ? (rim(at) ? RIM : INSIDE) : heat(weights[at])));
    over.cells.forEach((cell, index) => {
      const { x, y } = state.cells[index];
      cell.style.display = index < state.count ? "" : "none";
      stand(cell, x, y);
    });
  };
  const read = () => {
    const { pixel: { x, y } } = seen();
    const { id, first, second, term: value } = reading(seen());
    stand(over.cross, x, y);
    [first, second].forEach((cell, index) => {
      for (const line of over.lines[index]) {
        line.style.display = cell ? "" : "none";
        if (cell) attributes(line, { x1: x + 0.5, y1: y + 0.5, x2: cell.column + 0.5, y2: cell.row + 0.5 });
      }
      over.ends[index].style.display = cell ? "" : "none";
      if (cell) attributes(over.ends[index], { cx: cell.column + 0.5, cy: cell.row + 0.5 });
      distances[index].textContent = cell ? `${cell.distance.toFixed(2)} px to cell ${cell.id}` : "none";
    });
    const sum = second ? first.distance + second.distance : 0;
    const power = `${state.w0}\u00a0exp(−${sum.toFixed(2)}²\u00a0/\u00a0${2 * state.sigma ** 2})`;
    term.textContent = second ? `${power} =\u00a0${value.toFixed(2)}` : id ? `0: on cell ${id}` : "0";
    curve.show(state.w0, state.sigma, sum);
  };

  let frame = 0, timer = 0;
  const draw = () => {
    clearTimeout(timer);
    frame ||= requestAnimationFrame(() => { // nothing is said before it is seen
      frame = 0;
      paint();
      read();
      timer = setTimeout(() => { words.textContent = sentence(seen()); }, SETTLED);
    });
  };

  const nearest = ({ x, y }) => ({ x: clamp(Math.round(x), 0, WIDTH - 1), y: clamp(Math.round(y), 0, HEIGHT - 1) });
  // What moves is the index of a cell, or -1: the cross-hair.
  const placeOf = (what) => (what < 0 ? state.pixel : state.cells[what]);
  const move = (what, place) => {
    state.hover = null;
    if (what < 0) state.pixel = nearest(place);
    else state.cells = moved(state.cells, what, place.x, place.y);
    draw();
  };
  const pointed = (event) => {
    const box = over.node.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width * WIDTH - 0.5, y: (event.clientY - box.top) / box.height * HEIGHT - 0.5 };
  };
  const cellAt = (place) => {
    const { x, y } = nearest(place);
    return state.ids[y * WIDTH + x] - 1;
  };
  let drag = null, tap = false;
  over.node.addEventListener("pointerdown", (event) => {
    const place = pointed(event), finger = event.pointerType !== "mouse";
    const handle = event.target.closest(".handle");
    tap = finger && !handle; // unless the page scrolls
    if (event.button || !event.isPrimary || tap) return;
    const grip = finger && handle === over.cross; // a mouse has the cross-hair under it on all background
    const what = grip ? -1 : cellAt(place);
    const held = what < 0 && !grip ? place : placeOf(what);
    drag = { what, x: held.x - place.x, y: held.y - place.y };
    over.node.setPointerCapture(event.pointerId);
    (over.cells[what] ?? over.cross).focus({ preventScroll: true });
    event.preventDefault();
    move(what, held);
  });
  // Within an SVG, touch-action does not keep Chromium from scrolling.
  for (const handle of [over.cross, ...over.cells]) {
    handle.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
  }
  over.node.addEventListener("pointermove", (event) => {
    const place = pointed(event);
    if (drag && event.isPrimary) move(drag.what, { x: place.x + drag.x, y: place.y + drag.y });
    else if (event.pointerType === "mouse") {
      const what = cellAt(place);
      over.node.style.cursor = what < 0 ? "crosshair" : "grab";
      state.hover = what < 0 ? nearest(place) : null;
      draw();
    }
  });
  for (const end of ["pointerup", "pointercancel"]) over.node.addEventListener(end, () => { drag = null; });
  over.node.addEventListener("pointerleave", () => { if (state.hover) { state.hover = null; draw(); } });
  over.node.addEventListener("click", (event) => { if (tap) move(-1, pointed(event)); });
  [over.cross, ...over.cells].forEach((handle, index) => handle.addEventListener("keydown", (event) => {
    const steps = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (!steps) return;
    event.preventDefault();
    const { x, y } = placeOf(index - 1), far = event.shiftKey ? LEAP : 1;
    move(index - 1, { x: x + far * steps[0], y: y + far * steps[1] });
  }));
  w0.changed((value) => { state.w0 = value; draw(); });
  sigma.changed((value) => { state.sigma = value; draw(); });
  count.changed((value) => { state.count = value; draw(); });
  reset.addEventListener("click", () => {
    Object.assign(state, START);
    for (const [slider, value] of [[w0, START.w0], [sigma, START.sigma], [count, START.count]]) slider.set(value);
  });

  root.replaceChildren(
    element("div", { class: "pair" },
      element("figure", {}, element("div", { class: "map" }, canvas, over.node),
        element("figcaption", {}, "Drag a cell, or the cross-hair. ",
          element("span", { class: "keys" }, "Keys: Tab and arrows, with Shift by 8 px."))),
      element("figure", {}, plot, element("dl", {}, element("dt", { class: "first" }, "d₁"), distances[0],
        element("dt", { class: "second" }, "d₂"), distances[1], element("dt", {}, "term"), term))),
    element("div", { class: "fields" }, w0.node, sigma.node, count.node, reset), words);
  paint();
  read();
  words.textContent = sentence(state);
  new ResizeObserver(() => {
    curve = chart(Math.max(plot.clientWidth, 200));
    plot.replaceChildren(curve.node);
    read();
  }).observe(plot);
}
