"use strict";
/* The most events found at so many false alarms an hour, over all thresholds, and where the chosen one is. */
var Explorer = window.Explorer || {};

(function () {
  const WIDTH = 400, HEIGHT = 230, LEFT = 40, RIGHT = 12, TOP = 8, BOTTOM = 36, STEPS = 100, MOST = 60;
  const TICKS = [0, 1, 5, 10, 20, 40, 60];

  // By roots: what matters is at few false alarms.
  const x = (rate) => LEFT + Math.sqrt(Math.min(rate, MOST) / MOST) * (WIDTH - LEFT - RIGHT);
  const y = (share) => TOP + (1 - share) * (HEIGHT - TOP - BOTTOM);

  /** Steps from few false alarms to many: a threshold may find less than another with fewer false alarms. */
  function highest(points) {
    const steps = [];
    let most = 0;
    for (const [rate, share] of [...points].sort((a, b) => a[0] - b[0] || b[1] - a[1])) {
      if (rate > MOST || (share <= most && steps.length)) continue;
      if (steps.length) steps.push([rate, most]);
      most = share;
      steps.push([rate, share]);
    }
    return steps.length ? [...steps, [MOST, most]] : [];
  }

  function draw(parent, tag, attributes, text) {
    const made = document.createElementNS(parent.namespaceURI, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    parent.append(made);
    return made;
  }

  Explorer.Curve = class {
    constructor(svg) {
      this.turn = 0;
      this.svg = svg;
      svg.setAttribute("width", WIDTH);
      svg.setAttribute("height", HEIGHT);
    }

    /** Draw the curves of `count` methods; `at(place, threshold)` returns [false alarms an hour, share found]. */
    async show(count, at) {
      const turn = ++this.turn;
      this.svg.replaceChildren();
      this.axes();
      this.marks = Explorer.METHODS.slice(0, count).map(({ colour }, place) => {
        return draw(this.svg, place ? "rect" : "circle", { fill: colour, stroke: "#fff", r: 5, width: 9, height: 9 });
      });
      for (let place = 0; place < count; place++) {
        const points = [];
        for (let k = 0; k <= STEPS; k++) {
          // Thousands of videos would block the page: a pause between thresholds lets it answer.
          if (k % 5 === 0) await new Promise((resolve) => setTimeout(resolve));
          if (turn !== this.turn) return;
          points.push(at(place, 1 - k / STEPS));
        }
        this.line(highest(points), place);
      }
    }

    /** Mark where each method is at the chosen threshold. */
    mark(points) {
      points.forEach(([rate, share], place) => {
        const mark = this.marks && this.marks[place];
        if (!mark) return;
        const at = place ? { x: x(rate) - 4.5, y: y(share) - 4.5 } : { cx: x(rate), cy: y(share) };
        for (const [name, value] of Object.entries(at)) mark.setAttribute(name, value);
        mark.style.display = rate <= MOST ? "" : "none";
      });
    }

    axes() {
      for (const share of [0, 0.25, 0.5, 0.75, 1]) {
        draw(this.svg, "line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(share), y2: y(share) });
        draw(this.svg, "text", { x: LEFT - 6, y: y(share) + 4, "text-anchor": "end" }, `${100 * share}`);
      }
      for (const rate of TICKS) {
        draw(this.svg, "line", { class: "grid", x1: x(rate), x2: x(rate), y1: y(1), y2: y(0) });
        draw(this.svg, "text", { x: x(rate), y: y(0) + 15, "text-anchor": "middle" }, String(rate));
      }
      draw(this.svg, "text", { x: (LEFT + WIDTH) / 2, y: HEIGHT - 4, "text-anchor": "middle" }, "false alarms an hour (by roots)");
      draw(this.svg, "text", { x: 10, y: y(0.5), "text-anchor": "middle", transform: `rotate(-90 10 ${y(0.5)})` }, "found, %");
    }

    line(points, place) {
      const { colour, dash } = Explorer.METHODS[place];
      const path = points.map(([rate, share], k) => `${k ? "L" : "M"}${x(rate).toFixed(1)} ${y(share).toFixed(1)}`).join("");
      const line = draw(this.svg, "path", { d: path, stroke: colour, "stroke-dasharray": dash.join(" ") });
      this.svg.insertBefore(line, this.marks[0]);
    }
  };
})();
