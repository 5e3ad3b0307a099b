"use strict";
/* Under the chart, on its time axis: annotated anomalies, events of the methods, and disagreements. */
var Explorer = window.Explorer || {};

(function () {
  Explorer.Lanes = class {
    /** `onSeek` gets the time of what is clicked. */
    constructor(container, onSeek) {
      Object.assign(this, { container, onSeek, lanes: [], min: 0, max: 1 });
      container.addEventListener("click", (event) => {
        const bar = event.target.closest(".bar");
        if (bar) return onSeek(Number(bar.dataset.time));
        const track = event.target.closest(".track");
        if (!track) return;
        const { left, width } = track.getBoundingClientRect();
        onSeek(this.min + ((event.clientX - left) / width) * (this.max - this.min));
      });
    }

    /** Show `lanes`, {name, title, kind, items: [{start, end, text, hollow}]}. */
    show(lanes) {
      this.lanes = lanes;
      this.draw();
    }

    /** Show the time from `min` to `max`. */
    zoom(min, max) {
      Object.assign(this, { min, max });
      this.draw();
    }

    draw() {
      this.container.replaceChildren(...this.lanes.map((lane) => this.lane(lane)));
    }

    lane(lane) {
      const line = document.createElement("div"), name = document.createElement("span"), track = document.createElement("div");
      line.className = "lane";
      line.title = lane.title;
      name.textContent = lane.name;
      track.className = "track";
      for (const item of lane.items) {
        const left = this.share(item.start), right = this.share(item.end);
        if (right <= 0 || left >= 1) continue;
        const bar = document.createElement("div");
        bar.className = `bar ${lane.kind}${item.hollow ? " hollow" : ""}`;
        bar.style.left = `${100 * Math.max(0, left)}%`;
        bar.style.width = `${100 * (Math.min(1, right) - Math.max(0, left))}%`;
        bar.title = item.text;
        bar.dataset.time = item.at === undefined ? item.start : item.at;
        track.append(bar);
      }
      line.append(name, track);
      return line;
    }

    share(time) {
      return (time - this.min) / (this.max - this.min || 1);
    }
  };
})();
