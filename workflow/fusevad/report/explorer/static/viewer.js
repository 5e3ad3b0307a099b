"use strict";
/* One video: its film, its scores by one or two methods, and what happens when. */
var Explorer = window.Explorer || {};

(function () {
  const element = (id) => document.getElementById(id);
  const APART = 0.2; // of ranks: closer ones don't count as a disagreement
  const SMOOTHED = { colour: "#222222", dash: [1, 2], width: 1 };
  const KINDS = ["first", "second"]; // of bars, by method

  Explorer.Viewer = class {
    /** `onTime` is called whenever the time changes. */
    constructor(rules, onTime) {
      const seek = (time) => this.film.seek(time), zoom = (min, max) => this.zoom(min, max);
      Object.assign(this, { rules, onTime, video: null, time: 0, details: [], disagreements: [], marks: [] });
      this.film = new Explorer.Film((time) => this.showTime(time));
      this.scores = new Explorer.Chart(element("score-chart"), 240, seek, zoom);
      this.weights = new Explorer.Chart(element("weights-chart"), 120, seek, zoom);
      this.lanes = new Explorer.Lanes(element("lanes"), seek);
    }

    /** Show a video of `state` at a time; else where it is furthest from right. */
    async show(state, number, time) {
      const { dataset, shown } = state, video = state.videos[number];
      Object.assign(this, { state, dataset, shown, wanted: video });
      const details = await Promise.all(
        shown.map(({ method, seed }) => Explorer.loadDetails(dataset, method, video, seed)));
      if (this.wanted !== video || this.shown !== shown) return; // another one was chosen meanwhile
      Object.assign(this, { video, details });
      this.disagreements = shown.length > 1 ? this.findDisagreements() : [];
      this.showTitle();
      this.drawScores();
      this.drawWeights();
      this.showEvents();
      this.film.show(video, dataset, time ?? this.tellingTime());
    }

    findDisagreements() {
      const apart = Explorer.apart(this.shown, this.video, this.dataset, this.rules);
      return Explorer.disagreements(this.video, apart, 3).filter((each) => each.apart >= APART);
    }

    /** Where methods disagree most; else where a missed anomaly begins, or the highest false score. */
    tellingTime() {
      const { video } = this, row = this.state.rows[video.number];
      if (this.disagreements.length) return this.disagreements[0].at;
      if (row.kind === "miss") return video.truth[0][1];
      const { values } = this.shown[0].series[video.number];
      let top = -1;
      for (let k = 0; k < video.segments; k++) {
        const normal = video.anomalous[k] < (video.edges[k + 1] - video.edges[k]) / 2;
        if (normal && (top < 0 || values[k] > values[top])) top = k;
      }
      return video.edges[Math.max(0, top)];
    }

    showTitle() {
      const { video, dataset } = this, classes = video.classes.join(", ");
      const length = dataset.timed ? Explorer.clock(video.length, true) : `${Math.round(video.length)} frames`;
      element("video-title").textContent = [video.name, classes, length].filter(Boolean).join(" · ");
    }

    drawScores() {
      const { video, dataset } = this;
      const lines = this.shown.map(({ series }, place) => ({
        values: series[video.number].values,
        band: [this.details[place].low, this.details[place].high],
        ...Explorer.METHODS[place],
      }));
      if (dataset.timed) lines.push({ values: this.shown[0].series[video.number].level, ...SMOOTHED });
      this.scores.draw(video, dataset.timed, lines, [0, 1], true);
      this.lanes.zoom(video.edges[0], video.edges[video.segments]);
    }

    /** The weights of the first method that has some. */
    drawWeights() {
      const place = this.details.findIndex((each) => each.weights.length), title = element("weights-title");
      this.weights.clear();
      if (place < 0) {
        title.textContent = `${this.shown.map(({ method }) => method.label).join(" and ")}: no weights of streams`;
        return;
      }
      const { weights } = this.details[place], styles = Explorer.STREAMS;
      const lines = weights.map(({ values }, k) => ({ values, ...styles[k % styles.length] }));
      const keys = weights.map(({ stream }, k) => key(stream, styles[k % styles.length]));
      title.replaceChildren(`Weights, ${this.shown[place].label} (axis zoomed)`, ...keys);
      this.weights.draw(this.video, this.dataset.timed, lines, Explorer.weightRange(weights), false);
    }

    /** Mark the threshold, unless it is null, and the events at it. */
    showThreshold(threshold) {
      this.scores.setThreshold(threshold);
      if (this.video && this.shown === this.state.shown) this.showEvents();
    }

    showEvents() {
      const lanes = [this.truthLane(), ...this.shown.map((scores, place) => this.eventLane(scores, place)), this.apartLane()];
      const present = lanes.filter(Boolean);
      this.lanes.show(present);
      this.marks = [...new Set(present.flatMap(({ items }) => items.map((each) => each.at ?? each.start)))].sort((a, b) => a - b);
      this.showJumps();
    }

    clock(time) {
      return Explorer.clock(time, this.dataset.timed);
    }

    truthLane() {
      if (!this.video.truth) return null;
      const items = this.video.truth.map(([name, start, end]) => ({
        start, end, text: `${name}, ${this.clock(start)} to ${this.clock(end)}`,
      }));
      return { name: "truth", title: "annotated anomalies", kind: "truth", items };
    }

    eventLane({ outcomes, label, letter }, place) {
      if (!outcomes) return null;
      const items = outcomes[this.video.number].events.map(({ start, end, peak, false: wrong }) => ({
        start, end, hollow: wrong,
        text: `${wrong ? "false alarm" : "event"}, ${this.clock(start)} to ${this.clock(end)}, peak ${peak.toFixed(3)}`,
      }));
      return { name: `events ${letter}`, title: `events of ${label}; false alarms are hollow`, kind: KINDS[place], items };
    }

    apartLane() {
      if (this.shown.length < 2) return null;
      const items = this.disagreements.map((each) => ({
        ...each, text: `ranks ${percent(each.apart)} apart, ${this.clock(each.start)} to ${this.clock(each.end)}`,
      }));
      return { name: "differ", title: "where the methods disagree most", kind: "apart", items };
    }

    /** Buttons that lead to the disagreements. */
    showJumps() {
      const buttons = this.disagreements.map(({ at, apart }) => {
        const button = Object.assign(document.createElement("button"), { type: "button" });
        button.textContent = `${this.clock(at)}: ${percent(apart)} apart`;
        button.addEventListener("click", () => this.film.seek(at));
        return button;
      });
      const most = this.state.rows[this.video.number].differ;
      const none = most === undefined ? [] : [`In this video the ranks of A and B are nowhere more than ${percent(most)} apart.`];
      element("jumps").replaceChildren(...(buttons.length ? ["Largest disagreements", ...buttons] : none));
    }

    zoom(min, max) {
      this.scores.zoom(min, max);
      this.weights.zoom(min, max);
      this.lanes.zoom(min, max);
      this.showTime(this.time);
    }

    showTime(time) {
      this.time = time;
      const { video } = this;
      element("clock").textContent = `${this.clock(time)} / ${this.clock(video.length)}`;
      this.scores.setTime(time);
      this.weights.setTime(time);
      this.showLegend(this.segmentAt(time));
      this.onTime();
    }

    segmentAt(time) {
      const { edges, segments } = this.video;
      let low = 0, high = segments - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (edges[middle] <= time + 1e-9) low = middle;
        else high = middle - 1;
      }
      return low;
    }

    /** The methods and their scores at the time. */
    showLegend(segment) {
      const parts = this.shown.map(({ method, label, series }, place) => {
        const { low, high } = this.details[place], score = series[this.video.number].values[segment];
        const seeds = method.seeds.length === 1 ? "" : ` (seeds ${low[segment].toFixed(2)} to ${high[segment].toFixed(2)})`;
        return key(`${label} ${score.toFixed(2)}${seeds}`, Explorer.METHODS[place]);
      });
      if (this.dataset.timed) parts.push(key(`mean of ${this.rules.smoothing} s, which the threshold cuts`, SMOOTHED));
      element("legend").replaceChildren(...parts);
    }

    /** Go some segments on, or back. */
    step(segments) {
      const { video } = this, next = this.segmentAt(this.time) + segments;
      this.film.seek(video.edges[Math.min(video.segments - 1, Math.max(0, next))]);
    }

    /** To the next annotated anomaly, event or disagreement (`way` 1), or the one before (-1). */
    jump(way) {
      const others = this.marks.filter((time) => (time - this.time) * way > 0.01);
      if (others.length) this.film.seek(way > 0 ? others[0] : others[others.length - 1]);
    }
  };

  const percent = (share) => `${Math.round(100 * share)} %`;

  /** A sample of a line, and its name. */
  function key(name, { colour, dash }) {
    const made = document.createElement("span"), text = document.createElement("span");
    made.className = "key";
    made.innerHTML = `<svg width="26" height="8" aria-hidden="true"><line x1="1" x2="25" y1="4" y2="4"
      stroke="${colour}" stroke-width="2" stroke-dasharray="${dash.join(" ")}"/></svg>`;
    text.textContent = name;
    made.append(text);
    return made;
  }
})();
