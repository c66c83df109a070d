// Inside the live U-Net: its layers, the U to choose one from, and the maps that a layer makes.
import { drawing } from "./parts.js";
import { fill } from "./picture.js";

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
  { name: "output", words: "probability", kind: "out", row: 0 },
].map((layer) => ({ ...layer, words: layer.words[0].toUpperCase() + layer.words.slice(1) }));

/** The U as boxes; `choose` is told the name of the layer that is pressed. */
export function drawU(choose) {
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
