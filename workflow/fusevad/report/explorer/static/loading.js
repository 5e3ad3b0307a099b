"use strict";
/* Data, loaded as scripts: a page that is opened from disk may read no other files. */
var Explorer = window.Explorer || {};

(function () {
  const waiting = {}, loaded = new Map();
  const KEPT = 400; // scripts of videos and scores in memory; the oldest goes

  /** Called by the scripts themselves, with their content as JSON. */
  Explorer.receive = function (name, text) {
    if (waiting[name]) waiting[name](JSON.parse(text));
  };

  /** The content of a script in `data/`, once. */
  Explorer.load = function (name) {
    if (loaded.has(name)) return loaded.get(name);
    const result = new Promise((resolve, reject) => {
      const script = document.createElement("script");
      waiting[name] = resolve;
      script.onload = () => script.remove();
      script.onerror = () => reject(new Error(`${name}: missing; make the explorer again`));
      script.src = name;
      document.head.append(script);
    }).finally(() => delete waiting[name]);
    loaded.set(name, result);
    if (loaded.size > KEPT) loaded.delete(loaded.keys().next().value);
    return result;
  };

  /** Videos of a data set, with their numbers of segments and anomalous seconds. */
  Explorer.loadVideos = async function (dataset) {
    const place = `data/${dataset.number}`, videos = await Explorer.load(`${place}/videos.js`);
    let first = 0;
    videos.forEach((video, number) => {
      if (video.anomalous) return;
      video.number = number;
      video.edges = Explorer.exactly(video.edges);
      video.segments = video.edges.length - 1;
      video.length = video.edges[video.segments] - video.edges[0];
      video.first = first;
      video.anomalous = Explorer.anomalousSeconds(video.edges, video.truth);
      first += video.segments;
    });
    return videos;
  };

  /** Scores of all videos by one method and seed: for each video its steps, values and smoothed values. */
  Explorer.loadScores = async function (dataset, method, seed, videos, rules) {
    const name = `data/${dataset.number}/${method.number}/scores-${seed}.js`;
    const { steps, values } = Explorer.scores(await Explorer.load(name), seed === "mean");
    const series = videos.map((video) => {
      const from = video.first, to = from + video.segments, own = values.subarray(from, to);
      return {
        steps: steps.subarray(from, to),
        values: own,
        level: dataset.timed ? Explorer.smooth(own, video.edges, rules.smoothing) : own,
      };
    });
    return { series, ranks: Explorer.ranks(videos, series) };
  };

  /** The band over seeds of one video, and the streams' weights of a seed. */
  Explorer.loadDetails = async function (dataset, method, video, seed) {
    const name = `data/${dataset.number}/${method.number}/video-${video.number}.js`;
    const packed = await Explorer.load(name), weights = packed.weights[seed] || {};
    const values = (text) => Explorer.values(Explorer.steps(text));
    return {
      low: values(packed.low),
      high: values(packed.high),
      weights: Object.entries(weights).map(([stream, text]) => ({ stream, values: values(text) })),
    };
  };
})();
