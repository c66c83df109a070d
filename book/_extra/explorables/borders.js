// The border term of equation 2: the numbers of unet_tutorial.losses, for maps of ids stored row by row (0 = background).

/**
 * Ids of elliptical cells, 1 for the first. A cell has a centre x, y (whole numbers), half axes a, b (px) and an angle (radians).
 * Where cells overlap, a pixel goes to the one of which it lies deepest inside, so each keeps its centre.
 */
export function paintCells(cells, height, width) {
  const ids = new Int32Array(height * width), depth = new Float64Array(height * width).fill(1);
  cells.forEach(({ x, y, a, b, angle }, index) => {
    const cos = Math.cos(angle), sin = Math.sin(angle), reach = Math.ceil(Math.max(a, b));
    for (let row = Math.max(0, y - reach); row <= Math.min(height - 1, y + reach); row++) {
      for (let column = Math.max(0, x - reach); column <= Math.min(width - 1, x + reach); column++) {
        const u = ((column - x) * cos + (row - y) * sin) / a, v = ((row - y) * cos - (column - x) * sin) / b;
        const at = row * width + column, far = u * u + v * v;
        if (far < depth[at]) { depth[at] = far; ids[at] = index + 1; }
      }
    }
  });
  return ids;
}

/** Where a pixel's 3x3 neighbourhood holds a cell of another id. */
function touchesAnother(ids, height, width, at) {
  const row = Math.floor(at / width), column = at % width;
  for (let r = Math.max(0, row - 1); r <= Math.min(height - 1, row + 1); r++) {
    for (let c = Math.max(0, column - 1); c <= Math.min(width - 1, column + 1); c++) {
      const near = ids[r * width + c];
      if (near && near !== ids[at]) return true;
    }
  }
  return false;
}

/** Opens a border of background between cells that touch; a cell of which nothing would be left keeps what it can. */
export function separateTouching(ids, height, width) {
  const separated = ids.map((id, at) => (id && touchesAnother(ids, height, width, at) ? 0 : id));
  const sizes = new Map(), left = new Set(separated);
  for (const id of ids) if (!left.has(id)) sizes.set(id, (sizes.get(id) ?? 0) + 1);
  const smallestFirst = [...sizes.keys()].sort((one, other) => sizes.get(one) - sizes.get(other) || one - other);
  for (const lost of smallestFirst) {
    const restored = separated.map((id, at) => (ids[at] === lost ? lost : id));
    restored.forEach((id, at) => { if (id === lost && !touchesAnother(restored, height, width, at)) separated[at] = lost; });
  }
  return separated;
}

/**
 * Squared distance (px) of each pixel to the nearest pixel of one cell, infinite if there is none. First within each column.
 * Then, in a row, each column is a parabola over the others, and the lowest one counts: their lower envelope is built
 * from the left.
 */
export function squaredDistances(ids, id, height, width) {
  const vertical = new Float64Array(ids.length).fill(Infinity), squared = new Float64Array(ids.length).fill(Infinity);
  for (let column = 0; column < width; column++) {
    for (const [first, step] of [[0, 1], [height - 1, -1]]) {
      for (let row = first, away = Infinity; row >= 0 && row < height; row += step) {
        const at = row * width + column;
        away = ids[at] === id ? 0 : away + 1;
        vertical[at] = Math.min(vertical[at], away * away);
      }
    }
  }
  const lowest = new Int32Array(width), begins = new Float64Array(width); // columns in the envelope, and where each takes over
  for (let start = 0; start < ids.length; start += width) {
    let count = 0;
    for (let column = 0; column < width; column++) {
      const own = vertical[start + column] + column * column;
      if (own === Infinity) continue;
      let begin = -Infinity;
      for (; count; count--) {
        const other = lowest[count - 1];
        begin = (own - vertical[start + other] - other * other) / (2 * (column - other));
        if (begin > begins[count - 1]) break;
      }
      begins[count] = count ? begin : -Infinity;
      lowest[count++] = column;
    }
    for (let column = 0, index = 0; count && column < width; column++) {
      while (index + 1 < count && begins[index + 1] < column) index++;
      squared[start + column] = vertical[start + lowest[index]] + (column - lowest[index]) ** 2;
    }
  }
  return squared;
}

/** d1 and d2 of each pixel (px): to the nearest and to the second nearest cell, infinite where there is none. */
export function twoDistances(ids, height, width) {
  const d1 = new Float64Array(ids.length).fill(Infinity), d2 = new Float64Array(ids.length).fill(Infinity);
  for (const id of new Set(ids)) {
    if (!id) continue;
    const squared = squaredDistances(ids, id, height, width);
    for (let at = 0; at < ids.length; at++) {
      if (squared[at] < d1[at]) { d2[at] = d1[at]; d1[at] = squared[at]; } else if (squared[at] < d2[at]) d2[at] = squared[at];
    }
  }
  return { d1: d1.map(Math.sqrt), d2: d2.map(Math.sqrt) };
}

/** The border term of one pixel of background; 0 where the distances sum to more than 10 sigma, as in the package. */
export function borderTerm(d1, d2, w0, sigma) {
  const distance = (d1 + d2) / sigma;
  return distance <= 10 ? w0 * Math.exp(-0.5 * distance * distance) : 0;
}

/** The border term of each pixel: 0 on cells, and everywhere if there are fewer than two. */
export function borderWeightMap(ids, height, width, w0, sigma) {
  const { d1, d2 } = twoDistances(ids, height, width);
  return Float32Array.from(ids, (id, at) => (id ? 0 : borderTerm(d1[at], d2[at], w0, sigma)));
}

/** The nearest pixel of the nearest cell and of the second nearest, as id, row, column and distance (px), nearest first. */
export function twoNearest(ids, width, row, column) {
  const nearest = new Map();
  ids.forEach((id, at) => {
    if (!id) return;
    const there = Math.floor(at / width), across = at % width;
    const squared = (there - row) ** 2 + (across - column) ** 2;
    if (!(nearest.get(id)?.squared <= squared)) nearest.set(id, { id, row: there, column: across, squared });
  });
  return [...nearest.values()].sort((one, other) => one.squared - other.squared || one.id - other.id).slice(0, 2)
    .map(({ squared, ...where }) => ({ ...where, distance: Math.sqrt(squared) }));
}
