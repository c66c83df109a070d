// The threshold explorer: segments, splits and merges of a slice at any threshold, and what three errors make of them.
import { judge, slice } from "./errors.js";
import { drawing, element, field } from "./parts.js";
import { greyOf, readGrey } from "./picture.js";

const SIDE = 192; // px: the part of the slice that is shown
const START = 0.4; // the threshold of the figure above
const FINE = 3; // dots a pixel on the canvas, so that hatching and outlines are thin
const SETTLED = 400; // ms without a new value until the words say it
export const THRESHOLDS = Array.from({ length: 97 }, (_, index) => (index + 2) / 100);

// The palette of unet_tutorial.style.
const MEMBRANE = [43, 34, 56], SPLIT = [47, 180, 232], MERGE = [194, 24, 122], ACCENT = [230, 149, 0];
const css = (colour) => `rgb(${colour})`;
const inner = (words) => words.replace(/^[PW]/, (letter) => letter.toLowerCase()); // Rand is a name

/** The errors: how high their plots reach, and the parts that splits and merges have in them. */
const ERRORS = [
  { name: "pixel", words: "Pixel error", top: 0.3, digits: 4, parts: {} },
  { name: "rand", words: "Rand error", top: 0.7, digits: 4, parts: { split: (one) => 1 - one.splitScore, merge: (one) => 1 - one.mergeScore } },
  { name: "warping", words: "Warping error", top: 0.006, digits: 5,
    parts: { split: (one) => one.split.length / SIDE ** 2, merge: (one) => one.merge.length / SIDE ** 2 } },
];

/** The part of the slice that is shown: what is to be judged, and its grey values, finely. */
export async function load() {
  const address = (name) => new URL(`data/part-${name}.png`, import.meta.url);
  const levels = async (name) => {
    const { values } = await readGrey(address(name));
    return Array.from(values, (value) => Math.round(255 * value));
  };
  const [label, probability, picture] = await Promise.all([levels("label"), levels("probability"),
    fetch(address("slice")).then((answer) => answer.blob()).then(createImageBitmap)]);
  const canvas = new OffscreenCanvas(FINE * SIDE, FINE * SIDE);
  canvas.getContext("2d", { willReadFrequently: true }).drawImage(picture, 0, 0, SIDE, SIDE, 0, 0, FINE * SIDE, FINE * SIDE);
  return {
    image: slice(Float64Array.from(probability, (level) => level / 255), Uint8Array.from(label, (level) => level > 0), SIDE, SIDE),
    grey: greyOf(canvas, FINE * SIDE, FINE * SIDE).values,
  };
}

/** A painter of results on a canvas: hatched segments, marks on the pixels that split and merge, and the true borders if asked. */
function painter(canvas, grey, { ids }) {
  const side = FINE * SIDE, context = canvas.getContext("2d");
  Object.assign(canvas, { width: side, height: side });
  const picture = context.createImageData(side, side), dots = new Uint32Array(picture.data.buffer);
  const levels = new Uint8Array(grey.length);
  for (let dot = 0; dot < levels.length; dot++) levels[dot] = Math.round(255 * grey[dot]);
  const ink = (strength, colour, paled) => Uint32Array.from({ length: 256 }, (_, level) => { // by grey level
    const base = paled ? (255 + level) / 2 : level;
    return colour.reduceRight((dot, part) => dot << 8 | Math.round((1 - strength) * base + strength * part), 255);
  });
  const plain = [ink(0.75, MEMBRANE, false), ink(0, MEMBRANE, true), ink(0.3, SPLIT, true), ink(0.25, MERGE, true)]; // by kind
  const hatched = [plain[0], plain[1], ink(0.75, SPLIT, true), ink(0.75, MERGE, true)];
  const hatch = (kind, x, y) => (kind === 2 ? x + y : kind === 3 ? x - y + side : 3) % 14 < 3;
  const borders = new Path2D();
  for (let pixel = 0; pixel < ids.length; pixel++) {
    const x = pixel % SIDE, y = Math.floor(pixel / SIDE);
    if (x && ids[pixel] !== ids[pixel - 1]) borders.rect(FINE * x, FINE * y, 0, FINE);
    if (y && ids[pixel] !== ids[pixel - SIDE]) borders.rect(FINE * x, FINE * y, FINE, 0);
  }
  const mark = (pixels, colour, shape) => {
    const path = new Path2D();
    for (const pixel of pixels) shape(path, FINE * (pixel % SIDE + 0.5), FINE * (Math.floor(pixel / SIDE) + 0.5));
    context.lineWidth = 5;
    context.strokeStyle = "#fff";
    context.stroke(path);
    context.fillStyle = css(colour);
    context.fill(path);
  };
  return ({ kinds, split, merge }, truth) => {
    for (let y = 0, dot = 0; y < side; y++) {
      const row = Math.floor(y / FINE) * SIDE;
      for (let x = 0; x < side; x++, dot++) {
        const kind = kinds[row + Math.floor(x / FINE)];
        dots[dot] = (hatch(kind, x, y) ? hatched : plain)[kind][levels[dot]];
      }
    }
    context.putImageData(picture, 0, 0);
    if (truth) {
      context.lineWidth = 3;
      context.strokeStyle = css(ACCENT);
      context.stroke(borders);
    }
    mark(split, SPLIT, (path, x, y) => path.rect(x - 7, y - 7, 14, 14));
    mark(merge, MERGE, (path, x, y) => {
      [[x - 10, y], [x, y - 10], [x + 10, y], [x, y + 10]].forEach((corner, index) => (index ? path.lineTo(...corner) : path.moveTo(...corner)));
      path.closePath();
    });
  };
}

