// Pictures: grey values in and out of the page, and painting them on a canvas.
import { decode, header } from "./png.js";

/** One grey value for each pixel. Colours count by their brightness to the eye, opacity not at all. */
function grey(samples, channels) {
  return Float32Array.from({ length: samples.length / channels }, (_, pixel) => {
    const at = channels * pixel, red = samples[at], green = samples[at + 1], blue = samples[at + 2];
    return channels < 3 || (red === green && green === blue) ? red : 0.299 * red + 0.587 * green + 0.114 * blue;
  });
}

/** Grey values 0 to 255, row by row, of anything that can be drawn: an image, a bitmap, a canvas. */
function levelsOf(source, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(source, 0, 0);
  return grey(context.getImageData(0, 0, width, height).data, 4);
}

/** Grey values in 0..1, row by row, of anything that can be drawn. */
export function greyOf(source, width, height) {
  return { values: levelsOf(source, width, height).map((level) => level / 255), width, height };
}

const bitmapOf = (blob) => createImageBitmap(blob, { colorSpaceConversion: "none" });

/** A picture file at an address as grey values in 0..1. */
export async function readGrey(address) {
  const bitmap = await bitmapOf(await fetch(address).then((answer) => answer.blob()));
  return greyOf(bitmap, bitmap.width, bitmap.height);
}

/** Grey values of a picture file as the file has them: 0 to `most`. A `note` says where a canvas has cut them to 8 bits. */
export async function readLevels(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer()), png = header(bytes), bitmap = await bitmapOf(blob);
  const { width, height } = bitmap;
  if (png?.bits === 16 && !png.interlaced) return { values: grey(await decode(bytes), png.channels), width, height, most: 65535, note: "" };
  const note = png?.bits === 16 ? " An interlaced PNG: the browser gives 8 of its 16 bits." : "";
  return { values: levelsOf(bitmap, width, height), width, height, most: 255, note };
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
