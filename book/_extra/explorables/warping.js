// The warping error: the steps of unet_tutorial.warping, in the same order.
import { components } from "./segments.js";

const NEIGHBOURS = [[0, 1], [-1, 1], [-1, 0], [-1, -1], [0, -1], [1, -1], [1, 0], [1, 1]]; // neighbour k is bit k of a code
const RADIUS = 20;
const WINDOW = 2 * RADIUS + 1;

const SIMPLE = Uint8Array.from({ length: 256 }, (_, code) => {
  const x = (k) => code >> k % 8 & 1;
  return [0, 2, 4, 6].reduce((sum, k) => sum + x(k) - x(k) * x(k + 1) * x(k + 2), 0) === 1;
});

/** Pixels that no sequence of simple flips, most certain first, turns from the truth into the proposal. */
function descend(truth, proposal, certainty, height, width) {
  const stride = width + 2; // one pixel of background all around
  const codes = new Uint8Array((height + 2) * stride);
  const place = (pixel) => (Math.floor(pixel / width) + 1) * stride + pixel % width + 1;
  const seenBy = NEIGHBOURS.map(([dy, dx], k) => [dy * stride + dx, 1 << (k + 4) % 8]);
  const flip = (at) => { for (const [step, bit] of seenBy) codes[at + step] ^= bit; };
  let left = [];
  for (let column = 0; column < width; column++) {
    for (let pixel = column; pixel < truth.length; pixel += width) {
      if (truth[pixel]) flip(place(pixel));
      if (truth[pixel] !== proposal[pixel]) left.push(pixel);
    }
  }
  left.sort((a, b) => certainty[b] - certainty[a]);
  for (let before = -1; left.length !== before;) {
    before = left.length;
    left = left.filter((pixel) => {
      const at = place(pixel);
      if (SIMPLE[codes[at]]) flip(at);
      else return true;
    });
  }
  return left;
}

/** How many labels surround a pixel: those of the 4-connected cells among its eight neighbours, and the background. */
function labelsAround(ids, row, column, height, width) {
  return new Set(NEIGHBOURS.map(([dy, dx]) => {
    const y = row + dy, x = column + dx;
    return y < 0 || x < 0 || y >= height || x >= width ? 0 : ids[y * width + x];
  })).size;
}

/** How many labels surround a pixel once it is background, seen in its window. */
function labelsOnceCut(mask, row, column, height, width) {
  const seen = new Uint8Array(WINDOW * WINDOW);
  const first = Math.max(0, column - RADIUS), last = Math.min(width, column + RADIUS + 1);
  for (let y = Math.max(0, row - RADIUS); y < Math.min(height, row + RADIUS + 1); y++) {
    seen.set(mask.subarray(y * width + first, y * width + last), (y - row + RADIUS) * WINDOW + first - column + RADIUS);
  }
  seen[RADIUS * WINDOW + RADIUS] = 0;
  return labelsAround(components(seen, WINDOW, WINDOW).ids, RADIUS, RADIUS, WINDOW, WINDOW);
}

/**
 * Bend the truth onto a proposal, the pixels with a probability above the threshold, and judge what is left.
 * `warped` is the bent truth; `split` and `merge` list the pixels that split and that merge cells.
 */
export function warpingErrors({ probability, truth, height, width }, proposal, threshold) {
  const left = descend(truth, proposal, probability.map((value) => Math.abs(value - threshold)), height, width);
  const warped = proposal.slice();
  for (const pixel of left) warped[pixel] = truth[pixel];
  const { ids } = components(warped, height, width);
  const split = [], merge = [];
  for (const pixel of left) {
    const row = Math.floor(pixel / width), column = pixel % width;
    const labels = labelsAround(ids, row, column, height, width);
    if (!warped[pixel]) {
      if (labels > 2) merge.push(pixel);
    } else if (labels > 2 || labels === 2 && labelsOnceCut(warped, row, column, height, width) > 2) split.push(pixel);
  }
  return { warped, split, merge };
}
