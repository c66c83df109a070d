// The live U-Net: the small network of the package on a slice or on the reader's own image, and every map inside it.
import { GAIN, MARGIN, Network, lay } from "./network.js";
import { drawing, element, field } from "./parts.js";
import { fill, readGrey } from "./picture.js";
import { colour, components } from "./segments.js";

const SLICES = { "Slice 6": "slice.png", "Slice 7": "slice-7.png", "Slice 21, noisier": "slice-21.png" };
const LARGEST = 4096; // px a side
const LOOK = 100; // px of output whose maps are shown
const STEP = 8; // px that an arrow key moves the look
const LEVELS = ["contract1", "contract2", "contract3", "bottom", "expand3", "expand2", "expand1"];

/** Layers of the network in order: name, words, kind of the arrow that leads to it, row in the U. */
export const LAYERS = [
  { name: "image", words: "The image", kind: "input", row: 0 },
  ...LEVELS.flatMap((block) => {
    const row = block === "bottom" ? 3 : Number(block.at(-1)) - 1;
    const where = block === "bottom" ? "bottom" : `level ${row + 1}, ${block.startsWith("c") ? "contracting" : "expanding"}`;
    const layers = [1, 2].map((index) => ({ name: `${block}_conv${index}`, words: `convolution ${index}, ${where}`, kind: "conv", row }));
    if (block.startsWith("contract")) layers.push({ name: `${block}_pool`, words: `max-pooling, ${where}`, kind: "pool", row: row + 1 });
    if (block.startsWith("expand")) layers.unshift({ name: `${block}_up`, words: `up-convolution, ${where}`, kind: "up", row });
    return layers;
  }),
  { name: "output", words: "probability of cell", kind: "out", row: 0 },
].map((layer) => ({ ...layer, words: layer.words[0].toUpperCase() + layer.words.slice(1) }));

/** The U as boxes; `choose` is told the name of the layer that is pressed. */
function drawU(choose) {
  const column = 30, row = 46, tall = [34, 28, 22, 16];
  const svg = drawing(column * LAYERS.length, 4 * row + 4);
  const places = LAYERS.map((layer, index) => [column * (index + 0.5), row * (layer.row + 0.5)]);
  const boxes = LAYERS.map((layer, index) => {
    const [x, y] = places[index];
    if (index) {
      const [px, py] = places[index - 1];
      const level = py === y;
      svg.add("line", { class: layer.kind, x1: px + (level ? 8 : 0), y1: py + (level ? 0 : Math.sign(y - py) * 17), x2: x - (level ? 8 : 0), y2: y - (level ? 0 : Math.sign(y - py) * 17) });
    }
    const box = svg.add("g", { class: "box" });
    box.add("rect", { class: "target", x: x - column / 2, y: y - row / 2, width: column, height: row });
    box.add("rect", { class: "map", x: x - 7, y: y - tall[layer.row] / 2, width: 14, height: tall[layer.row], rx: 2 });
    box.add("title", {}, layer.words);
    box.node.addEventListener("click", () => choose(layer.name));
    return box.node;
  });
  for (const [from, to] of [["contract1_conv2", "expand1_up"], ["contract2_conv2", "expand2_up"], ["contract3_conv2", "expand3_up"]]) {
    const [a, b] = [from, to].map((name) => places[LAYERS.findIndex((layer) => layer.name === name)]);
    svg.add("path", { class: "copy", d: `M${a[0] + 9},${a[1] - 9} H${b[0] - 9}` });
  }
  return { node: svg.node, mark: (name) => boxes.forEach((box, index) => box.classList.toggle("chosen", LAYERS[index].name === name)) };
}

/** Paint the channels of some maps side by side, each on its own grey scale. */
export function paintMaps(canvas, values, [height, width, channels], columns) {
  const gap = Math.max(1, Math.round(width / 20)), rows = Math.ceil(channels / columns);
  const full = columns * (width + gap) - gap, tall = rows * (height + gap) - gap;
  const ranges = Array.from({ length: channels }, () => [Infinity, -Infinity]);
  values.forEach((value, index) => {
    const range = ranges[index % channels];
    range[0] = Math.min(range[0], value);
    range[1] = Math.max(range[1], value);
  });
  const nothing = [0, 0, 0, 0];
  fill(canvas, full, tall, (pixel) => {
    const y = Math.floor(pixel / full), x = pixel % full;
    const row = y % (height + gap), column = x % (width + gap);
    const channel = Math.floor(y / (height + gap)) * columns + Math.floor(x / (width + gap));
    if (row >= height || column >= width || channel >= channels) return nothing;
    const [low, high] = ranges[channel];
    const grey = high > low ? 255 * (values[(row * width + column) * channels + channel] - low) / (high - low) : 0;
    return [grey, grey, grey];
  });
  return ranges.filter(([low, high]) => low === high).length; // maps that say the same everywhere
}

