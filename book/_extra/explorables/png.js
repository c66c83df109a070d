// PNG files of 16 bits, which a canvas cannot write, and reads as 8.
const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const CHANNELS = { 0: 1, 2: 3, 4: 2, 6: 4 }; // by type of colour

const through = (bytes, stream) => new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer();

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  return byte;
});

function chunk(name, data) {
  const bytes = new Uint8Array(data.length + 12), view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set([...name].map((letter) => letter.charCodeAt(0)), 4);
  bytes.set(data, 8);
  const sum = bytes.subarray(4, data.length + 8).reduce((so, byte) => TABLE[(so ^ byte) & 255] ^ (so >>> 8), -1);
  view.setUint32(data.length + 8, ~sum);
  return bytes;
}

/** A grey PNG of 16 bits whose values are those of `ids`, as a Blob. */
export async function encode(ids, width, height) {
  const header = new DataView(new ArrayBuffer(13)), rows = new DataView(new ArrayBuffer(height * (2 * width + 1)));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint8(8, 16);
  ids.forEach((id, pixel) => rows.setUint16(Math.floor(pixel / width) + 1 + 2 * pixel, id)); // each row begins with a 0: no filter
  const packed = new Uint8Array(await through(rows.buffer, new CompressionStream("deflate")));
  const chunks = [chunk("IHDR", new Uint8Array(header.buffer)), chunk("IDAT", packed), chunk("IEND", new Uint8Array())];
  return new Blob([Uint8Array.from(SIGNATURE), ...chunks], { type: "image/png" });
}

/** Size and kind of a PNG, from its first bytes; null for other files. */
export function header(bytes) {
  if (bytes.length < 33 || SIGNATURE.some((byte, index) => bytes[index] !== byte)) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return { width: view.getUint32(16), height: view.getUint32(20), bits: bytes[24], channels: CHANNELS[bytes[25]], interlaced: bytes[28] > 0 };
}

/** Samples of a PNG of 16 bits that is not interlaced, row by row, the channels of a pixel side by side. */
export async function decode(bytes) {
  const { width, height, channels } = header(bytes), view = new DataView(bytes.buffer, bytes.byteOffset);
  const parts = [];
  for (let at = 8; at + 8 <= bytes.length; at += view.getUint32(at) + 12) {
    if (view.getUint32(at + 4) === 0x49444154) parts.push(bytes.subarray(at + 8, at + 8 + view.getUint32(at))); // IDAT
  }
  const data = new Uint8Array(await through(new Blob(parts), new DecompressionStream("deflate")));
  const step = 2 * channels, length = step * width, samples = new Uint16Array(width * height * channels);
  let before = new Uint8Array(length);
  for (let row = 0; row < height; row++) {
    const filter = data[row * (length + 1)], line = data.subarray(row * (length + 1) + 1, (row + 1) * (length + 1));
    for (let at = 0; at < length; at++) {
      const left = at < step ? 0 : line[at - step], up = before[at], corner = at < step ? 0 : before[at - step];
      line[at] += filter === 0 ? 0 : filter === 1 ? left : filter === 2 ? up : filter === 3 ? (left + up) >> 1 : paeth(left, up, corner);
    }
    for (let at = 0; at < length; at += 2) samples[(row * length + at) / 2] = 256 * line[at] + line[at + 1];
    before = line;
  }
  return samples;
}

/** Of left, up and corner the one that is nearest to left + up - corner. */
function paeth(left, up, corner) {
  const ofLeft = Math.abs(up - corner), ofUp = Math.abs(left - corner), ofCorner = Math.abs(left + up - 2 * corner);
  return ofLeft <= ofUp && ofLeft <= ofCorner ? left : ofUp <= ofCorner ? up : corner;
}
