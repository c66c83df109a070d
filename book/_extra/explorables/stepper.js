// The stepper: a convolution or an up-convolution, one place of the kernel at a time.
import { element, field, narration } from "./parts.js";
import { inner, slide, stamp } from "./sliding.js";

const PACE = 700; // ms a step while it plays
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const stack = (count, row) => Array.from({ length: count }, () => [...row]);

/** Where each mode starts: the convolution with the image and the kernel of its chapter. */
const MODES = {
  convolution: {
    size: 3, stride: 1, position: 2, largest: 2,
    input: stack(5, [0, 0, 0, 1, 1, 1, 1]),
    kernels: { 1: [[2]], 2: stack(2, [-1, 1]), 3: stack(3, [-1, 0, 1]), 4: stack(4, [-1, 0, 0, 1]) },
  },
  "up-convolution": {
    size: 3, stride: 2, position: 5, largest: 3,
    input: [[1, 2, 1], [2, 3, 1], [0, 1, 2]],
    kernels: { 1: stack(1, [1]), 2: stack(2, [1, 1]), 3: stack(3, [1, 1, 1]), 4: stack(4, [1, 1, 1, 1]) },
  },
};

const signed = (number) => String(number).replace("-", "−");
const product = (pixel, weight) => `${signed(pixel)}·${weight < 0 ? `(${signed(weight)})` : weight}`;
const shape = (map) => `${map.length} x ${map[0].length}`;
const range = (first, size) => (size === 1 ? first : `${first} to ${first + size - 1}`);

/** A grid of numbers under a heading. If `press` is given, each number that is not marked as a zero of the frame is a button. */
function grid(press) {
  const heading = element("p"), box = element("div", { class: "cells" }), frame = element("div", { class: "window" });
  let laid = "", cells = [];
  const lay = (rows) => {
    cells = rows.map((row, r) => row.map(({ kind = "" }, c) => {
      const cell = element(press && kind !== "zero" ? "button" : "div", {}, element("span"));
      if (cell.tagName === "BUTTON") {
        cell.type = "button";
        cell.tabIndex = -1;
        cell.addEventListener("click", () => press(r, c));
        cell.addEventListener("focus", () => {
          for (const other of box.querySelectorAll("button")) other.tabIndex = other === cell ? 0 : -1;
        });
        cell.addEventListener("keydown", (event) => {
          if (!(event.key in ARROWS)) return;
          event.preventDefault();
          const [down, right] = ARROWS[event.key];
          cells[r + down]?.[c + right]?.focus();
        });
      }
      return cell;
    }));
    box.style.gridTemplateColumns = `repeat(${rows[0].length}, var(--cell))`;
    box.replaceChildren(...cells.flat(), frame);
    const first = box.querySelector("button");
    if (first) first.tabIndex = 0;
  };
  return {
    node: element("div", { class: "grid" }, heading, box),
    /** Show rows of { text, note, kind, share, label }, and a window of a size at a row and a column of them. */
    show(name, rows, window) {
      const layout = rows.map((row) => row.map(({ kind }) => (kind === "zero" ? 0 : 1)).join("")).join();
      if (layout !== laid) lay(rows);
      laid = layout;
      heading.textContent = name;
      box.setAttribute("role", press ? "group" : "img");
      const read = () => rows.map((row) => row.map(({ text }) => text || "empty").join(" ")).join("; ");
      box.setAttribute("aria-label", press ? name : `${name}: ${read()}`);
      rows.forEach((row, r) => row.forEach(({ text, note = "", kind = "", share = 0, label }, c) => {
        const cell = cells[r][c];
        if (cell.textContent !== text) cell.firstChild.textContent = text; // else the browser lays the page out again
        cell.dataset.note = note;
        cell.className = kind;
        cell.style.setProperty("--share", `${share}%`);
        if (cell.tagName === "BUTTON") cell.setAttribute("aria-label", label);
      }));
      frame.hidden = !window;
      if (window) for (const [side, value] of Object.entries(window)) frame.style.setProperty(`--${side}`, value);
    },
  };
}

