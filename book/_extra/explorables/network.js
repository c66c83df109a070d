// A network of the package in the page: overlap-tile over workers. The same steps as unet_tutorial.tiling.
export const MARGIN = 44; // px that the output lacks on each side, depth 3
const UNIT = 8; // tiles lie in phase: at multiples of 2 to the depth
export const GAIN = 260; // px that the largest tile gives

/** Where the pixels before 0 and after the last come from: mirrored, the edge pixel not repeated. */
export function mirrored(position, side) {
  const period = Math.max(2 * (side - 1), 1);
  const phase = ((position % period) + period) % period;
  return Math.min(phase, period - phase);
}

/** Tiles along one axis: side of their input and of their output, and where in the image each output begins. */
export function lay(side) {
  const gain = Math.min(GAIN, Math.ceil((side - 4) / UNIT) * UNIT + 4); // legal outputs are 4, 12, 20, ...
  const step = side <= gain ? side : Math.floor(gain / UNIT) * UNIT;
  const offsets = [];
  for (let offset = 0; offset === 0 || offset + gain < side + step; offset += step) offsets.push(offset);
  return { input: gain + 2 * MARGIN, gain, offsets: offsets.filter((offset) => offset < side) };
}

/** The input of the tile whose output begins at a row and a column: grey values in 0..1, mirrored where the image ends. */
export function cut({ values, height, width }, top, left, tileHeight, tileWidth) {
  const tile = new Float32Array(tileHeight * tileWidth);
  const columns = Int32Array.from({ length: tileWidth }, (_, column) => mirrored(left - MARGIN + column, width));
  for (let row = 0; row < tileHeight; row++) {
    const from = mirrored(top - MARGIN + row, height) * width;
    for (let column = 0; column < tileWidth; column++) tile[row * tileWidth + column] = values[from + columns[column]];
  }
  return tile;
}

/** Workers that share the tiles of the network of a name among them. `close` ends them, and whatever they are doing. */
export class Network {
  constructor(name, threads = Math.min(4, Math.max(1, (navigator.hardwareConcurrency || 2) - 1))) {
    this.idle = [];
    this.queue = [];
    this.waiting = new Map();
    this.tickets = 0;
    this.workers = Array.from({ length: threads }, () => {
      const worker = new Worker(new URL(`network_worker.js?${name}`, import.meta.url));
      worker.onmessage = ({ data }) => {
        const { resolve, reject } = this.waiting.get(data.ticket);
        this.waiting.delete(data.ticket);
        this.idle.push(worker);
        this.next();
        if (data.error) reject(new Error(data.error));
        else resolve(data);
      };
      worker.onerror = (event) => {
        event.preventDefault();
        for (const { reject } of this.waiting.values()) reject(new Error(event.message || "the worker did not start"));
        this.waiting.clear();
      };
      this.idle.push(worker);
      return worker;
    });
  }

  next() {
    while (this.idle.length && this.queue.length) {
      const { message, signal } = this.queue.shift();
      if (signal?.aborted) this.waiting.delete(message.ticket);
      else this.idle.pop().postMessage(message, [message.tile.buffer]);
    }
  }

  ask(tile, height, width, layer, signal) {
    const ticket = this.tickets++;
    return new Promise((resolve, reject) => {
      this.waiting.set(ticket, { resolve, reject });
      this.queue.push({ message: { ticket, tile, height, width, layer }, signal });
      this.next();
    });
  }

  /** Probability of an object at each pixel. `progress` is told how many tiles of how many are done; `signal` cancels. */
  async predict(image, { progress = () => {}, signal } = {}) {
    const rows = lay(image.height), columns = lay(image.width);
    const result = new Float32Array(image.height * image.width);
    const tiles = rows.offsets.flatMap((top) => columns.offsets.map((left) => [top, left]));
    let done = 0;
    progress(0, tiles.length);
    const stopped = new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
    await Promise.race([stopped, Promise.all(tiles.map(async ([top, left]) => {
      const { values } = await this.ask(cut(image, top, left, rows.input, columns.input), rows.input, columns.input, "", signal);
      if (signal?.aborted) return;
      const height = Math.min(rows.gain, image.height - top), width = Math.min(columns.gain, image.width - left);
      for (let row = 0; row < height; row++) {
        result.set(values.subarray(row * columns.gain, row * columns.gain + width), (top + row) * image.width + left);
      }
      progress(++done, tiles.length);
    }))]);
    return result;
  }

  /** The maps of one layer for the tile whose output begins at a row and a column: values and their (height, width, channels). */
  features(image, layer, top, left, gain) {
    const input = gain + 2 * MARGIN;
    return this.ask(cut(image, top, left, input, input), input, input, layer);
  }

  close() { this.workers.forEach((worker) => worker.terminate()); }
}
