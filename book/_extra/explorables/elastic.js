// Elastic deformation by hand: nine arrows over an original, and what they make of it and of its label.
import { interpolateField, markFolded, padded, warpCubic, warpNearest } from "./augmentation.js";
import { drawing, element, field } from "./parts.js";
import { readGrey } from "./picture.js";

const SIDE = 240; // px: the part of the slice that is deformed
const MARGIN = 40; // px of mirror image that are shown around the original
const VIEW = SIDE + 2 * MARGIN;
const EDGE = 8; // px that an arrowhead keeps from the border of the view
const LINES = 9, PIECES = 5; // lines of the grid each way, and pieces of a line from one crossing to the next
const SIGMA = 10; // of the paper, and at the start
const SETTLED = 400; // ms without a change until the words are said
const NODES = ["top left", "top middle", "top right", "middle left", "central", "middle right", "bottom left", "bottom middle", "bottom right"];
const OUTLINE = [47, 180, 232], FOLDED = [194, 24, 122]; // sky blue and magenta of unet_tutorial.style

/** The nine vectors that the chapter prints, drawn with a sigma of 10 px: rows, columns. */
export const VECTORS = [
  [20.4, -25.6, 4.2, -5.7, -4.5, -2.2, -20.2, -2.3, -8.7],
  [33.2, 2.3, -3.5, -2.8, -6.7, -10.6, -3.9, 4.8, -2.4],
];
const printed = () => VECTORS.map((row) => row.map((value) => value / SIGMA));

/** Grey values and label of the part that is deformed. */
export async function load() {
  const [image, label] = await Promise.all(["slice", "label"].map((name) => readGrey(new URL(`data/bent-${name}.png`, import.meta.url))));
  return { image: image.values, label: Uint8Array.from(label.values) };
}

/** A function that deforms image and label by nine vectors. Its arrays hold until it is called again. */
export function deformer({ image, label }) {
  const source = padded(image, SIDE, SIDE);
  const grey = new Float32Array(SIDE ** 2), moved = new Uint8Array(SIDE ** 2), folded = new Uint8Array(SIDE ** 2);
  return (vectors) => {
    const displacement = interpolateField(vectors, SIDE, SIDE);
    warpCubic(source, displacement, grey);
    warpNearest(label, SIDE, SIDE, displacement, moved);
    return { grey, moved, folded, share: markFolded(displacement, SIDE, SIDE, folded) / SIDE ** 2 };
  };
}

/** A canvas, and a function that paints it: `dot(pixel)` gives what `blend` makes. */
function painting(side, label) {
  const canvas = element("canvas", { width: side, height: side, role: "img", "aria-label": label });
  const context = canvas.getContext("2d"), picture = context.createImageData(side, side), dots = new Uint32Array(picture.data.buffer);
  return {
    canvas,
    paint(dot) {
      for (let pixel = 0; pixel < dots.length; pixel++) dots[pixel] = dot(pixel);
      context.putImageData(picture, 0, 0);
    },
  };
}

/** A grey value in 0..1, with a colour over it. */
function blend(grey, [red, green, blue] = [0, 0, 0], strength = 0) {
  const base = 255 * (1 - strength) * grey + 0.5;
  return 255 << 24 | base + strength * blue << 16 | base + strength * green << 8 | base + strength * red;
}

/** Whether the outline of a cell runs through a pixel: a pixel beside it, or above or below, is of the other class. */
function outlined(label, pixel) {
  const x = pixel % SIDE, y = (pixel - x) / SIDE;
  const other = (exists, step) => exists && label[pixel + step] !== label[pixel];
  return other(x > 0, -1) || other(x < SIDE - 1, 1) || other(y > 0, -SIDE) || other(y < SIDE - 1, SIDE);
}

/** Row and column of a node. */
const place = (node) => [Math.floor(node / 3), node % 3].map((index) => index * (SIDE - 1) / 2);