export function start(root) {
  const still = [...root.childNodes];
  const state = { image: null, probability: null, threshold: 0.5, look: [0, 0], layer: "contract1_conv2", run: null };
  let network = null;

  const choice = field("Image", { choices: Object.keys(SLICES) });
  const file = element("input", { type: "file", accept: "image/*", id: "live-file" });
  const threshold = field("Threshold", { type: "range", min: 0, max: 1, step: 0.01, value: state.threshold });
  const bar = element("progress", { max: 1, value: 0, "aria-label": "Tiles done" });
  const cancel = element("button", { type: "button", hidden: "" }, "cancel");
  const words = element("p", { class: "words", "aria-live": "polite" });
  const segmented = element("canvas", { role: "img", "aria-label": "The image" });
  const probability = element("canvas", { role: "img", "aria-label": "Nothing is computed yet" });
  const square = element("div", { class: "look", tabindex: 0, role: "group" });
  const layer = field("Layer", { choices: LAYERS.map(({ words: name }) => name) });
  const maps = element("canvas", { role: "img", "aria-label": "No map is shown yet" });
  const mapWords = element("p", { class: "words", "aria-live": "polite" });
  const u = drawU((name) => { layer.set(LAYERS.find((one) => one.name === name).words); });

  const paint = () => {
    const { image, probability: map, threshold: limit } = state;
    const { width, height, values } = image;
    if (!map) {
      fill(segmented, width, height, (pixel) => Array(3).fill(255 * values[pixel]));
      fill(probability, width, height, () => [128, 128, 128]);
      return;
    }
    const { ids, count } = components(map.map((value) => value > limit), height, width);
    const colours = Array.from({ length: count + 1 }, (_, id) => colour(id));
    fill(segmented, width, height, (pixel) => {
      const grey = 255 * values[pixel], id = ids[pixel];
      return id ? colours[id].map((part) => 0.6 * grey + 0.4 * part) : [0.35 * grey, 0.35 * grey, 0.35 * grey];
    });
    fill(probability, width, height, (pixel) => Array(3).fill(255 * map[pixel]));
    segmented.setAttribute("aria-label", `The image, its ${count} segments in colours`);
    probability.setAttribute("aria-label", "The probability of cell: white is 1, black is 0");
    return count;
  };

  const tell = (note = "") => {
    const count = paint();
    const { width, height } = state.image;
    words.textContent = note || `${width} x ${height} px: ${count} segments where the probability of cell is above ${state.threshold.toFixed(2)}. ${state.account}`;
  };

  const place = () => {
    const { image, look } = state;
    look[0] = Math.max(0, Math.min(look[0], image.height - LOOK));
    look[1] = Math.max(0, Math.min(look[1], image.width - LOOK));
    const percent = (value, side) => `${100 * value / side}%`;
    square.style.top = percent(look[0], image.height);
    square.style.left = percent(look[1], image.width);
    square.style.height = percent(Math.min(LOOK, image.height), image.height);
    square.style.width = percent(Math.min(LOOK, image.width), image.width);
    square.setAttribute("aria-label", `The maps below are those of the square from row ${look[0]}, column ${look[1]}. Arrow keys move it.`);
  };

  let asked = 0;
  const showMaps = async () => {
    const { look: [top, left], image } = state;
    const chosen = LAYERS.find((one) => one.words === layer.value());
    const ask = ++asked;
    u.mark(chosen.name);
    const { values, shape } = await network.features(image, chosen.name, top, left, LOOK);
    if (ask !== asked) return; // a newer one is on its way
    const columns = Math.min(shape[2], Math.max(2, Math.floor(root.clientWidth / 110)));
    const still = paintMaps(maps, values, shape, columns);
    const text = `${chosen.words}: ${shape[2]} ${shape[2] === 1 ? "map" : "maps"} of ${shape[0]} x ${shape[1]} px` +
      (shape[2] > 1 ? ", each on its own scale from black to white" : "") + (still && shape[2] > 1 ? `; ${still} of them the same everywhere` : "") + ".";
    mapWords.textContent = text;
    maps.setAttribute("aria-label", text);
  };

  const run = async () => {
    state.run?.abort();
    const control = state.run = new AbortController();
    state.probability = null;
    paint();
    place();
    const { image } = state;
    const tiles = lay(image.height).offsets.length * lay(image.width).offsets.length;
    cancel.hidden = tiles < 10;
    const begun = performance.now();
    words.textContent = `${tiles} tiles to do.`;
    try {
      network ??= new Network();
      state.probability = await network.predict(image, { signal: control.signal, progress: (done, all) => { bar.max = all; bar.value = done; } });
      state.account = `${tiles} ${tiles === 1 ? "tile" : "tiles"}, ${((performance.now() - begun) / 1000).toFixed(1)} s.`;
      tell();
      await showMaps();
    } catch (error) {
      if (control !== state.run) return; // another image took its place
      if (error.name === "AbortError") words.textContent = `Stopped. ${tiles} tiles would have been needed.`;
      else {
        words.textContent = `The network could not start here: ${error.message}`;
        if (!state.account) root.replaceChildren(words, ...still);
      }
    } finally {
      if (control === state.run) cancel.hidden = true;
    }
  };

  const open = async (blob) => {
    let bitmap;
    try {
      bitmap = await createImageBitmap(blob);
    } catch {
      words.textContent = `${blob.name} is not a picture that this browser can read. PNG and JPEG work everywhere, TIFF rarely.`;
      return;
    }
    const { width, height } = bitmap;
    if (Math.max(width, height) > LARGEST) {
      words.textContent = `${blob.name} has ${width} x ${height} px. At most ${LARGEST} px a side fit here: cut it or make it smaller.`;
      return;
    }
    state.image = await readGrey(blob);
    state.look = [state.image.height - LOOK, state.image.width - LOOK].map((room) => Math.max(0, Math.floor(room / 2)));
    await run();
  };

  const take = async (name) => {
    state.image = await readGrey(new URL(`data/${SLICES[name]}`, import.meta.url));
    state.look = [state.image.height - LOOK, state.image.width - LOOK].map((room) => Math.floor(room / 2));
    await run();
  };

  const move = (rows, columns) => {
    state.look = [state.look[0] + rows, state.look[1] + columns];
    place();
    showMaps();
  };
  square.addEventListener("keydown", (event) => {
    const steps = { ArrowUp: [-STEP, 0], ArrowDown: [STEP, 0], ArrowLeft: [0, -STEP], ArrowRight: [0, STEP] }[event.key];
    if (steps) { event.preventDefault(); move(...steps); }
  });
  const view = element("div", { class: "view" }, segmented, square);
  view.addEventListener("click", (event) => {
    const box = segmented.getBoundingClientRect();
    const scale = state.image.width / box.width;
    state.look = [event.clientY - box.top, event.clientX - box.left].map((at) => Math.round(at * scale - LOOK / 2));
    move(0, 0);
  });
  root.addEventListener("dragover", (event) => { event.preventDefault(); root.classList.add("over"); });
  root.addEventListener("dragleave", () => root.classList.remove("over"));
  root.addEventListener("drop", (event) => {
    event.preventDefault();
    root.classList.remove("over");
    if (event.dataTransfer.files.length) open(event.dataTransfer.files[0]);
  });
  choice.changed(take);
  file.addEventListener("change", () => { if (file.files.length) open(file.files[0]); });
  threshold.changed((value) => { state.threshold = value; if (state.probability) tell(); });
  layer.changed(showMaps);
  cancel.addEventListener("click", () => { state.run.abort(); });

  layer.input.value = LAYERS.find(({ name }) => name === state.layer).words;
  root.replaceChildren(
    element("div", { class: "fields" }, choice.node,
      element("div", { class: "field" }, element("label", { for: "live-file" }, "Or one of your own"), file), threshold.node),
    element("div", { class: "status" }, bar, cancel), words,
    element("div", { class: "pair" },
      element("figure", {}, view, element("figcaption", {}, "Segments over the image. The square is what is looked at below.")),
      element("figure", {}, probability, element("figcaption", {}, "Probability of cell"))),
    element("div", { class: "inside" }, element("div", { class: "fields" }, layer.node), u.node), mapWords, maps);
  take(Object.keys(SLICES)[0]);
}