const across = (threshold) => 100 * (threshold - THRESHOLDS[0]) / (THRESHOLDS.at(-1) - THRESHOLDS[0]);

/** The plot of an error over the threshold; `go` is told the thresholds that the reader takes from it. */
function plot({ name, words, top, digits, parts }, go) {
  const svg = drawing(100, 100);
  svg.node.setAttribute("preserveAspectRatio", "none");
  const lines = Object.entries({ ...parts, whole: (one) => one[name] }).map(([part, height]) => [svg.add("path", { class: part }).node, height]);
  const value = element("strong"), least = element("button", { type: "button", disabled: "" }, "least: computing");
  const line = element("div", { class: "line" }), dot = element("div", { class: "dot" }), best = element("div", { class: "least", hidden: "" });
  const area = element("div", { class: "plot" }, element("span", { class: "top" }, String(top)), element("span", { class: "zero" }, "0"),
    svg.node, line, best, dot);
  const take = (event) => {
    const { left, width } = area.getBoundingClientRect();
    go(THRESHOLDS[0] + (event.clientX - left) / width * (THRESHOLDS.at(-1) - THRESHOLDS[0]));
  };
  let down = null;
  const scrolls = ({ pointerType, clientX, clientY }) => // a finger that does not move sideways may want to scroll the page
    pointerType === "touch" && Math.abs(clientX - down.clientX) <= Math.abs(clientY - down.clientY);
  area.addEventListener("pointerdown", (event) => {
    down = event;
    area.setPointerCapture(event.pointerId);
    if (!scrolls(event)) take(event);
  });
  area.addEventListener("pointermove", (event) => { if (event.buttons && down && !scrolls(event)) take(event); });
  area.addEventListener("click", take);
  return {
    node: element("div", { class: "panel" }, element("p", {}, `${words} `, value, least), area),
    /** Draw the curves through the results so far. */
    trace(results) {
      for (const [path, height] of lines) {
        const points = results.map(([threshold, one]) => `${across(threshold).toFixed(2)},${(100 - 100 * height(one) / top).toFixed(2)}`);
        path.setAttribute("d", `M${points.join("L")}`);
      }
    },
    /** Mark the threshold at which the error is least. */
    lowest(threshold) {
      least.textContent = `least at ${threshold.toFixed(2)}`;
      least.setAttribute("aria-label", `${words} ${least.textContent}: go there`);
      least.disabled = best.hidden = false;
      least.addEventListener("click", () => go(threshold));
      best.style.left = `${across(threshold)}%`;
    },
    /** Mark a result. */
    point(threshold, one) {
      value.textContent = one[name].toFixed(digits);
      line.style.left = dot.style.left = `${across(threshold)}%`;
      dot.style.bottom = `${Math.min(100 * one[name] / top, 100)}%`;
    },
  };
}

const some = (count, one, many) => `${count} ${count === 1 ? one : many}`;