const number = (value, row, column, more) => ({ text: signed(value), label: `row ${row}, column ${column}: ${signed(value)}`, ...more });

/** What a state of the stepper shows: the cells of its grids and their windows, the sum in writing, the words. */
export function view({ mode, input, kernel, stride, padding, position }) {
  return mode === "convolution" ? sliding(input, kernel, stride, padding, position) : stamping(input, kernel, stride, position);
}

function sliding(input, kernel, stride, padding, position) {
  const size = kernel.length, { framed, top, left, result } = slide(input, kernel, stride, padding);
  const width = result[0].length, places = result.flat(), now = places[position - 1];
  const row = Math.floor((position - 1) / width), column = (position - 1) % width;
  return {
    last: places.length,
    input: framed.map((line, r) => line.map((value, c) => {
      const weight = now && kernel[r - now.top]?.[c - now.left];
      const one = number(value, r - top, c - left, { kind: input[r - top]?.[c - left] === undefined ? "zero" : "" });
      return weight === undefined ? one : { ...one, note: signed(weight), label: `${one.label}, times ${signed(weight)}` };
    })),
    inputWindow: now && { row: now.top, column: now.left, size },
    result: result.map((line, r) => line.map(({ sum }, c) => ({ text: r * width + c < position ? signed(sum) : "" }))),
    resultWindow: now && { row, column, size: 1 },
    sum: now ? now.products.map((line, a) => line.map(([pixel, weight], b) => `${a || b ? "+ " : ""}${product(pixel, weight)}`)) : [],
    total: now ? `= ${signed(now.sum)}` : "",
    words: (now ? `Place ${position} of ${places.length}: the sum at row ${row}, column ${column} is ${signed(now.sum)}.` :
      "Nothing is computed yet.") + ` ${padding === "same" ? "With zeros around it, the" : "The"} ${shape(input)} map becomes ${shape(result)}.`,
  };
}

function stamping(input, kernel, stride, position) {
  const size = kernel.length, width = input[0].length, places = input.flat();
  const [row, column] = [Math.floor((position - 1) / width), (position - 1) % width], [top, left] = [stride * row, stride * column];
  const [whole, after, before] = [places.length, position, position - 1].map((done) => stamp(input, kernel, stride, Math.max(done, 0)));
  const most = Math.max(...whole.counts.flat());
  const added = (weight, a, b) => `${signed(before.output[top + a][left + b])}+${product(places[position - 1], weight)}`;
  return {
    last: places.length,
    input: input.map((line, r) => line.map((value, c) => number(value, r, c))),
    inputWindow: position ? { row, column, size: 1 } : null,
    result: after.output.map((line, r) => line.map((value, c) => {
      const count = after.counts[r][c];
      return { text: count ? signed(value) : "", note: count || "", share: 38 * count / most };
    })),
    resultWindow: position ? { row: top, column: left, size } : null,
    sum: position ? kernel.map((line, a) => line.map((weight, b) => added(weight, a, b))) : [],
    total: "",
    words: (position ? `Stamp ${position} of ${places.length}: ${places[position - 1]} times the kernel, at rows ${range(top, size)}, columns ` +
      `${range(left, size)}.` : "Nothing is stamped yet.") + ` ${evenness(size, stride, input.length)}`,
  };
}

/** How many stamps an output pixel gets, and why. */
function evenness(size, stride, side) {
  const counts = inner(size, stride), even = counts.length === 1;
  const listed = `${counts.join(", ").replace(/, (\d+)$/, " or $1")} ${counts.at(-1) === 1 ? "stamp" : "stamps"}`;
  const why = `stride ${stride} ${even ? "divides" : "does not divide"} kernel size ${size}.`;
  const far = size - 1 > stride * (side - 1) ? " On this small map no pixel is that far in." : "";
  return (even ? `Away from the edges each output pixel gets ${listed}: ${why}` :
    `Away from the edges output pixels get ${listed}: ${counts[0] ? "a checkerboard" : "holes"}, since ${why}`) + far;
}

