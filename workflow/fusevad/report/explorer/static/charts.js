"use strict";
/* The charts of one video, drawn by uPlot: scores with their band over seeds, and weights of streams. */
var Explorer = window.Explorer || {};

(function () {
  // Okabe and Ito's colours, which colour-blind readers can tell apart; dashes say the same on paper.
  const METHODS = [{ colour: "#0072B2", dash: [] }, { colour: "#D55E00", dash: [7, 4] }];
  const STREAMS = [
    { colour: "#009E73", dash: [] }, { colour: "#B0568A", dash: [7, 4] }, { colour: "#8A6100", dash: [2, 3] },
    { colour: "#3F7FA8", dash: [10, 3, 2, 3] }, { colour: "#E69F00", dash: [4, 2] }, { colour: "#56B4E9", dash: [1, 2] },
  ];
  const AXIS = 58, INK = "#444", GRID = "#e6e6e6", FONT = "11px system-ui, sans-serif";
  const LEAST_RANGE = 0.02;
  Explorer.METHODS = METHODS;
  Explorer.STREAMS = STREAMS;
  Explorer.AXIS = AXIS;

  const faint = (colour, alpha) => colour + Math.round(255 * alpha).toString(16).padStart(2, "0");
  /** A value a segment as a step function over its edges. */
  const stepped = (values) => [...values, values[values.length - 1]];
  const finite = (values) => values.map((value) => (Number.isNaN(value) ? null : value));
  const STEPS = uPlot.paths.stepped({ align: 1 });

  Explorer.Chart = class {
    /** `onSeek` gets a time, `onZoom` the times at both ends. */
    constructor(container, height, onSeek, onZoom) {
      Object.assign(this, { container, height, onSeek, onZoom, truth: [], threshold: null, time: 0, plot: null });
      new ResizeObserver(() => this.fit()).observe(container);
    }

    clear() {
      if (this.plot) this.plot.destroy();
      this.plot = null;
      this.container.replaceChildren();
    }

    /** Draw `lines`, {values, colour, dash, width, band: [low, high] or undefined}, over the video's time. */
    draw(video, timed, lines, range, bottom) {
      this.clear();
      this.truth = video.truth || [];
      const data = [Array.from(video.edges)], series = [{}], bands = [];
      for (const line of lines) {
        if (line.band) {
          for (const side of line.band) {
            data.push(stepped(finite(Array.from(side))));
            series.push({ stroke: faint(line.colour, 0.35), width: 0.5, paths: STEPS, points: { show: false } });
          }
          bands.push({ series: [data.length - 1, data.length - 2], fill: faint(line.colour, 0.18) });
        }
        data.push(stepped(finite(Array.from(line.values))));
        series.push({
          stroke: line.colour, width: line.width || 1.5, dash: line.dash, paths: STEPS, points: { show: false },
        });
      }
      this.plot = new uPlot(this.options(timed, series, bands, range, bottom, video), data, this.container);
      this.head = document.createElement("div");
      this.head.className = "playhead";
      this.plot.over.append(this.head);
      this.listen();
    }

    options(timed, series, bands, range, bottom, video) {
      const times = (plot, splits) => splits.map((time) => Explorer.clock(time, timed, false));
      const axis = { stroke: INK, font: FONT, grid: { stroke: GRID, width: 1 }, ticks: { stroke: GRID, size: 4 } };
      return {
        width: this.container.clientWidth, height: this.height, legend: { show: false }, series, bands,
        scales: { x: { time: false, range: (plot, low, high) => [low, high] }, y: { range } },
        axes: [
          { ...axis, show: bottom, values: times, size: 26, incrs: timed ? [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 3600] : undefined },
          { ...axis, size: AXIS, space: 24, splits: range[0] === 0 && range[1] === 1 ? () => [0, 0.25, 0.5, 0.75, 1] : undefined },
        ],
        cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: true, dist: 5 } },
        padding: [6, 16, bottom ? 0 : 6, 0],
        hooks: {
          ready: [() => this.setTime(this.time)], // only now the axis is known
          drawClear: [(plot) => this.drawTruth(plot)],
          draw: [(plot) => this.drawThreshold(plot)],
          setScale: [(plot, key) => {
            if (key === "x" && this.onZoom && plot.status) this.onZoom(plot.scales.x.min, plot.scales.x.max, video);
          }],
        },
      };
    }

    /** A click seeks, unless it ends a drag, which zooms. */
    listen() {
      let begin = 0;
      this.plot.over.addEventListener("mousedown", (event) => (begin = event.clientX));
      this.plot.over.addEventListener("click", (event) => {
        if (Math.abs(event.clientX - begin) < 5) {
          this.onSeek(this.plot.posToVal(event.clientX - this.plot.over.getBoundingClientRect().left, "x"));
        }
      });
    }

    drawTruth(plot) {
      const { ctx, bbox } = plot;
      ctx.save();
      ctx.beginPath();
      ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
      ctx.clip();
      for (const [, start, end] of this.truth) {
        const left = plot.valToPos(start, "x", true), right = plot.valToPos(end, "x", true);
        ctx.fillStyle = "#f7e3e3";
        ctx.fillRect(left, bbox.top, right - left, bbox.height);
        ctx.fillStyle = hatch(ctx);
        ctx.fillRect(left, bbox.top, right - left, bbox.height);
      }
      ctx.restore();
    }

    drawThreshold(plot) {
      if (this.threshold === null) return;
      const { ctx, bbox } = plot, y = plot.valToPos(this.threshold, "y", true);
      ctx.save();
      ctx.strokeStyle = "#000";
      ctx.lineWidth = devicePixelRatio;
      ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
      ctx.restore();
    }

    setThreshold(threshold) {
      this.threshold = threshold;
      if (this.plot) this.plot.redraw(false);
    }

    /** Move the line that shows the time, and hide it outside what is zoomed in on. */
    setTime(time) {
      this.time = time;
      if (!this.plot) return;
      const { min, max } = this.plot.scales.x, inside = time >= min && time <= max;
      this.head.hidden = !inside;
      if (inside) this.head.style.transform = `translateX(${this.plot.valToPos(time, "x")}px)`;
    }

    zoom(min, max) {
      const now = this.plot && this.plot.scales.x;
      if (now && (now.min !== min || now.max !== max)) this.plot.setScale("x", { min, max });
    }

    fit() {
      const width = this.container.clientWidth;
      if (this.plot && width && width !== this.plot.width) {
        this.plot.setSize({ width, height: this.height });
        if (this.onZoom) this.onZoom(this.plot.scales.x.min, this.plot.scales.x.max);
      }
    }
  };

  let pattern = null;
  function hatch(ctx) {
    if (pattern) return pattern;
    const tile = document.createElement("canvas"), size = 8 * Math.ceil(devicePixelRatio);
    tile.width = tile.height = size;
    const pen = tile.getContext("2d");
    pen.strokeStyle = "#d9a3a3";
    pen.lineWidth = Math.ceil(devicePixelRatio);
    for (const shift of [-size, 0, size]) {
      pen.moveTo(shift, size);
      pen.lineTo(shift + size, 0);
    }
    pen.stroke();
    return (pattern = ctx.createPattern(tile, "repeat"));
  }

  /** The range of all weights, as one axis: they are often all near one half. */
  Explorer.weightRange = function (weights) {
    let low = 1, high = 0;
    for (const { values } of weights) {
      for (const value of values) if (!Number.isNaN(value)) [low, high] = [Math.min(low, value), Math.max(high, value)];
    }
    if (low > high) return [0, 1];
    const half = Math.max(0.6 * (high - low), LEAST_RANGE / 2), middle = (low + high) / 2;
    return [Math.max(0, middle - half), Math.min(1, middle + half)];
  };
})();
