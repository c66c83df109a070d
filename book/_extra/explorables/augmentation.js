// Elastic deformation: the numbers of unet_tutorial.augmentation, rounded to float32 where NumPy rounds.
const round = Math.fround;

/** Weights of each of three nodes at `size` pixels along an axis: the natural cubic spline through them. */
function splineWeights(size) {
  const [first, middle, last] = [0, 1, 2].map(() => new Float64Array(size));
  for (let pixel = 0; pixel < size; pixel++) {
    const place = pixel * (2 / (size - 1)), t = Math.min(place, 2 - place), bend = (t ** 3 - t) / 4;
    const [near, far] = place < 1 ? [first, last] : [last, first];
    near[pixel] = 1 - t + bend;
    middle[pixel] = t - 2 * bend;
    far[pixel] = bend;
  }
  return [first, middle, last];
}

/** Spread 3 x 3 vectors, [rows, columns] of nine numbers each, over every pixel. Returns a Float32Array for each of the two. */
export function interpolateField(vectors, height, width) {
  const down = splineWeights(height), [first, middle, last] = splineWeights(width).map((weights) => Float32Array.from(weights));
  return vectors.map((nodes) => {
    const field = new Float32Array(height * width);
    for (let y = 0, pixel = 0; y < height; y++) {
      const [left, centre, right] = [0, 1, 2].map((node) =>
        round(down[0][y] * nodes[node] + down[1][y] * nodes[3 + node] + down[2][y] * nodes[6 + node]));
      for (let x = 0; x < width; x++, pixel++) {
        field[pixel] = round(round(left * first[x]) + round(centre * middle[x])) + round(right * last[x]);
      }
    }
    return field;
  });
}

/** A position mirrored into 0..last. */
function mirrored(position, last) {
  if (Math.abs(position) > 2 * last) position %= 2 * last;
  return round(last - Math.abs(round(last - Math.abs(position))));
}

/** A picture with its mirror image around it: as many pixels before and after it as are named, here those that cubic taps need. */
export function padded(values, height, width, before = 1, after = 2) {
  const stride = before + width + after, picture = new Float32Array((before + height + after) * stride);
  for (let pixel = 0; pixel < picture.length; pixel++) {
    const y = Math.floor(pixel / stride) - before, x = pixel % stride - before;
    picture[pixel] = values[mirrored(y, height - 1) * width + mirrored(x, width - 1)];
  }
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return { picture, height, width, stride, low, high };
}

/** Fill in the weights of four pixels in a row, for a place that lies a fraction f after the second one (Keys' a = -1/2). */
function tapWeights(f, weights) {
  const g = round(1 - f), half = round(round(-0.5 * f) * g);
  weights[0] = half * g;
  weights[3] = half * f;
  weights[1] = round(g - 2 * weights[0]) + weights[3];
  weights[2] = round(f - 2 * weights[3]) + weights[0];
}

/** Warp a `padded` picture by cubic convolution over 4 x 4 pixels: output[x] = picture[x + d(x)]. */
export function warpCubic({ picture, height, width, stride, low, high }, [down, across], output) {
  const alongY = new Float32Array(4), alongX = new Float32Array(4);
  for (let y = 0, pixel = 0; y < height; y++) {
    for (let x = 0; x < width; x++, pixel++) {
      const row = mirrored(round(y + down[pixel]), height - 1), column = mirrored(round(x + across[pixel]), width - 1);
      const top = Math.floor(row), left = Math.floor(column);
      tapWeights(round(row - top), alongY);
      tapWeights(round(column - left), alongX);
      let total = 0;
      for (let i = 0, at = top * stride + left; i < 4; i++, at += stride) {
        let line = round(picture[at] * alongX[0]);
        for (let j = 1; j < 4; j++) line = round(line + round(picture[at + j] * alongX[j]));
        total = round(total + round(line * alongY[i]));
      }
      output[pixel] = Math.min(Math.max(total, low), high);
    }
  }
  return output;
}

/** Warp a label by taking the nearest pixel, which makes no new value. */
export function warpNearest(label, height, width, [down, across], output) {
  for (let y = 0, pixel = 0; y < height; y++) {
    for (let x = 0; x < width; x++, pixel++) {
      const row = mirrored(round(y + down[pixel]), height - 1), column = mirrored(round(x + across[pixel]), width - 1);
      output[pixel] = label[Math.floor(round(row + 0.5)) * width + Math.floor(round(column + 0.5))];
    }
  }
  return output;
}

/** Mark the pixels where the warp folds: the determinant of the Jacobian matrix of x + d(x) is not above 0. Returns their number. */
export function markFolded([down, across], height, width, marks) {
  let count = 0;
  for (let y = 0, pixel = 0; y < height; y++) {
    const above = y ? width : 0, below = y < height - 1 ? width : 0, rows = (above + below) / width; // one-sided at the border
    for (let x = 0; x < width; x++, pixel++) {
      const before = x ? 1 : 0, after = x < width - 1 ? 1 : 0, columns = before + after;
      const slope = (values, back, forth, steps) => (values[pixel + forth] - values[pixel - back]) / steps;
      const determinant = (1 + slope(down, above, below, rows)) * (1 + slope(across, before, after, columns)) -
        slope(down, before, after, columns) * slope(across, above, below, rows);
      count += marks[pixel] = determinant > 0 ? 0 : 1;
    }
  }
  return count;
}
