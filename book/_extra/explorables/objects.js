// Objects of a probability map: ids, measures, a table.
import { components } from "./segments.js";

/** The 4-connected pieces above a threshold that have at least `smallest` pixels: ids 1, 2, ... in raster order, areas by id. */
export function objects(probability, { height, width }, threshold, smallest = 1) {
  const { ids, count } = components(probability.map((value) => value > threshold), height, width);
  const sizes = new Int32Array(count + 1), numbers = new Int32Array(count + 1), areas = [];
  for (const id of ids) sizes[id]++;
  for (let id = 1; id <= count; id++) if (sizes[id] >= smallest) numbers[id] = areas.push(sizes[id]);
  return { ids: ids.map((id) => numbers[id]), areas };
}

/** A row for each object: columns as in the objects.csv of `unet_tutorial.projects predict`, brightness in the units of the file. */
export function csv(name, { ids, areas }, { values, height, width }) {
  const sums = areas.map(() => [0, 0, 0, 0]);
  ids.forEach((id, pixel) => {
    if (!id) return;
    const row = Math.floor(pixel / width), column = pixel % width, sum = sums[id - 1];
    sum[0] += row;
    sum[1] += column;
    sum[2] += values[pixel];
    if (!row || !column || row === height - 1 || column === width - 1) sum[3] = 1;
  });
  const quoted = /[",\n\r]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
  const rows = sums.map(([row, column, light, border], index) => {
    const means = [row, column, light].map((sum) => (sum / areas[index]).toFixed(3));
    return [quoted, index + 1, means[0], means[1], areas[index], means[2], border];
  });
  return [["image", "id", "row", "column", "area", "brightness", "border"], ...rows].map((row) => `${row.join()}\n`).join("");
}