/** What is seen of a result, in words, beside the results in which each error is least (none while they are not known). */
export function sentence(threshold, one, least = []) {
  const seen = `At ${threshold.toFixed(2)}, ${some(one.cut, "cell is", "cells are")} cut and ${one.joined} are joined.`;
  const verdicts = ["the best threshold", "too high", "too low"].map((verdict, side) => {
    const names = ERRORS.filter(({ name }, index) => least[index] && side ===
      (one[name] === least[index][1][name] ? 0 : threshold > least[index][0] ? 1 : 2)).map(({ words }) => `the ${inner(words)}`);
    return names.length ? `${verdict} for ${names.join(", ").replace(/, ([^,]*)$/, " and $1")}` : "";
  }).filter(Boolean);
  return verdicts.length ? `${seen} This is ${verdicts.join(", ")}.` : seen;
}

export async function start(root) {
  const { image, grey } = await load();
  const known = new Map(); // results by threshold
  const result = (threshold) => known.get(threshold) ?? known.set(threshold, judge(image, threshold)).get(threshold);
  let least = [];

  const slider = field("Threshold", { type: "range", min: THRESHOLDS[0], max: THRESHOLDS.at(-1), step: 0.01, value: START });
  const plots = ERRORS.map((error) => plot(error, (threshold) => slider.set(threshold.toFixed(2))));
  const canvas = element("canvas", { role: "img" }), paint = painter(canvas, grey, image.cells);
  const key = Object.fromEntries(["pieces", "joins", "splits", "merges"].map((name) => [name, element("li", { class: name })]));
  const words = element("span"), numbers = element("span", { class: "heard" });
  const said = element("p", { class: "words", "aria-live": "off", "aria-atomic": "true" }, words, numbers);
  const truth = element("input", { type: "checkbox" }), reset = element("button", { type: "button" }, "reset");

  const say = () => {
    const threshold = slider.value(), one = result(threshold);
    words.textContent = sentence(threshold, one, least);
    numbers.textContent = ` ${ERRORS.map(({ name, words, digits }) => `${words} ${one[name].toFixed(digits)}`).join(". ")}.`;
    canvas.setAttribute("aria-label", `Part of a slice, cut into ${one.segments} segments at the threshold ${threshold.toFixed(2)}`);
  };
  const show = () => {
    const threshold = slider.value(), one = result(threshold);
    paint(one, truth.checked);
    plots.forEach(({ point }) => point(threshold, one));
    slider.node.querySelector("output").textContent = threshold.toFixed(2);
    key.pieces.textContent = one.cut ? `${some(one.cut, "cell", "cells")} cut into ${one.pieces} pieces` : "no cell cut";
    key.joins.textContent = one.joined ? `${some(one.joining, "segment joins", "segments join")} ${one.joined} cells` : "no cells joined";
    key.splits.textContent = `${some(one.split.length, "pixel splits", "pixels split")} a cell`;
    key.merges.textContent = `${some(one.merge.length, "pixel merges", "pixels merge")} cells`;
  };
  let frame = 0, pause = 0;
  const soon = () => {
    said.setAttribute("aria-live", "polite"); // only now: nobody asked for what is said while the page loads
    cancelAnimationFrame(frame);
    clearTimeout(pause);
    frame = requestAnimationFrame(() => { // nothing is said before it is seen
      show();
      pause = setTimeout(say, SETTLED);
    });
  };
  slider.changed(soon);
  truth.addEventListener("change", soon);
  reset.addEventListener("click", () => { truth.checked = false; slider.set(START); });

  const curves = { whole: "the error", split: "lost to splits", merge: "lost to merges", least: "where the error is least" };
  root.replaceChildren(element("div", { class: "parts" }, canvas,
    element("div", { class: "plots" }, ...plots.map(({ node }) => node), slider.node),
    said,
    element("div", { class: "key" }, element("ul", {}, ...Object.values(key)),
      element("div", { class: "jumps" }, reset, element("label", {}, truth, "Show true borders"))),
    element("ul", { class: "curves" }, ...Object.entries(curves).map(([name, text]) => element("li", { class: name }, text)))));
  show();
  say();

  const worker = new Worker(new URL("threshold_worker.js", import.meta.url), { type: "module" });
  const results = [];
  worker.onmessage = ({ data: { threshold, result: one } }) => {
    known.set(threshold, one);
    results.push([threshold, one]);
    plots.forEach(({ trace }) => trace(results));
    if (results.length < THRESHOLDS.length) return;
    worker.terminate();
    least = ERRORS.map(({ name }) => results.reduce((lowest, other) => (other[1][name] < lowest[1][name] ? other : lowest)));
    plots.forEach(({ lowest }, index) => lowest(least[index][0]));
    say();
  };
  worker.postMessage({ image, thresholds: THRESHOLDS });
}
