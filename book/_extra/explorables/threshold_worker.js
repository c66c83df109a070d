// Judges a slice at one threshold after the other, off the page's own thread.
import { judge } from "./errors.js";

self.onmessage = ({ data: { image, thresholds } }) => {
  for (const threshold of thresholds) self.postMessage({ threshold, result: judge(image, threshold) });
};
