// What an output pixel depends on in every map of the U: the spans of unet_tutorial.geometry, layer by layer, along one axis.
import { nearest } from "./geometry.js";

/** What makes each map, in the order the data flows: the sizes of `walk` have the same order. */
export function makers(depth) {
  const level = (...kinds) => Array(depth).fill(kinds).flat();
  return ["input", ...level("conv", "conv", "pool"), "conv", "conv", ...level("up", "conv", "conv")];
}

/** Where each map lies over the input: the left edge of its first pixel, and how many input pixels one of its pixels covers. */
export function places(depth, padding) {
  let left = 0, scale = 1;
  return makers(depth).map((kind) => {
    if (kind === "conv" && padding === "valid") left += scale;
    if (kind === "pool") scale *= 2;
    if (kind === "up") scale /= 2;
    return { left, scale };
  });
}

/** First and last pixel of every map that can change an output pixel. With "same" padding they may lie outside, where the zeros are. */
export function spans(index, depth, padding) {
  let first = index, last = index;
  const back = {
    conv() { if (padding === "valid") last += 2; else { first -= 1; last += 1; } },
    pool() { first = 2 * first; last = 2 * last + 1; },
    up() { first = Math.floor(first / 2); last = Math.floor(last / 2); },
  };
  const list = [{ first, last }];
  for (const kind of makers(depth).slice(1).reverse()) {
    back[kind]();
    list.unshift({ first, last });
  }
  return list;
}

/** How many input pixels each phase of the output sees: the index modulo 2 ** depth decides. */
export function widths(depth, padding) {
  return Array.from({ length: 2 ** depth }, (_, phase) => {
    const [{ first, last }] = spans(phase, depth, padding);
    return last - first + 1;
  });
}

/** A small legal input: the output of the valid net has two periods of phases and four pixels more. */
export function tile(depth, padding) {
  return nearest(14 * 2 ** depth - 4, depth, padding).above;
}
