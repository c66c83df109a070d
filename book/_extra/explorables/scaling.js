// Grey values and size as a network wants them: those of unet_tutorial.projects, and what was done in words.
const LOOKED = 65536; // pixels that percentiles are taken of

/** The grey values that become 0 and 1: two percentiles; the third in place of the second where few pixels are bright. */
export function limits({ values, width, height }, [low, high, rare]) {
  const step = Math.max(1, Math.floor(Math.sqrt(values.length / LOOKED)));
  const some = new Float32Array(Math.ceil(height / step) * Math.ceil(width / step));
  for (let row = 0, at = 0; row < height; row += step) {
    for (let column = 0; column < width; column += step) some[at++] = values[row * width + column];
  }
  some.sort();
  const percentile = (part) => {
    const place = part / 100 * (some.length - 1), first = Math.floor(place), second = Math.min(first + 1, some.length - 1);
    return some[first] + (place - first) * (some[second] - some[first]);
  };
  const [from, middle, to] = [low, 50, high].map(percentile);
  return [from, to - middle > 2 * (middle - from) ? to : percentile(rare)];
}

/** Every `shrink`-th pixel, as a mean of those around it: weights fall linearly to 0 at the next pixel that is kept. */
export function smaller({ values, width, height }, shrink) {
  const size = (side) => Math.ceil(side / shrink);
  const along = (from, lines, length, next, step) => { // means along one axis
    const to = new Float32Array(lines * size(length));
    for (let line = 0, at = 0; line < lines; line++) {
      for (let place = 0; place < length; place += shrink) {
        let sum = 0;
        for (let off = 1 - shrink; off < shrink; off++) {
          const inside = Math.max(0, Math.min(length - 1, place + off)); // beyond the edge its pixel is repeated
          sum += (shrink - Math.abs(off)) * from[line * next + inside * step];
        }
        to[at++] = sum / shrink ** 2;
      }
    }
    return to;
  };
  const rows = along(values, height, width, width, 1); // (height, fewer columns)
  const columns = along(rows, size(width), height, 1, size(width)); // (fewer columns, fewer rows)
  const result = new Float32Array(columns.length);
  for (let row = 0, at = 0; row < size(height); row++) {
    for (let column = 0; column < size(width); column++) result[at++] = columns[column * size(height) + row];
  }
  return { values: result, width: size(width), height: size(height) };
}

/** The way back to a width and a height: linear between the pixels, constant beyond the last one. */
export function larger({ values, width, height }, shrink, full) {
  const result = new Float32Array(full.width * full.height);
  for (let row = 0, at = 0; row < full.height; row++) {
    const top = Math.min(Math.floor(row / shrink), height - 1), bottom = Math.min(top + 1, height - 1), down = row / shrink - top;
    for (let column = 0; column < full.width; column++) {
      const left = Math.min(Math.floor(column / shrink), width - 1), right = Math.min(left + 1, width - 1), across = column / shrink - left;
      const between = (line) => values[line * width + left] * (1 - across) + values[line * width + right] * across;
      result[at++] = between(top) * (1 - down) + between(bottom) * down;
    }
  }
  return result;
}

/** An image with values 0 to `most` in 0..1, as the card of a network says. `words` say which grey values became what. */
export function scaled(image, { name, percentiles }) {
  const { values, width, height, most } = image;
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const shown = (value) => String(Number(value.toFixed(1)));
  const words = `Grey values ${shown(low)} to ${shown(high)} of ${most}`;
  if (!percentiles) {
    const part = (high - low) / most;
    const thin = part < 0.25 ? ` They fill ${(100 * part).toFixed(0)}% of the scale, and this network expects most of it: stretch the contrast first.` : "";
    return { values: values.map((value) => value / most), width, height, words: `${words}, divided by ${most}, as ${name} was trained.${thin}` };
  }
  const [from, to] = limits(image, percentiles), span = to > from ? to - from : 1;
  const result = values.map((value) => Math.min(1, Math.max(0, (value - from) / span)));
  const done = low === high ? "one value alone: there is nothing to see" : `scaled: ${shown(from)} became 0 and ${shown(to)} became 1, as ${name} was trained`;
  return { values: result, width, height, words: `${words}, ${done}.` };
}
