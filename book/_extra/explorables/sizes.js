// The size explorer: every side in the U for an input size, a depth and a padding.
import { cropMargins, nearest, walk } from "./geometry.js";
import { drawing, element, field } from "./parts.js";

const COLUMN = 44, ROW = 74, TOP = 34;

/** Where the maps of the walk stand: column, row and kind of the arrow that leads to each. */
function places(depth) {
  const list = [{ row: 0, column: 0, kind: "input" }];
  for (let level = 0; level <= depth; level++) {
    if (level) list.push({ row: level, column: level, kind: "pool" });
    list.push({ row: level, column: level + 1, kind: "conv" }, { row: level, column: level + 2, kind: "conv" });
  }
  for (let level = depth - 1; level >= 0; level--) {
    const first = 2 * depth + 3 - level;
    list.push({ row: level, column: first, kind: "up" }, { row: level, column: first + 1, kind: "conv" },
      { row: level, column: first + 2, kind: "conv" });
  }
  return list;
}

function draw(size, depth, padding, width) {
  const { sizes, fault } = walk(size, depth, padding);
  const spots = places(depth);
  const columns = 2 * depth + 6, step = Math.min(COLUMN, width / columns);
  const half = Math.min(13, step / 2 - 1);
  const centre = ({ row, column }) => [step * (column + 0.5), TOP + ROW * row];
  const svg = drawing(step * columns, TOP + ROW * depth + 40);
  const margins = fault ? [] : cropMargins(size, depth, padding);
  margins.forEach((margin, level) => {
    const [from, to] = [spots[3 * level + 2], spots[6 * depth - 3 * level]].map(centre);
    const line = svg.add("line", { class: "copy", x1: from[0] + 14, y1: from[1], x2: to[0] - 14, y2: to[1] });
    line.add("title", {}, `crop ${margin} px from each side: ${sizes[3 * level + 2]} becomes ${sizes[6 * depth - 3 * level]}`);
    svg.add("text", { class: "note", x: (from[0] + to[0]) / 2, y: from[1] - 6 }, margin ? `crop ${margin}` : "copy");
  });
  spots.forEach((spot, index) => {
    const [x, y] = centre(spot);
    const known = index < sizes.length;
    if (index) {
      const [px, py] = centre(spots[index - 1]);
      const level = spot.row === spots[index - 1].row;
      svg.add("line", {
        class: `${spot.kind}${known ? "" : " missing"}`,
        x1: px + (level ? half : 0), y1: py + (level ? 0 : spot.kind === "up" ? -12 : 12),
        x2: x - (level ? half : 0), y2: y + (level ? 0 : spot.kind === "up" ? 12 : -12),
      });
    }
    svg.add("text", { class: known ? "size" : "size missing", x, y: y + 4 }, known ? sizes[index] : "?");
  });
  if (fault) {
    const [x, y] = centre(spots[sizes.length - 1]);
    svg.add("circle", { class: "fault", cx: x, cy: y, r: 17 });
  }
  return svg.node;
}

/** What stands below the drawing, and is read aloud. */
export function sentence(size, depth, padding) {
  const { sizes, fault } = walk(size, depth, padding);
  if (!fault) {
    return `${size} is legal: ${size} x ${size} in, ${sizes.at(-1)} x ${sizes.at(-1)} out` +
      (padding === "valid" ? `, ${size - sizes.at(-1)} px lost.` : ".");
  }
  const { below, above } = nearest(size, depth, padding);
  return `${size} is not legal: ${fault}. ` + (below ? `Nearest legal sizes: ${below} and ${above}.` :
    `The smallest legal size is ${above}.`);
}

export function start(root) {
  const state = { size: 572, depth: 4, padding: "valid" };
  const picture = element("div", { class: "picture" });
  const words = element("p", { class: "words", "aria-live": "polite" });
  const jumps = element("p", { class: "jumps" });
  const size = field("Input size", { type: "range", min: 1, max: 1000, value: state.size }, " px");
  const depth = field("Depth", { type: "range", min: 1, max: 5, value: state.depth }, " poolings");
  const padding = field("Padding", { choices: ["valid", "same"] });
  const show = () => {
    picture.replaceChildren(draw(state.size, state.depth, state.padding, Math.max(root.clientWidth - 34, 300)));
    words.textContent = sentence(state.size, state.depth, state.padding);
    const { below, above } = nearest(state.size, state.depth, state.padding);
    const offers = walk(state.size, state.depth, state.padding).fault ? [below, above] : [];
    jumps.replaceChildren(...offers.filter(Boolean).map((offer) => {
      const button = element("button", { type: "button" }, `take ${offer}`);
      button.addEventListener("click", () => { size.set(offer); size.input.focus(); });
      return button;
    }));
  };
  size.changed((value) => { state.size = value; show(); });
  depth.changed((value) => { state.depth = value; show(); });
  padding.changed((value) => { state.padding = value; show(); });
  root.replaceChildren(element("div", { class: "fields" }, size.node, depth.node, padding.node), picture, words, jumps);
  show();
  new ResizeObserver(show).observe(root);
}
