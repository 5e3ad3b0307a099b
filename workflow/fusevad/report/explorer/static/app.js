"use strict";
/* What is shown, and what follows when one of it changes: data set, methods, seed, threshold, video, time. */
var Explorer = window.Explorer || {};

(function () {
  const element = (id) => document.getElementById(id);
  const MEAN = "mean";
  // `shown`: the one or two methods that are looked at, each with its seed, label, scores and outcomes.
  const state = { threshold: 0.5, seed: MEAN, dataset: null, videos: [], shown: [], rows: [], number: -1 };
  let index, table, viewer, curve, changes = 0;
  Explorer.state = state; // for those who look at the page with a console

  async function start() {
    try {
      index = await Explorer.load("data/index.js");
    } catch {
      return say("The data of this page is not beside it. If you see this inside a report, open " +
        "explorer/index.html in the folder of results instead.");
    }
    index.datasets.forEach((dataset, number) => {
      dataset.number = number;
      dataset.methods.forEach((method, place) => (method.number = place));
    });
    document.title = element("title").textContent = index.title;
    element("page").hidden = false;
    build();
    await follow(Explorer.readAddress());
  }

  function build() {
    table = new Explorer.VideoTable((number) => attempt(showVideo(number)));
    viewer = Explorer.viewer = new Explorer.Viewer(index.rules, writeAddress);
    curve = new Explorer.Curve(element("curve").querySelector("svg"));
    fill("dataset", index.datasets.map((each) => [each.key, each.title]));
    listen();
    describeRules();
  }

  function listen() {
    const chosen = (id, name) => element(id).addEventListener("change", ({ target }) => {
      target.blur();
      const elsewhere = name === "data" ? { video: undefined, t: undefined } : {};
      attempt(follow({ ...address(), ...elsewhere, [name]: target.value }));
    });
    for (const [id, name] of [["dataset", "data"], ["method", "method"], ["other", "with"], ["seed", "seed"]]) chosen(id, name);
    window.addEventListener("hashchange", () => attempt(follow(Explorer.readAddress())));
    element("threshold").addEventListener("input", ({ target }) => showThreshold(Number(target.value)));
    element("copy").addEventListener("click", copyLink);
    element("help").addEventListener("click", () => element("help-text").showModal());
    const letters = { j: () => table.move(1), k: () => table.move(-1), n: () => viewer.jump(1), p: () => viewer.jump(-1), m: nextMethod };
    const capitals = Object.fromEntries(Object.entries(letters).map(([name, action]) => [name.toUpperCase(), action]));
    Explorer.listenToKeys({
      ...letters, ...capitals,
      ArrowDown: () => table.move(1), ArrowUp: () => table.move(-1),
      ArrowLeft: () => viewer.step(-1), ArrowRight: () => viewer.step(1),
      "Shift+ArrowLeft": () => viewer.step(-10), "Shift+ArrowRight": () => viewer.step(10),
      " ": () => viewer.film.toggle(),
      "[": () => showThreshold(onSlider(state.threshold - 0.01)), "]": () => showThreshold(onSlider(state.threshold + 0.01)),
      "/": () => element("search").focus(), "?": () => element("help-text").showModal(),
    });
  }

  /** Show what an address names; what it lacks gets its usual value. */
  async function follow(wanted) {
    const turn = ++changes, dataset = index.datasets.find((each) => each.key === wanted.data) || index.datasets[0];
    const by = (key) => dataset.methods.find((each) => each.key === key);
    const method = by(wanted.method) || by(dataset.first) || dataset.methods[dataset.methods.length - 1];
    const other = by(wanted.with) === method ? undefined : by(wanted.with);
    const seed = seedOf(method, wanted.seed);
    say("");
    const videos = await Explorer.loadVideos(dataset);
    const shown = await Promise.all([method, other].filter(Boolean).map((each) => load(each, dataset, videos, seed)));
    if (turn !== changes) return; // something else was chosen meanwhile
    shown.forEach((each, place) => {
      each.letter = shown.length > 1 ? "AB"[place] : "";
      each.label = `${each.letter} ${each.method.label}`.trim();
    });
    Object.assign(state, { dataset, videos, shown, seed, number: -1 });
    showChoices();
    showRows();
    const given = Number(wanted.threshold);
    showThreshold(given >= 0 && given <= 1 ? given : index.threshold);
    showSummaries();
    const named = videos.findIndex((video) => video.name === wanted.video);
    if (wanted.video !== undefined && named < 0) say(`There is no video ${wanted.video} in ${dataset.title}.`);
    const time = named < 0 || wanted.t === undefined ? undefined : Number(wanted.t) || 0;
    const [first] = [...table.visible, ...state.rows]; // a search may hide all
    await showVideo(named < 0 ? first.video.number : named, time);
  }

  const seedOf = (method, seed) => (method.seeds.map(String).includes(seed) ? seed : MEAN);

  async function load(method, dataset, videos, seed) {
    const own = seedOf(method, seed);
    return { method, seed: own, ...(await Explorer.loadScores(dataset, method, own, videos, index.rules)) };
  }

  function showChoices() {
    const { dataset, shown, seed } = state, [{ method }] = shown, count = method.seeds.length;
    const methods = dataset.methods.map((each) => [each.key, each.label]);
    element("dataset").value = dataset.key;
    fill("method", methods, method.key);
    fill("other", [["", "nothing"], ...methods.filter(([name]) => name !== method.key)], shown[1] ? shown[1].method.key : "");
    fill("seed", [[MEAN, `mean of ${count}`], ...method.seeds.map((each) => [String(each), String(each)])], seed);
    element("other").parentElement.hidden = methods.length < 2;
    element("seed").parentElement.hidden = count < 2;
  }

  function fill(id, choices, chosen) {
    element(id).replaceChildren(...choices.map(([value, text]) => new Option(text, value)));
    if (chosen !== undefined) element(id).value = chosen;
  }

  function showRows() {
    const { videos, shown, dataset } = state;
    state.rows = videos.map((video, k) => {
      const row = Explorer.rowOf(video, shown[0].series[k], shown[0].ranks);
      if (shown.length > 1) row.differ = Explorer.apart(shown, video, dataset, index.rules).reduce((most, each) => Math.max(most, each), 0);
      return row;
    });
    table.show(dataset, state.rows, shown.length > 1);
  }

  /** A step of the slider has three digits. */
  const onSlider = (threshold) => Math.round(threshold * 1000) / 1000;
  const inDigits = (threshold) => (onSlider(threshold) === threshold ? threshold.toFixed(3) : String(Number(threshold.toPrecision(6))));

  /** Count events and false alarms of all videos, and show them. */
  function showThreshold(threshold) {
    const { dataset, videos, shown, rows } = state;
    state.threshold = Math.min(1, Math.max(0, threshold)); // exactly: a model's may lie between two steps of the slider
    element("threshold").value = state.threshold;
    element("threshold-value").textContent = inDigits(state.threshold);
    element("alarms").hidden = !dataset.timed;
    if (dataset.timed) {
      for (const each of shown) Object.assign(each, Explorer.count(each, videos, state.threshold, index.rules));
      rows.forEach((row, k) => row.setOutcome(shown[0].outcomes[k]));
      table.update();
      showCounts();
      curve.mark(shown.map(({ total }) => Explorer.rates(total)));
    }
    viewer.showThreshold(dataset.timed ? state.threshold : null);
    writeAddress();
  }

  function showCounts() {
    const labelled = state.videos.some((video) => video.truth);
    element("counts").replaceChildren(...state.shown.flatMap(({ label, total }, place) => {
      const name = document.createElement("dt"), text = document.createElement("dd");
      name.className = ["first", "second"][place];
      name.textContent = label;
      Explorer.inWords(total, labelled).forEach((words, k) => {
        const number = Object.assign(document.createElement("b"), { textContent: `${k ? "  ·  " : ""}${words}` });
        text.append(k % 2 ? words : number);
      });
      return [name, text];
    }));
  }

  /** The curve over all thresholds, where there is something to find, and the tables of results. */
  function showSummaries() {
    const { dataset, videos, shown, seed } = state, labelled = dataset.timed && shown[0].total.intervals && shown[0].total.normalHours;
    element("curve").hidden = !labelled;
    if (labelled) {
      const at = (place, threshold) => Explorer.rates(Explorer.count(shown[place], videos, threshold, index.rules).total);
      attempt(curve.show(shown.length, at));
      curve.mark(shown.map(({ total }) => Explorer.rates(total)));
    }
    Explorer.showResults(dataset, shown.map(({ method }) => method), seed);
    element("results").hidden = !dataset.results && !labelled;
    element("notes").textContent = dataset.notes.join(" ");
  }

  async function showVideo(number, time) {
    state.number = number;
    table.mark(number);
    await viewer.show(state, number, time);
  }

  function nextMethod() {
    const { methods } = state.dataset, place = state.shown[0].method.number;
    attempt(follow({ ...address(), method: methods[(place + 1) % methods.length].key }));
  }

  function address() {
    const { dataset, shown, seed, threshold, videos, number } = state;
    return {
      data: dataset.key, method: shown[0].method.key, with: shown[1] && shown[1].method.key, seed,
      threshold: String(threshold), video: number >= 0 ? videos[number].name : undefined, t: viewer.time.toFixed(1),
    };
  }

  let writing = 0;
  /** At most five times a second: browsers refuse more. */
  function writeAddress() {
    if (!writing) {
      writing = setTimeout(() => {
        writing = 0;
        Explorer.writeAddress(address());
      }, 200);
    }
  }

  async function copyLink() {
    Explorer.writeAddress(address());
    try {
      await navigator.clipboard.writeText(location.href);
      say("The address is copied.");
    } catch {
      say(`Copy the address: ${location.href}`);
    }
  }

  function describeRules() {
    const { smoothing, release, shortest, gap, repeat } = index.rules;
    element("rules").textContent = `Scores are averaged over ${smoothing} s; an event lasts until the score falls below ` +
      `${release} of the threshold, raises its alarm after ${shortest} s and again every ${repeat} s, and is one with the ` +
      `next if less than ${gap} s lie between.`;
  }

  function say(text) {
    element("message").textContent = text;
    element("message").hidden = !text;
  }

  function attempt(work) {
    work.catch((error) => say(error.message));
  }

  document.addEventListener("DOMContentLoaded", () => attempt(start()));
})();
