// The receptive field explorer: what an output pixel depends on, map by map, back to the input.
import { walk } from "./geometry.js";
import { drawing, element, field, narration } from "./parts.js";
import { makers, places, spans, tile, widths } from "./spans.js";

const START = { index: 3, depth: 4, padding: "valid" };
const TOP = 58, BOTTOM = 24, LEFT = 38; // px around the strips: the output pixel, the ends of its span, names
const PITCH = { least: 14.5, most: 26 }, STRIPS = 392; // px from strip to strip, and for all of them
const SLICE = new URL("data/slice.png", import.meta.url);
const LAYERS = { conv: "a 3x3 convolution", pool: "a 2x2 max-pooling", up: "an up-convolution" };

const minus = (number) => String(number).replace("-", "−");
const width = ({ first, last }) => last - first + 1;

/** All maps of one state, the output first: their spans, and where they lie over the input. `back` layers were followed from the output. */
export function view(index, depth, padding, back) {
  const size = tile(depth, padding), { sizes } = walk(size, depth, padding);
  const where = places(depth, padding), kinds = makers(depth), seen = spans(index, depth, padding);
  return {
    size, margin: padding === "same" ? Math.round(0.12 * size) : 0, widths: widths(depth, padding),
    maps: sizes.map((side, map) => {
      const { left, scale } = where[map], { first, last } = seen[map];
      return {
        side, left, scale, first, last, kind: kinds[map], reached: map >= sizes.length - 1 - back,
        whole: left + scale * side, from: left + scale * first, to: left + scale * (last + 1),
      };
    }).reverse(),
  };
}

/** What is seen of a state, in words. */
export function sentence(index, depth, padding, back) {
  const { maps, widths: all } = view(index, depth, padding, back);
  const here = maps[back], count = width(here), layers = maps.length - 1;
  if (!back) return `This is output pixel ${index}. Follow the layers back to see on which pixels of each map it depends.`;
  const zeros = count - (Math.min(here.last, here.side - 1) - Math.max(here.first, 0) + 1);
  const range = `${minus(here.first)} to ${minus(here.last)}`, size = `${count} px${zeros ? `, ${zeros} of them zeros outside` : ""}`;
  if (back < layers) {
    return `${back} of ${layers} layers back, through ${LAYERS[maps[back - 1].kind]}: pixels ${range} of ${here.side}, ${size}.`;
  }
  const seen = `Output pixel ${index} sees input pixels ${range}: ${size}.`, period = all.length;
  const least = Math.min(...all), most = Math.max(...all), narrow = all.filter((one) => one === least).length;
  if (least === most) return `${seen} At depth ${depth} every output pixel sees ${most} px.`;
  const other = [index - 1, index + 1].filter((one) => one >= 0 && one < maps[0].side && all[one % period] !== count);
  const differ = other.map((one) => ` Its neighbour ${one} sees ${all[one % period]} px.`).join("");
  return `${seen}${differ} The phase decides, ${index} mod ${period} = ${index % period}: of every ${period} pixels, ` +
    `${narrow} see ${least} px and ${period - narrow} see ${most} px.`;
}

