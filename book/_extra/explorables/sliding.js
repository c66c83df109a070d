// A kernel that slides and a kernel that stamps: Keras's Conv2D and Conv2DTranspose with one channel and no bias.

const full = (height, width, fill) => Array.from({ length: height }, (_, row) => Array.from({ length: width }, (_, column) => fill(row, column)));

/** Zeros that "same" padding puts before and after a number of pixels; the odd one comes after. */
export function zeros(length, size, stride, padding) {
  const all = padding === "valid" ? 0 : Math.max((Math.ceil(length / stride) - 1) * stride + size - length, 0);
  return { before: Math.floor(all / 2), after: Math.ceil(all / 2) };
}

/**
 * A convolution, as networks have it: a cross-correlation. Returns the input in its frame of zeros, the corner of the input in it, and the
 * rows of the result. Each value of the result comes with the corner of its window in the frame and with its products, [pixel, weight].
 */
export function slide(input, kernel, stride, padding) {
  const size = kernel.length, width = input[0].length;
  const upright = zeros(input.length, size, stride, padding), across = zeros(width, size, stride, padding);
  const framed = full(upright.before + input.length + upright.after, across.before + width + across.after,
    (row, column) => input[row - upright.before]?.[column - across.before] ?? 0);
  const count = (length) => Math.floor((length - size) / stride) + 1;
  const result = full(count(framed.length), count(framed[0].length), (row, column) => {
    const products = full(size, size, (a, b) => [framed[stride * row + a][stride * column + b], kernel[a][b]]);
    const sum = products.flat().reduce((total, [pixel, weight]) => total + pixel * weight, 0);
    return { sum, products, top: stride * row, left: stride * column };
  });
  return { framed, top: upright.before, left: across.before, result };
}

/** A transposed convolution after a number of input pixels: the rows of the output, and how many stamps reached each of its pixels. */
export function stamp(input, kernel, stride, done = Infinity) {
  const size = kernel.length, width = input[0].length;
  const side = (length) => stride * length + Math.max(size - stride, 0); // a kernel smaller than the stride leaves pixels bare
  const output = full(side(input.length), side(width), () => 0), counts = full(side(input.length), side(width), () => 0);
  input.flat().slice(0, done).forEach((pixel, place) => {
    const top = stride * Math.floor(place / width), left = stride * (place % width);
    kernel.forEach((row, a) => row.forEach((weight, b) => {
      output[top + a][left + b] += pixel * weight;
      counts[top + a][left + b]++;
    }));
  });
  return { output, counts };
}

/** How many stamps reach an output pixel away from the edges: all numbers that occur, from the smallest. */
export function inner(size, stride) {
  const along = Array.from({ length: stride }, (_, phase) => Math.ceil((size - phase) / stride)).map((count) => Math.max(count, 0));
  return [...new Set(along.flatMap((one) => along.map((other) => one * other)))].sort((a, b) => a - b);
}
