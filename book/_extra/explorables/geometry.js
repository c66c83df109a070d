// Sizes through the U: the integers of unet_tutorial.geometry.

/** Sizes until something breaks, and what breaks ("" if nothing does). */
export function walk(size, depth, padding) {
  const cost = padding === "valid" ? 4 : 0;
  const sizes = [size];
  const convolve = (where) => {
    if (size - cost < 1) return `${where} the two 3x3 convolutions would get only ${size} px`;
    sizes.push(size - cost / 2, size - cost);
    size -= cost;
    return "";
  };
  let fault = "";
  for (let level = 1; level <= depth; level++) {
    fault = convolve(`at level ${level}`);
    if (!fault && size % 2) fault = `after level ${level} the 2x2 pooling would meet the odd size ${size}`;
    if (fault) return { sizes, fault };
    size /= 2;
    sizes.push(size);
  }
  fault = convolve("at the bottom");
  for (let level = depth; level > 0 && !fault; level--) {
    size *= 2;
    sizes.push(size);
    fault = convolve(`on the way up, at level ${level},`);
  }
  return { sizes, fault };
}

/** The legal sizes next to one: the largest below it (null if there is none) and the smallest not below it. */
export function nearest(size, depth, padding) {
  let above = size;
  while (walk(above, depth, padding).fault) above++;
  let below = size;
  while (below > 0 && walk(below, depth, padding).fault) below--;
  return { below: below > 0 ? below : null, above };
}

/** Pixels cut from each side of the skip connections, top level first. */
export function cropMargins(size, depth, padding) {
  const { sizes } = walk(size, depth, padding);
  return Array.from({ length: depth }, (_, level) => (sizes[3 * level + 2] - sizes[6 * depth - 3 * level]) / 2);
}
