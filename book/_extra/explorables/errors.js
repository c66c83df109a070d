// A proposal against the truth: the numbers of unet_tutorial.metrics.
import { components } from "./segments.js";
import { warpingErrors } from "./warping.js";

/** A slice to judge: probabilities and a truth of 0 and 1, row by row, and the true cells. */
export function slice(probability, truth, height, width) {
  return { probability, truth, height, width, cells: components(truth, height, width) };
}

/** Each pair of a segment and a true cell with the pixels that they share; 0 is what lies between them. */
function contingency(segments, cells) {
  const counts = new Map(), columns = cells.count + 1;
  segments.ids.forEach((id, pixel) => {
    const pair = id * columns + cells.ids[pixel];
    counts.set(pair, (counts.get(pair) || 0) + 1);
  });
  return Array.from(counts, ([pair, count]) => ({ segment: Math.floor(pair / columns), cell: pair % columns, count }));
}

/** Numbers of the pixels of each id. */
function sizes(pairs, part, ids) {
  const all = new Float64Array(ids + 1);
  for (const pair of pairs) all[pair[part]] += pair.count;
  return all;
}

const squares = (counts) => counts.reduce((sum, count) => sum + count * count, 0);

/** Rand error, split score and merge score. A true cell's pixel that lies in no segment is one of its own. */
function rand(pairs, segments, cells) {
  const counted = pairs.filter(({ cell }) => cell), inside = counted.filter(({ segment }) => segment);
  const truth = sizes(counted, "cell", cells);
  const alone = truth.reduce((sum, count) => sum + count, 0) - inside.reduce((sum, { count }) => sum + count, 0);
  const joint = alone + squares(inside.map(({ count }) => count));
  const found = alone + squares(sizes(inside, "segment", segments));
  const together = squares(truth);
  return { rand: 1 - 2 * joint / (found + together), splitScore: joint / together, mergeScore: joint / found };
}

/** Ids of one part that lie by more than half in one id of the other, in groups by that id; only groups of several. */
function sharing(pairs, part, other, ids) {
  const all = sizes(pairs, part, ids), groups = new Map();
  for (const pair of pairs) {
    if (pair.segment && pair.cell && 2 * pair.count > all[pair[part]]) {
      groups.set(pair[other], [...(groups.get(pair[other]) || []), pair[part]]);
    }
  }
  return [...groups].filter(([, members]) => members.length > 1);
}

/**
 * Judge a slice at a threshold: the errors `pixel`, `rand` and `warping`; split and merge score; how many `segments` there are.
 * `cut` true cells hold the `pieces`, two or more each; `joining` segments hold the `joined` cells. `kinds` says of each pixel
 * whether it lies in none of the segments (0), in one (1), in a piece (2), in a joining one (3). `split` and `merge` are the
 * pixels that the warping error counts.
 */
export function judge(image, threshold) {
  const { probability, truth, height, width, cells } = image;
  const proposal = truth.map((_, pixel) => probability[pixel] > threshold);
  const segments = components(proposal, height, width);
  const pairs = contingency(segments, cells);
  const total = (counts) => counts.reduce((sum, count) => sum + count, 0);
  const both = total(pairs.map(({ segment, cell, count }) => (segment && cell ? count : 0)));
  const { split, merge } = warpingErrors(image, proposal, threshold);
  const pieces = sharing(pairs, "segment", "cell", segments.count), joins = sharing(pairs, "cell", "segment", cells.count);
  const kindOf = new Uint8Array(segments.count + 1).fill(1, 1);
  for (const [, members] of pieces) for (const id of members) kindOf[id] = 2;
  for (const [id] of joins) kindOf[id] = 3;
  const all = (groups) => total(groups.map(([, members]) => members.length));
  return {
    ...rand(pairs, segments.count, cells.count),
    pixel: 1 - 2 * both / (total(proposal) + total(truth)),
    warping: (split.length + merge.length) / truth.length,
    segments: segments.count, cut: pieces.length, pieces: all(pieces), joining: joins.length, joined: all(joins),
    kinds: proposal.map((_, pixel) => kindOf[segments.ids[pixel]]), split, merge,
  };
}
