// What all explorables are made of: elements, drawings, labelled fields.

/** An HTML element with attributes and children. */
export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/** An SVG of a width and height in its own units, as wide as its column allows. `add` puts in a shape and returns it. */
export function drawing(width, height, label = "") {
  const make = (name) => document.createElementNS("http://www.w3.org/2000/svg", name);
  const wrap = (node) => ({
    node,
    add(name, attributes = {}, text = null) {
      const child = make(name);
      for (const [key, value] of Object.entries(attributes)) child.setAttribute(key, value);
      if (text !== null) child.textContent = text;
      node.append(child);
      return wrap(child);
    },
  });
  const svg = wrap(make("svg"));
  svg.node.setAttribute("viewBox", `0 0 ${width} ${height}`);
  if (label) {
    svg.node.setAttribute("role", "img");
    svg.node.setAttribute("aria-label", label);
  } else svg.node.setAttribute("aria-hidden", "true"); // its words stand beside it
  return svg;
}

let count = 0;

/** A labelled slider, with its value beside it, or a choice. `changed` tells a function each new value. */
export function field(label, { choices, ...attributes }, unit = "") {
  const id = `field-${count++}`;
  const input = choices
    ? element("select", { id }, ...choices.map((choice) => element("option", {}, choice)))
    : element("input", { id, ...attributes });
  const output = element("output", { for: id });
  const node = element("div", { class: "field" }, element("label", { for: id }, label), input, ...(choices ? [] : [output]));
  const value = () => (choices ? input.value : Number(input.value));
  const note = () => {
    output.textContent = `${input.value}${unit}`;
    if (!choices) input.setAttribute("aria-valuetext", output.textContent);
  };
  note();
  return {
    node, input, value,
    set(next) { input.value = next; input.dispatchEvent(new Event("input", { bubbles: true })); },
    changed(tell) { input.addEventListener("input", () => { note(); tell(value()); }); },
  };
}

/** Words about what is seen: shown at once, and read aloud when they have stayed for a while. */
export function narration(settled = 500) {
  const seen = element("p", { class: "words", "aria-hidden": "true" }), heard = element("p", { class: "heard", "aria-live": "off" });
  const say = (text) => {
    heard.setAttribute("aria-live", "polite");
    heard.textContent = text;
  };
  let pause = 0;
  return {
    nodes: [seen, heard],
    tell(text) {
      seen.textContent = text;
      clearTimeout(pause);
      if (!heard.textContent) heard.textContent = text; // nobody asked for it while the page loads
      else if (heard.textContent !== text) pause = setTimeout(say, settled, text);
    },
  };
}