export function start(root) {
  const mode = root.dataset.mode, begin = MODES[mode], convolution = mode === "convolution";
  const state = structuredClone(begin);
  const size = field("Kernel", { type: "range", min: 1, max: 4, value: begin.size });
  const stride = field("Stride", { type: "range", min: 1, max: 3, value: begin.stride });
  const padding = field("Padding", { choices: ["valid", "same"] });
  const place = field(convolution ? "Place" : "Stamp", { type: "range", min: 0, max: 1, value: 0 });
  const button = (name, press) => {
    const node = element("button", { type: "button" }, name);
    node.addEventListener("click", press);
    return node;
  };
  const cycle = (map, row, column, least) => { // to the next of the small numbers that a cell may hold
    map[row][column] = map[row][column] >= begin.largest ? least : map[row][column] + 1;
    show();
  };
  const kernel = () => state.kernels[size.value()];
  const corner = () => (convolution ? slide(state.input, kernel(), stride.value(), padding.value()) : { top: 0, left: 0 });
  const grids = {
    input: grid((row, column) => cycle(state.input, row - corner().top, column - corner().left, 0)),
    kernel: grid((row, column) => cycle(kernel(), row, column, -1)),
    result: grid(),
  };
  const sum = element("div", { class: "sum" }), words = narration(PACE + 300);

  const look = () => view({ mode, input: state.input, kernel: kernel(), stride: stride.value(), padding: padding.value(), position: place.value() });
  const show = () => {
    const seen = look();
    grids.input.show(`Input ${shape(state.input)}`, seen.input, seen.inputWindow);
    grids.kernel.show(`Kernel ${shape(kernel())}`, kernel().map((row, r) => row.map((value, c) => number(value, r, c))));
    grids.result.show(`Result ${shape(seen.result)}${convolution ? "" : ", small: stamps"}`, seen.result, seen.resultWindow);
    const [input, middle, result] = [seen.input, kernel(), seen.result].map((map) => map[0].length); // columns beside each other
    root.style.setProperty("--wide", input + middle + result);
    root.style.setProperty("--narrow", convolution ? Math.max(input, middle + result) : Math.max(input + middle, result));
    sum.style.gridTemplateColumns = `repeat(${middle}, auto)`;
    sum.style.setProperty("--lines", middle + convolution);
    sum.replaceChildren(...seen.sum.flat().map((term) => element("span", {}, term)), element("strong", {}, seen.total));
    words.tell(seen.words);
  };
  const fit = () => { // another kernel or stride: other places
    place.input.max = look().last;
    place.set(Math.min(place.value(), look().last));
  };

  let timer = 0;
  const pause = () => {
    clearInterval(timer);
    timer = 0;
    play.textContent = "play";
  };
  const go = (position) => {
    place.set(position);
    if (timer && place.value() >= Number(place.input.max)) pause();
  };
  const play = button("play", () => {
    if (timer) return pause();
    if (place.value() >= Number(place.input.max)) go(0);
    timer = setInterval(() => go(place.value() + 1), PACE);
    play.textContent = "pause";
    return go(place.value() + 1);
  });
  const reset = () => {
    pause();
    Object.assign(state, structuredClone(begin));
    padding.set("valid");
    size.set(begin.size);
    stride.set(begin.stride);
    place.set(begin.position);
  };
  const step = (by) => () => { pause(); go(place.value() + by); };

  place.changed(show);
  for (const one of [size, stride, padding]) one.changed(fit);
  place.input.addEventListener("pointerdown", pause);
  place.input.addEventListener("keydown", pause);
  root.replaceChildren(
    element("div", { class: "choices" }, size.node, stride.node, ...(convolution ? [padding.node] : [])),
    element("div", { class: "stage" }, ...Object.values(grids).map(({ node }) => node),
      element("div", { class: "written" }, element("p", {}, convolution ? "Pixel · weight, all added up" : "Value before + pixel · weight"), sum)),
    element("div", { class: "player" }, button("back", step(-1)), play, button("next", step(1)), button("reset", reset), place.node),
    ...words.nodes);
  place.input.max = look().last;
  place.set(begin.position);
}
