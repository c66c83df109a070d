// Pictures: grey values in and out of the page, and painting them on a canvas.

/** Grey values in 0..1, row by row, of anything that can be drawn: an image, a bitmap, a canvas. */
export function greyOf(source, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(source, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  const values = new Float32Array(width * height);
  for (let pixel = 0; pixel < values.length; pixel++) {
    const [red, green, blue] = data.subarray(4 * pixel, 4 * pixel + 3);
    values[pixel] = (red === green && green === blue ? red : 0.299 * red + 0.587 * green + 0.114 * blue) / 255;
  }
  return { values, width, height };
}

/** A picture file, from an address or as a Blob, as grey values in 0..1. */
export async function readGrey(source) {
  const blob = source instanceof Blob ? source : await fetch(source).then((answer) => answer.blob());
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none" });
  return greyOf(bitmap, bitmap.width, bitmap.height);
}

/** Fill a canvas of a width and height: `paint(pixel)` gives red, green, blue in 0..255, and opacity where it is not full. */
export function fill(canvas, width, height, paint) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const picture = context.createImageData(width, height);
  for (let pixel = 0, at = 0; pixel < width * height; pixel++) {
    const [red, green, blue, opacity = 255] = paint(pixel);
    picture.data[at++] = red;
    picture.data[at++] = green;
    picture.data[at++] = blue;
    picture.data[at++] = opacity;
  }
  context.putImageData(picture, 0, 0);
}
