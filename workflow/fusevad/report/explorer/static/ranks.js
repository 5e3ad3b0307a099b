"use strict";
/* Errors and disagreements by rank: what counts is the order of scores among all moments of the test videos,
   as in the AUC, and not their scale. */
var Explorer = window.Explorer || {};

(function () {
  const BINS = Explorer.LEVELS + 1;

  /** Seconds of each segment inside the annotated intervals. */
  Explorer.anomalousSeconds = function (edges, truth) {
    const found = new Float64Array(edges.length - 1);
    for (let k = 0; k < found.length; k++) {
      for (const [, start, end] of truth || []) {
        found[k] = Math.max(found[k], Math.min(end, edges[k + 1]) - Math.max(start, edges[k]));
      }
    }
    return found;
  };

  /** How much lies below each step, counting half of what is on it, as a share of all. */
  function shareBelow(mass) {
    const share = new Float64Array(BINS);
    let below = 0;
    for (let k = 0; k < BINS; k++) {
      share[k] = below + mass[k] / 2;
      below += mass[k];
    }
    if (below > 0) for (let k = 0; k < BINS; k++) share[k] /= below;
    return share;
  }

  /** Ranks of scores: among normal moments, among anomalous ones, and among all; by step. */
  Explorer.ranks = function (videos, series) {
    const normal = new Float64Array(BINS), anomalous = new Float64Array(BINS);
    videos.forEach((video, number) => {
      const steps = series[number].steps, inside = video.anomalous, edges = video.edges;
      for (let k = 0; k < steps.length; k++) {
        anomalous[steps[k]] += inside[k];
        normal[steps[k]] += edges[k + 1] - edges[k] - inside[k];
      }
    });
    const all = normal.map((mass, k) => mass + anomalous[k]);
    return { normal: shareBelow(normal), anomalous: shareBelow(anomalous), all: shareBelow(all) };
  };

  /** A video's errors: miss and falseAlarm, shares; NaN where the video has no such moments. */
  Explorer.errors = function (video, steps, ranks) {
    let missed = 0, anomalous = 0, wrong = 0, normal = 0;
    for (let k = 0; k < steps.length; k++) {
      const inside = video.anomalous[k], outside = video.edges[k + 1] - video.edges[k] - inside;
      missed += inside * (1 - ranks.normal[steps[k]]);
      anomalous += inside;
      wrong += outside * ranks.anomalous[steps[k]];
      normal += outside;
    }
    return { miss: missed / anomalous, falseAlarm: wrong / normal };
  };

  /** How far two methods' ranks of each segment of a video are apart, smoothed: (segments,). */
  Explorer.apart = function ([first, second], video, dataset, rules) {
    const steps = first.series[video.number].steps, others = second.series[video.number].steps;
    const apart = new Float64Array(steps.length);
    for (let k = 0; k < steps.length; k++) {
      apart[k] = Math.abs(first.ranks.all[steps[k]] - second.ranks.all[others[k]]);
    }
    return Explorer.smooth(apart, video.edges, dataset.timed ? rules.smoothing : 0);
  };

  /** The places, at most `count`, where they are furthest apart: {start, end, apart}, the furthest first. */
  Explorer.disagreements = function (video, apart, count) {
    const left = Array.from(apart), found = [];
    while (found.length < count) {
      let top = 0;
      for (let k = 1; k < left.length; k++) if (left[k] > left[top]) top = k;
      if (!(left[top] > 0)) break;
      let begin = top, end = top + 1;
      while (begin > 0 && left[begin - 1] > 0.7 * left[top]) begin--;
      while (end < left.length && left[end] > 0.7 * left[top]) end++;
      found.push({ start: video.edges[begin], end: video.edges[end], apart: left[top], at: video.edges[top] });
      // What surrounds it is the same disagreement, as far as it falls.
      const depth = left[top] / 3;
      while (begin > 0 && left[begin - 1] > depth) begin--;
      while (end < left.length && left[end] > depth) end++;
      left.fill(0, begin, end);
    }
    return found;
  };
})();
