// Segments of a mask: the integers of unet_tutorial.segments.segments.

/** Ids 1, 2, ... of the 4-connected components of the non-zero pixels, in raster order of their first pixels, and their number. */
export function components(mask, height, width) {
  const ids = new Int32Array(mask.length);
  const waiting = new Int32Array(mask.length);
  let count = 0;
  for (let first = 0; first < mask.length; first++) {
    if (!mask[first] || ids[first]) continue;
    ids[first] = ++count;
    waiting[0] = first;
    for (let size = 1; size;) {
      const pixel = waiting[--size], column = pixel % width;
      const reach = (next) => { if (mask[next] && !ids[next]) { ids[next] = count; waiting[size++] = next; } };
      if (column) reach(pixel - 1);
      if (column < width - 1) reach(pixel + 1);
      if (pixel >= width) reach(pixel - width);
      if (pixel < width * (height - 1)) reach(pixel + width);
    }
  }
  return { ids, count };
}

/** A colour [red, green, blue] for each id: neighbours in number are far apart in hue. */
export function colour(id) {
  const hue = (id * 0.618033988749895) % 1 * 6;
  const saturation = [0.5, 0.65, 0.4][id % 3], value = 255 * [0.95, 0.8, 0.65][id % 3];
  return [5, 3, 1].map((shift) => {
    const k = (shift + hue) % 6;
    return value * (1 - saturation * Math.max(0, Math.min(k, 4 - k, 1)));
  });
}