/** The strips, from the output above to the input below, each map over the input pixels that it covers. */
function strips(state, room) {
  const { size, margin, maps, widths: all } = state;
  const pitch = Math.max(PITCH.least, Math.min(PITCH.most, STRIPS / maps.length)), height = Math.round(0.64 * pitch);
  const wide = room > 380, unit = (room - LEFT - (wide ? 72 : 34)) / (size + 2 * margin);
  const end = LEFT + unit * (size + 2 * margin);
  const x = (pixel) => Math.min(Math.max(LEFT + unit * (pixel + margin), LEFT), end), y = (row) => TOP + pitch * row;
  const svg = drawing(room, TOP + pitch * (maps.length - 1) + height + BOTTOM);
  const zeros = svg.add("pattern", { id: "receptive-zeros", width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
  zeros.add("rect", { class: "zeros", width: 2, height: 5 });

  maps.forEach((map, row) => {
    const strip = svg.add("g", { "data-kind": map.kind, class: map.reached ? "reached" : "" });
    const top = y(row), next = maps[row + 1];
    if (next?.reached) {
      const corners = [[map.from, top + height], [map.to, top + height], [next.to, y(row + 1)], [next.from, y(row + 1)]];
      strip.add("polygon", { class: "way", points: corners.map(([pixel, level]) => `${x(pixel)},${level}`).join(" ") });
    }
    const bar = (name, from, to) => strip.add("rect", { class: name, x: x(from), y: top, width: Math.max(x(to) - x(from), 0), height });
    if (margin) for (const ends of [[-margin, 0], [size, size + margin]]) bar("outside", ...ends);
    bar("map", map.left, map.whole);
    if (map.reached) {
      bar("seen", map.from, map.to);
      if (map.from < map.left) bar("outside", map.from, map.left);
      if (map.to > map.whole) bar("outside", map.whole, map.to);
    }
    const cell = unit * map.scale;
    if (cell >= 4) {
      const borders = Array.from({ length: map.side - 1 }, (_, one) => `M${x(map.left + map.scale * (one + 1))} ${top}v${height}`);
      strip.add("path", { class: "borders", d: borders.join("") });
    }
    strip.add("text", { class: "name", x: LEFT - 6, y: top + height / 2 + 4 }, row ? map.kind : "out");
    if (map.reached) strip.add("text", { class: "width", x: room, y: top + height / 2 + 4 }, wide ? `${width(map)} of ${map.side}` : width(map));
  });
  svg.add("text", { class: "width", x: room, y: TOP - 8 }, "px");

  const output = maps[0], input = maps.at(-1), middle = (x(output.from) + x(output.to)) / 2;
  const levels = new Map([[Math.min(...all), TOP - 12], [Math.max(...all), TOP - 24]]); // one, where all pixels see as much
  const profile = Array.from({ length: output.side }, (_, pixel) =>
    `${pixel ? "L" : "M"}${x(output.left + pixel)} ${levels.get(all[pixel % all.length])}H${x(output.left + pixel + 1)}`);
  svg.add("path", { class: "profile", d: profile.join("") });
  for (const [count, level] of levels) svg.add("text", { class: "name", x: x(output.left) - 6, y: level + 4 }, `${count} px`);
  svg.add("path", { class: "chosen", d: `M${middle} ${TOP}V18M${middle - 7} 18h14l-7 10z` });
  svg.add("text", { class: "pixel", x: Math.min(Math.max(middle, 46), room - 46), y: 12 }, `output pixel ${output.first}`);
  if (input.reached) {
    const base = y(maps.length - 1) + height, ends = [x(input.from), x(input.to)];
    svg.add("path", { class: "ends", d: `M${ends[0] + 1} ${base}v7M${ends[1] - 1} ${base}v7` });
    svg.add("text", { class: "first", x: ends[0], y: base + 19 }, `${input.from < -margin ? "← " : ""}${minus(input.first)}`);
    svg.add("text", { class: "last", x: ends[1], y: base + 19 }, `${input.last}${input.to > size + margin ? " →" : ""}`);
  }
  return { node: svg.node, pixel: (at) => Math.floor((at - LEFT) / unit - margin - output.left) };
}

/** The same in two dimensions, on a slice: the output map, the pixel, and the region under the last strip that was reached. */
function square({ size, margin, maps }, back) {
  const side = size + 2 * margin, corner = 256 - size / 2, { left, whole } = maps[0], { from, to } = maps[back];
  const svg = drawing(side, side);
  const place = (x, length) => ({ x, y: x, width: length, height: length });
  svg.add("svg", { ...place(margin, size), viewBox: `${corner} ${corner} ${size} ${size}` })
    .add("image", { href: SLICE, width: 512, height: 512 });
  const box = (name, first, last) => svg.add("rect", { class: name, ...place(margin + first, last - first) });
  svg.add("path", { class: "dim", "fill-rule": "evenodd",
    d: `M0 0h${side}v${side}h${-side}zM${margin + from} ${margin + from}h${to - from}v${to - from}h${from - to}z` });
  box("case", left, whole);
  box("output", left, whole);
  box("case", from, to);
  box("region", from, to);
  const middle = margin + (maps[0].from + maps[0].to) / 2;
  for (const name of ["case", "dot"]) svg.add("path", { class: name, d: `M${middle} ${middle}h0` });
  return svg.node;
}

export function start(root) {
  const index = field("Output pixel", { type: "range", min: 0, max: 35, value: START.index });
  const back = field("Layers followed back", { type: "range", min: 0, max: 26, value: 26 });
  const depth = field("Depth", { type: "range", min: 1, max: 4, value: START.depth });
  const padding = field("Padding", { choices: ["valid", "same"] });
  const button = (name, press, attributes = {}) => {
    const node = element("button", { type: "button", ...attributes }, name);
    node.addEventListener("click", press);
    return node;
  };
  const stepped = (one, what) => element("div", { class: "stepped" }, one.node,
    button("−", () => one.set(one.value() - 1), { "aria-label": `previous ${what}` }),
    button("+", () => one.set(one.value() + 1), { "aria-label": `next ${what}` }));
  const picture = element("div", { class: "strips" }), inset = element("div"), caption = element("figcaption");
  const words = narration();
  const values = () => [index.value(), depth.value(), padding.value(), back.value()];

  let drawn, frame = 0;
  const show = () => {
    const state = view(...values()), region = state.maps[back.value()].to - state.maps[back.value()].from;
    drawn = strips(state, Math.max(picture.clientWidth, 260));
    picture.replaceChildren(drawn.node);
    inset.replaceChildren(square(state, back.value()));
    const { first } = state.maps[0], whole = back.value() === state.maps.length - 1;
    caption.textContent = `A slice, the output map (dashed), its pixel (${first}, ${first}), and the ${region} x ${region} px ` +
      (whole ? "that it sees" : "under the last span");
    words.tell(sentence(...values()));
  };
  const soon = () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(show);
  };
  const resize = () => { // another net: keep the pixel if there is one, and all layers if all were followed
    const whole = back.value() === Number(back.input.max), { maps } = view(0, depth.value(), padding.value(), 0);
    index.input.max = maps[0].side - 1;
    back.input.max = maps.length - 1;
    index.set(index.value());
    back.set(whole ? maps.length - 1 : back.value());
  };
  for (const one of [index, back]) one.changed(soon);
  for (const one of [depth, padding]) one.changed(resize);

  let down = null;
  const point = (event) => index.set(Math.max(0, drawn.pixel(event.clientX - picture.getBoundingClientRect().left)));
  picture.addEventListener("pointerdown", (event) => {
    down = event;
    picture.setPointerCapture(event.pointerId);
    if (event.pointerType !== "touch") point(event);
  });
  picture.addEventListener("pointermove", (event) => { // a finger that moves up or down scrolls the page
    const across = down && Math.abs(event.clientX - down.clientX) >= Math.abs(event.clientY - down.clientY);
    if (down && (across || event.pointerType !== "touch")) point(event);
  });
  picture.addEventListener("lostpointercapture", () => { down = null; });
  picture.addEventListener("click", point);

  const reset = () => {
    back.set(back.input.max);
    padding.set(START.padding);
    depth.set(START.depth);
    index.set(START.index);
  };
  root.replaceChildren(element("div", { class: "parts" },
    element("div", { class: "choices" }, depth.node, padding.node, button("reset", reset)),
    stepped(index, "output pixel"),
    picture,
    stepped(back, "layer"),
    element("div", { class: "said" }, ...words.nodes),
    element("figure", {}, inset, caption)));
  show();
  new ResizeObserver(soon).observe(picture);
}
