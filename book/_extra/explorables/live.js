// The live U-Net: a network of the package on a picture or on the reader's own image, its objects, every map inside it.
import { LAYERS, drawU, paintMaps } from "./inside.js";
import { Network, lay } from "./network.js";
import { csv, objects } from "./objects.js";
import { element, field } from "./parts.js";
import { fill, readLevels } from "./picture.js";
import { encode } from "./png.js";
import { larger, scaled, smaller } from "./scaling.js";
import { colour } from "./segments.js";

const LARGEST = 4096; // px a side
const LOOK = 100; // px of output whose maps are shown
const STEP = 8; // px that an arrow key moves the look
const MOST = 65535; // ids that a mask of 16 bits holds
const address = (name) => new URL(`data/${name}`, import.meta.url);

export async function start(root) {
  const networks = await fetch(address("networks.json")).then((answer) => answer.json());
  const still = [...root.childNodes];
  const state = { net: null, source: null, full: null, image: null, probability: null, found: null, threshold: 0.5, look: null, run: null, turn: 0 };
  let network = null;

  const nets = field("Network", { choices: networks.map(({ title }) => title) });
  const choice = field("Image", { choices: [] });
  const file = element("input", { type: "file", accept: "image/*", id: "live-file" });
  const threshold = field("Threshold", { type: "range", min: 0, max: 1, step: 0.01, value: state.threshold });
  const smallest = field("Smallest object", { type: "number", min: 1, step: 1, value: 1 }, " px");
  const across = field("Width of an object", { type: "number", min: 1, step: 1, value: 1 }, " px");
  const shown = element("p", { class: "shown" });
  const bar = element("progress", { max: 1, value: 0, "aria-label": "Tiles done" });
  const cancel = element("button", { type: "button", hidden: "" }, "cancel");
  const words = element("p", { class: "words", "aria-live": "polite" });
  const overlay = element("canvas", { role: "img", "aria-label": "The image" });
  const probability = element("canvas", { role: "img", "aria-label": "Nothing is computed yet" });
  const caption = element("figcaption");
  const square = element("div", { class: "look", tabindex: 0, role: "group" });
  const mask = element("button", { type: "button", disabled: "" }, "save the mask (PNG)");
  const table = element("button", { type: "button", disabled: "" }, "save the table (CSV)");
  const layer = field("Layer", { choices: LAYERS.map(({ words: name }) => name) });
  const maps = element("canvas", { role: "img", "aria-label": "No map is shown yet" });
  const mapWords = element("p", { class: "words", "aria-live": "polite" });
  const u = drawU((name) => { layer.set(LAYERS.find((one) => one.name === name).words); });

  const paint = () => {
    const { full: { width, height, values }, probability: map, found } = state;
    mask.disabled = table.disabled = !map;
    if (!map) {
      fill(overlay, width, height, (pixel) => Array(3).fill(255 * values[pixel]));
      fill(probability, width, height, () => [128, 128, 128]);
      return;
    }
    const colours = Array.from({ length: found.areas.length + 1 }, (_, id) => colour(id));
    fill(overlay, width, height, (pixel) => {
      const grey = 255 * values[pixel], id = found.ids[pixel];
      return id ? colours[id].map((part) => 0.6 * grey + 0.4 * part) : [0.35 * grey, 0.35 * grey, 0.35 * grey];
    });
    fill(probability, width, height, (pixel) => Array(3).fill(255 * map[pixel]));
    overlay.setAttribute("aria-label", `The image, its ${found.areas.length} objects in colours`);
    probability.setAttribute("aria-label", `The probability of ${state.net.object}: white is 1, black is 0`);
  };

  const count = () => {
    if (!state.probability) return;
    const { full, net } = state, least = Math.max(1, Math.floor(smallest.value()) || 1);
    state.found = objects(state.probability, full, state.threshold, least);
    paint();
    const { areas } = state.found, middle = [...areas].sort((a, b) => a - b)[areas.length >> 1];
    words.textContent = `${full.width} x ${full.height} px: ${areas.length} ${areas.length === 1 ? "object" : "objects"} of at least ${least} px where the ` +
      `probability of ${net.object} is above ${state.threshold.toFixed(2)}${areas.length ? `; half of them have ${middle} px or more` : ""}. ${state.account}`;
  };

  const place = () => {
    const { image } = state, look = state.look ??= [image.height, image.width].map((side) => Math.floor((side - LOOK) / 2));
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
    if (!network || !state.image) return;
    const { look: [top, left], image } = state;
    const chosen = LAYERS.find((one) => one.words === layer.value());
    const ask = ++asked;
    u.mark(chosen.name);
    const { values, shape } = await network.features(image, chosen.name, top, left, LOOK);
    if (ask !== asked) return; // a newer one is on its way
    const columns = Math.min(shape[2], Math.max(2, Math.floor(root.clientWidth / 110)));
    const same = paintMaps(maps, values, shape, columns);
    const text = `${chosen.words}: ${shape[2]} ${shape[2] === 1 ? "map" : "maps"} of ${shape[0]} x ${shape[1]} px` +
      (shape[2] > 1 ? ", each on its own scale from black to white" : "") + (same && shape[2] > 1 ? `; ${same} of them the same everywhere` : "") + ".";
    mapWords.textContent = text;
    maps.setAttribute("aria-label", text);
  };

  const run = async () => {
    const control = state.run = new AbortController();
    const { net, source } = state, { words: range, ...full } = scaled(source, net);
    const shrink = net.knows ? Math.max(1, Math.round(across.value() / net.knows)) : 1;
    const image = shrink > 1 ? smaller(full, shrink) : full;
    Object.assign(state, { full, image, probability: null, found: null });
    const size = !net.knows ? "" : ` The network sees it ${shrink > 1 ? `${shrink} times smaller` : "as large as it is"}: it knows objects about ${net.knows} px wide.`;
    shown.replaceChildren(...[net.about, source.about, range + source.note + size].map((line) => element("span", {}, `${line} `)));
    caption.textContent = `Probability of ${net.object}`;
    paint();
    place();
    const tiles = lay(image.height).offsets.length * lay(image.width).offsets.length;
    cancel.hidden = tiles < 10;
    const begun = performance.now();
    words.textContent = `${tiles} tiles to do.`;
    try {
      network ??= new Network(net.name);
      const values = await network.predict(image, { signal: control.signal, progress: (done, all) => { bar.max = all; bar.value = done; } });
      state.probability = shrink > 1 ? larger({ ...image, values }, shrink, full) : values;
      state.account = `${tiles} ${tiles === 1 ? "tile" : "tiles"}, ${((performance.now() - begun) / 1000).toFixed(1)} s.`;
      count();
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

  const read = async (blob, name) => {
    const refuse = () => { throw new Error(`${name} is not a picture that this browser can read. PNG and JPEG work everywhere, TIFF rarely: save it as PNG, of 8 or 16 bits.`); };
    const { width, height } = await createImageBitmap(blob).catch(refuse);
    if (Math.max(width, height) > LARGEST) throw new Error(`${name} has ${width} x ${height} px. At most ${LARGEST} px a side fit here: cut it or make it smaller.`);
    return readLevels(blob).catch(refuse);
  };

  /** Read a picture, then compute. What is asked for meanwhile takes its place. Returns whether it could be read. */
  const show = async (blob, name, about) => {
    const turn = ++state.turn;
    try {
      const source = await read(await blob, name);
      if (turn !== state.turn) return false;
      state.source = { ...source, name, about };
    } catch (error) {
      if (turn === state.turn) words.textContent = error.message;
      return false;
    }
    state.look = null;
    stop();
    run();
    return true;
  };

  const stop = () => {
    state.run?.abort();
    state.run = null;
  };

  const open = async (blob) => {
    if (await show(blob, blob.name, `Image: ${blob.name}, yours; it stays on this machine.`)) list(blob);
  };

  /** Fill the menu of images: those for the network, and the reader's own, which is then what is shown. */
  const list = (own) => {
    if (own) state.own = own;
    const titles = state.net.images.map(({ title }) => title);
    choice.input.replaceChildren(...[...titles, ...(state.own ? [`Yours: ${state.own.name}`] : [])].map((title) => element("option", {}, title)));
    if (own) choice.input.value = `Yours: ${own.name}`;
  };

  const take = (title) => {
    const one = state.net.images.find((image) => image.title === title);
    if (!one) return open(state.own);
    return show(fetch(address(one.file)).then((answer) => answer.blob()), one.file, one.about);
  };

  const takeNetwork = (title) => {
    const own = choice.value() === `Yours: ${state.own?.name}`;
    stop();
    network?.close();
    network = state.probability = null;
    state.net = networks.find((net) => net.title === title);
    threshold.set(state.net.threshold);
    smallest.set(state.net.smallest);
    across.node.hidden = !state.net.knows;
    if (state.net.knows) across.set(state.net.width);
    list(own && state.own);
    return take(choice.value());
  };

  const save = (blob, ending) => {
    const link = element("a", { href: URL.createObjectURL(blob), download: `${state.source.name.replace(/\.[^.]*$/, "")}-${ending}` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };

  const move = (rows, columns) => {
    if (!state.image) return;
    state.look = [state.look[0] + rows, state.look[1] + columns];
    place();
    showMaps();
  };
  square.addEventListener("keydown", (event) => {
    const steps = { ArrowUp: [-STEP, 0], ArrowDown: [STEP, 0], ArrowLeft: [0, -STEP], ArrowRight: [0, STEP] }[event.key];
    if (steps) { event.preventDefault(); move(...steps); }
  });
  const view = element("div", { class: "view" }, overlay, square);
  view.addEventListener("click", (event) => {
    if (!state.image) return;
    const box = overlay.getBoundingClientRect();
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
  nets.changed(takeNetwork);
  choice.changed(take);
  file.addEventListener("change", () => { if (file.files.length) open(file.files[0]); });
  threshold.changed((value) => { state.threshold = value; count(); });
  smallest.changed(count);
  across.changed(() => {
    if (!state.source || !network) return;
    state.look = null;
    stop();
    run();
  });
  layer.changed(showMaps);
  cancel.addEventListener("click", () => { state.run?.abort(); });
  mask.addEventListener("click", async () => {
    const { found: { ids, areas }, full } = state;
    if (areas.length > MOST) words.textContent = `${areas.length} objects do not fit in a mask of 16 bits, ${MOST} do: raise the smallest object.`;
    else save(await encode(ids, full.width, full.height), "ids.png");
  });
  table.addEventListener("click", () => save(new Blob([csv(state.source.name, state.found, state.source)], { type: "text/csv" }), "objects.csv"));

  layer.input.value = LAYERS.find(({ name }) => name === "contract1_conv2").words;
  root.replaceChildren(
    element("div", { class: "fields" }, nets.node, choice.node,
      element("div", { class: "field" }, element("label", { for: "live-file" }, "Or one of your own"), file), threshold.node, smallest.node, across.node),
    shown, element("div", { class: "status" }, bar, cancel), words,
    element("div", { class: "pair" },
      element("figure", {}, view, element("figcaption", {}, "Objects over the image. The square is what is looked at below.")),
      element("figure", {}, probability, caption)),
    element("div", { class: "saves" }, mask, table),
    element("div", { class: "inside" }, element("div", { class: "fields" }, layer.node), u.node), mapWords, maps);
  takeNetwork(nets.value());
}