/** What lies over a picture: a grid that vectors bend, and the nine nodes where it would be straight. */
function overlay(margin) {
  const side = SIDE + 2 * margin, svg = drawing(side, side);
  svg.node.setAttribute("viewBox", `${-margin - 0.5} ${-margin - 0.5} ${side} ${side}`); // whole numbers are centres of pixels
  const lines = ["grid casing", "grid"].map((name) => svg.add("path", { class: name }).node);
  return {
    svg,
    addNodes: () => NODES.map((_, node) => svg.add("circle", { class: "node", cx: place(node)[1], cy: place(node)[0], r: 3 }).node),
    bend(vectors) {
      const points = PIECES * (LINES - 1) + 1, step = (SIDE - 1) / (points - 1);
      const [down, across] = interpolateField(vectors, points, points); // nodes lie on corners and midpoints, as in the image
      const at = (row, column) => {
        const point = row * points + column;
        return `${(column * step + across[point]).toFixed(1)},${(row * step + down[point]).toFixed(1)}`;
      };
      const along = Array.from({ length: points }, (_, point) => point);
      const path = along.filter((line) => line % PIECES === 0)
        .map((line) => `M${along.map((point) => at(line, point)).join(" ")}M${along.map((point) => at(point, line)).join(" ")}`).join("");
      for (const line of lines) line.setAttribute("d", path);
    },
  };
}

/** A vector in words. */
function spell(down, across) {
  const part = (value, ways) => (Math.abs(value) < 0.5 ? [] : [`${Math.round(Math.abs(value))} px ${ways[value > 0 ? 0 : 1]}`]);
  return [...part(down, ["down", "up"]), ...part(across, ["right", "left"])].join(", ") || "no displacement";
}

/** What is seen, in words: the longest vector, and the share of the pixels that fold. */
export function sentence(vectors, share) {
  const longest = Math.max(...vectors[0].map((down, node) => Math.hypot(down, vectors[1][node])));
  if (!longest) return "All vectors are zero: nothing moves.";
  const percent = share < 0.001 ? "Less than 0.1%" : `${(100 * share).toFixed(1)}%`;
  return `The longest vector is ${Math.round(longest)} px long. ` +
    (share ? `${percent} of the pixels fold (hatched): they repeat tissue, mirrored.` : "Nothing folds.");
}

/** Two rows of nine standard normal numbers. */
function draw() {
  const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  return [0, 1].map(() => Array.from(NODES, normal));
}

