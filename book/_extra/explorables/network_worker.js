// One thread of the live U-Net: holds the weights of the network that its address names, maps one tile to probabilities or
// to the maps of one layer.
importScripts("library/tf-core.js", "library/tf-wasm.js");

let weights;

async function load() {
  const base = new URL(".", self.location).href, name = self.location.search.slice(1);
  tf.wasm.setWasmPaths(`${base}library/`);
  const [shapes, bytes] = await Promise.all([
    fetch(`${base}data/network-${name}.json`).then((answer) => answer.json()),
    fetch(`${base}data/network-${name}.bin`).then((answer) => answer.arrayBuffer()),
    tf.setBackend("wasm"),
  ]);
  let offset = 0;
  weights = {};
  for (const { name, shape } of shapes) {
    const size = shape.reduce((product, side) => product * side, 1);
    let values = tf.tensor(new Float32Array(bytes, 4 * offset, size), shape);
    if (name.endsWith("_up/kernel")) values = asOneByOne(values);
    weights[name] = values;
    offset += size;
  }
}

/** The kernel (2, 2, out, in) of an up-convolution as a 1x1 convolution to the four pixels that each input pixel becomes. */
function asOneByOne(kernel) {
  const [height, width, to, from] = kernel.shape;
  return tf.reshape(tf.transpose(kernel, [3, 0, 1, 2]), [1, 1, from, height * width * to]);
}

function convolve(x, name, activation) {
  return tf.fused.conv2d({ x, filter: weights[`${name}/kernel`], bias: weights[`${name}/bias`], strides: 1, pad: "valid", activation });
}

function upConvolve(x, name) {
  const bias = weights[`${name}/bias`];
  const pixels = tf.conv2d(x, weights[`${name}/kernel`], 1, "valid");
  return tf.add(tf.depthToSpace(pixels, 2), bias);
}

/** Class probabilities of a tile, shape (1, height, width, 1). `seen` is told each layer's name and maps. */
function forward(tile, seen) {
  const tell = (name, maps) => { seen(name, maps); return maps; };
  const depth = 3, skips = [];
  const two = (x, block) => tell(`${block}_conv2`, convolve(tell(`${block}_conv1`, convolve(x, `${block}_conv1`, "relu")), `${block}_conv2`, "relu"));
  let x = tell("image", tile);
  for (let level = 1; level <= depth; level++) {
    x = two(x, `contract${level}`);
    skips.push(x);
    x = tell(`contract${level}_pool`, tf.maxPool(x, 2, 2, "valid"));
  }
  x = two(x, "bottom");
  for (let level = depth; level >= 1; level--) {
    x = tell(`expand${level}_up`, upConvolve(x, `expand${level}_up`));
    const skip = skips[level - 1];
    const [top, left] = [1, 2].map((axis) => Math.floor((skip.shape[axis] - x.shape[axis]) / 2));
    const cut = tf.slice(skip, [0, top, left, 0], [1, x.shape[1], x.shape[2], skip.shape[3]]);
    x = two(tf.concat([x, cut], 3), `expand${level}`);
  }
  return tell("output", tf.slice(tf.softmax(convolve(x, "output")), [0, 0, 0, 1], [-1, -1, -1, 1]));
}

const ready = load();
self.onmessage = async ({ data: { ticket, tile, height, width, layer } }) => {
  try {
    await ready;
    let found;
    const result = tf.tidy(() => {
      const probability = forward(tf.tensor4d(tile, [1, height, width, 1]), (name, maps) => { if (name === layer) found = tf.keep(maps); });
      return layer ? [] : [probability];
    });
    const maps = layer ? found : result[0];
    const values = await maps.data();
    self.postMessage({ ticket, values, shape: maps.shape.slice(1) }, [values.buffer]);
    tf.dispose([maps]);
  } catch (error) {
    self.postMessage({ ticket, error: String(error.message || error) });
  }
};