export async function start(root) {
  const data = await load(), deform = deformer(data);
  const state = { units: printed(), sigma: SIGMA }; // vectors are units times sigma
  const vectors = () => state.units.map((row) => row.map((unit) => unit * state.sigma));

  const original = painting(VIEW, "A part of a slice with its mirror image around it, and over it a grid that nine arrows bend");
  const image = painting(SIDE, "The part, deformed");
  const label = painting(SIDE, "The label of the part, deformed by the same field");
  const [bent, ...straight] = [overlay(MARGIN), overlay(0), overlay(0)];
  bent.svg.add("rect", { class: "border", x: -0.5, y: -0.5, width: SIDE, height: SIDE });
  const shafts = NODES.map((_, node) => ["shaft casing", "shaft"].map((name) =>
    bent.svg.add("line", { class: name, x1: place(node)[1], y1: place(node)[0] }).node));
  const dots = [bent, ...straight].map(({ addNodes }) => addNodes());
  const knobs = NODES.map((name) => element("div", { class: "knob", tabindex: 0, role: "slider", "aria-roledescription": "arrow",
    "aria-label": `Arrow of the ${name} node`, "aria-valuemin": 0, "aria-valuemax": 999 }));
  const view = element("div", { class: "view" }, original.canvas, bent.svg.node, ...knobs);

  const sigma = field("Sigma, scales the vectors", { type: "range", min: 0, max: 40, value: SIGMA }, " px");
  const fresh = element("button", { type: "button" }, "draw new vectors"), reset = element("button", { type: "button" }, "reset");
  const grid = element("input", { type: "checkbox", checked: "" }), outline = element("input", { type: "checkbox" });
  const values = element("figcaption"), words = element("p", { class: "words", "aria-hidden": "true" });
  const heard = element("p", { class: "heard", "aria-live": "polite" });

  const show = () => {
    const now = vectors(), { grey, moved, folded, share } = deform(now);
    image.paint((pixel) => {
      if (outline.checked && outlined(moved, pixel)) return blend(0, OUTLINE, 1);
      return folded[pixel] ? blend(grey[pixel], FOLDED, (pixel + Math.floor(pixel / SIDE)) % 6 < 2 ? 0.85 : 0.3) : blend(grey[pixel]);
    });
    label.paint((pixel) => blend(moved[pixel]));
    bent.bend(now);
    knobs.forEach((knob, node) => {
      const [y, x] = place(node), [down, across] = now.map((row) => row[node]);
      const room = (from, way) => (way ? ((way > 0 ? SIDE - 1 - from : from) + MARGIN - EDGE) / Math.abs(way) : 1);
      const seen = Math.min(1, room(y, down), room(x, across)); // an arrow that leaves the view is cut
      for (const shaft of shafts[node]) {
        shaft.setAttribute("x2", x + seen * across);
        shaft.setAttribute("y2", y + seen * down);
      }
      knob.style.top = `${100 * (y + seen * down + MARGIN + 0.5) / VIEW}%`;
      knob.style.left = `${100 * (x + seen * across + MARGIN + 0.5) / VIEW}%`;
      knob.style.setProperty("--turn", `${Math.atan2(down, across)}rad`);
      knob.classList.toggle("zero", Math.hypot(down, across) < 0.5);
      knob.classList.toggle("cut", seen < 1);
      knob.setAttribute("aria-valuenow", Math.round(Math.hypot(down, across)));
      knob.setAttribute("aria-valuetext", spell(down, across));
    });
    root.classList.toggle("bare", !grid.checked);
    words.textContent = sentence(now, share);
    values.textContent = `Deformed label: ${[...new Set(moved)].sort().join(" and ")} only`;
  };
  let frame = 0, pause = 0;
  const soon = () => {
    cancelAnimationFrame(frame);
    clearTimeout(pause);
    frame = requestAnimationFrame(() => { // nothing is said before it is seen
      show();
      pause = setTimeout(() => { heard.textContent = `${words.textContent} ${values.textContent}.`; }, SETTLED);
    });
  };

  /** Let an arrow point from its node to a tip, or as near to it as the view reaches. */
  const point = (node, tip) => {
    if (!state.sigma) { // all vectors are zero, and the others are to stay so
      state.units = state.units.map((row) => row.map(() => 0));
      sigma.set(SIGMA);
    }
    tip.forEach((at, axis) => {
      const end = Math.min(Math.max(at, EDGE - MARGIN), SIDE - 1 + MARGIN - EDGE);
      state.units[axis][node] = (end - place(node)[axis]) / state.sigma;
    });
    soon();
  };
  knobs.forEach((knob, node) => {
    const choose = (chosen) => [...shafts[node], ...dots.map((nodes) => nodes[node])].forEach((part) => part.classList.toggle("chosen", chosen));
    knob.addEventListener("focus", () => choose(true));
    knob.addEventListener("blur", () => choose(false));
    knob.addEventListener("keydown", (event) => {
      const way = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (!way) return;
      event.preventDefault();
      const step = event.shiftKey ? 10 : 1;
      point(node, vectors().map((row, axis) => place(node)[axis] + row[node] + step * way[axis]));
    });
    let grip = []; // from the middle of the knob to the finger
    knob.addEventListener("pointerdown", (event) => {
      const { left, top, width, height } = knob.getBoundingClientRect();
      grip = [event.clientY - top - height / 2, event.clientX - left - width / 2];
      knob.setPointerCapture(event.pointerId);
      knob.focus({ preventScroll: true });
    });
    knob.addEventListener("pointermove", (event) => {
      if (!knob.hasPointerCapture(event.pointerId)) return;
      const { left, top, width } = view.getBoundingClientRect();
      point(node, [event.clientY - top - grip[0], event.clientX - left - grip[1]].map((at) => at / width * VIEW - MARGIN - 0.5));
    });
  });
  sigma.changed((value) => { state.sigma = value; soon(); });
  fresh.addEventListener("click", () => { state.units = draw(); sigma.set(state.sigma || SIGMA); });
  reset.addEventListener("click", () => {
    state.units = printed();
    [grid.checked, outline.checked] = [true, false];
    sigma.set(0);
  });
  for (const box of [grid, outline]) box.addEventListener("change", soon);

  const { picture } = padded(data.image, SIDE, SIDE, MARGIN, MARGIN);
  const outside = (at) => at < MARGIN || at >= MARGIN + SIDE;
  original.paint((pixel) => blend(picture[pixel] * (outside(pixel % VIEW) || outside(Math.floor(pixel / VIEW)) ? 0.5 : 1)));
  straight.forEach(({ bend }) => bend([0, 1].map(() => Array(9).fill(0))));
  show();
  root.replaceChildren(
    element("div", { class: "pictures" },
      element("figure", { class: "original" }, view,
        element("figcaption", {}, "Original. Drag the arrows: each points to where its pixel is fetched from.")),
      element("figure", {}, element("div", { class: "view" }, image.canvas, straight[0].svg.node),
        element("figcaption", {}, "Deformed image")),
      element("figure", {}, element("div", { class: "view" }, label.canvas, straight[1].svg.node), values)),
    words, heard,
    element("div", { class: "controls" }, sigma.node, element("div", { class: "choices" }, fresh, reset,
      element("label", {}, grid, "grid"), element("label", {}, outline, "label's outline"))));
}
