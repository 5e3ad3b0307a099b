"use strict";
/* The table of videos: sorted, filtered, and updated while the threshold moves. */
var Explorer = window.Explorer || {};

(function () {
  const percent = (share) => `${Math.round(100 * share)} %`;
  const COLUMNS = {
    name: { title: "Video", value: (row) => row.video.name, up: true },
    class: { title: "Class", value: (row) => row.classes, up: true, classed: true },
    length: { title: "Length", number: true, value: (row) => row.video.length, alone: true },
    peak: { title: "Peak", number: true, value: (row) => row.peak, alone: true },
    error: { title: "Error", number: true, value: (row) => row.error, labelled: true },
    found: { title: "Found", number: true, value: (row) => -(row.found / row.total || 0) * 1e6 + row.total, labelled: true, alarms: true },
    false: { title: "False", number: true, value: (row) => row.falseAlarms, labelled: true, alarms: true },
    events: { title: "Events", number: true, value: (row) => row.events, unlabelled: true, alarms: true },
    differ: { title: "Differ", number: true, value: (row) => row.differ, compared: true },
  };
  const CELLS = {
    name: (row) => row.video.name,
    class: (row) => row.classes,
    length: (row, dataset) => Explorer.clock(row.video.length, dataset.timed, false),
    peak: (row) => row.peak.toFixed(2),
    error: (row) => (row.error === null ? "" : `${percent(row.error)} ${row.kind}`),
    found: (row) => (row.total ? `${row.found}/${row.total}` : ""),
    false: (row) => (row.falseAlarms === null ? "" : String(row.falseAlarms)),
    events: (row) => String(row.events),
    differ: (row) => (row.differ === undefined ? "" : percent(row.differ)),
  };

  /** What is known of a video before any threshold. */
  Explorer.rowOf = function (video, series, ranks) {
    const row = {
      video,
      classes: video.classes.join(", "),
      peak: series.values.reduce((most, value) => Math.max(most, value), 0),
      error: null,
      kind: "",
      total: video.truth ? video.truth.length : 0,
      found: 0,
      falseAlarms: null,
      events: 0,
      /** What the threshold makes of the video. */
      setOutcome: ({ events, found, falseAlarms }) => Object.assign(row, { events: events.length, found, falseAlarms }),
    };
    if (video.truth) {
      const { miss, falseAlarm } = Explorer.errors(video, series.steps, ranks);
      const missed = !(miss <= falseAlarm) && !Number.isNaN(miss);
      row.error = missed ? miss : falseAlarm;
      row.kind = missed ? "miss" : "false";
    }
    return row;
  };

  Explorer.VideoTable = class {
    /** `onChoose` gets the number of a video. */
    constructor(onChoose) {
      this.head = document.querySelector("#rows thead");
      this.body = document.querySelector("#rows tbody");
      this.search = document.getElementById("search");
      this.classes = document.getElementById("class");
      this.onChoose = onChoose;
      this.sorted = "error";
      this.ascending = false;
      this.compared = false;
      this.chosen = -1;
      this.search.addEventListener("input", () => this.arrange());
      this.classes.addEventListener("change", () => this.arrange());
      this.head.addEventListener("click", (event) => this.sortBy(event.target.closest("th")));
      this.body.addEventListener("click", (event) => {
        const line = event.target.closest("tr");
        if (line) onChoose(Number(line.dataset.video));
      });
    }

    /** Show a data set's rows, in the order of the videos. */
    show(dataset, rows, compared) {
      const labelled = rows.some((row) => row.video.truth), classed = rows.some((row) => row.classes);
      this.dataset = dataset;
      this.rows = rows;
      // Who compares two methods looks for where they differ.
      if (compared !== this.compared) [this.sorted, this.ascending] = [compared ? "differ" : "error", false];
      this.compared = compared;
      this.columns = Object.keys(COLUMNS).filter((name) => {
        const column = COLUMNS[name];
        return !((column.labelled && !labelled) || (column.unlabelled && labelled) ||
          (column.classed && !classed) || (column.compared && !compared) || (column.alone && compared) || (column.alarms && !dataset.timed));
      });
      if (!this.columns.includes(this.sorted)) [this.sorted, this.ascending] = [labelled ? "error" : "peak", false];
      this.fillClasses();
      this.lines = new Map(rows.map((row) => [row, this.line(row)]));
      this.arrange();
    }

    fillClasses() {
      const before = this.classes.value, known = [...new Set(this.rows.map((row) => row.classes))].sort();
      const options = ["", ...known].map((name) => new Option(name || "all classes", name));
      this.classes.replaceChildren(...options);
      this.classes.value = known.includes(before) ? before : "";
      this.classes.hidden = known.length < 2;
    }

    sortBy(cell) {
      if (!cell) return;
      const name = cell.dataset.column;
      this.ascending = this.sorted === name ? !this.ascending : Boolean(COLUMNS[name].up);
      this.sorted = name;
      this.arrange();
    }

    /** Sort and filter; the videos that are shown, in order, are in `visible`. */
    arrange() {
      const value = COLUMNS[this.sorted].value, sign = this.ascending ? 1 : -1;
      const wanted = this.search.value.trim().toLowerCase(), name = this.classes.value;
      this.visible = this.rows
        .filter((row) => row.video.name.toLowerCase().includes(wanted) && (!name || row.classes === name))
        .sort((a, b) => sign * order(value(a), value(b)) || a.video.number - b.video.number);
      this.body.replaceChildren(...this.visible.map((row) => this.lines.get(row)));
      this.drawHead();
      const all = this.visible.length === this.rows.length;
      document.getElementById("shown").textContent = `${all ? "" : `${this.visible.length} of `}${this.rows.length} video${this.rows.length === 1 ? "" : "s"}`;
    }

    drawHead() {
      const line = document.createElement("tr");
      for (const name of this.columns) {
        const cell = document.createElement("th"), button = document.createElement("button");
        button.type = "button";
        button.textContent = COLUMNS[name].title;
        cell.dataset.column = name;
        cell.className = `${name}${COLUMNS[name].number ? " number" : ""}`;
        if (name === this.sorted) cell.setAttribute("aria-sort", this.ascending ? "ascending" : "descending");
        cell.append(button);
        line.append(cell);
      }
      this.head.replaceChildren(line);
    }

    line(row) {
      const line = document.createElement("tr");
      line.dataset.video = row.video.number;
      for (const name of this.columns) {
        const cell = line.insertCell();
        cell.className = `${name}${COLUMNS[name].number ? " number" : ""}`;
        cell.textContent = CELLS[name](row, this.dataset);
        if (name === "name" || name === "class") cell.title = cell.textContent;
      }
      line.classList.toggle("chosen", row.video.number === this.chosen);
      return line;
    }

    /** Write what the threshold has changed. */
    update() {
      const changed = this.columns.map((name, place) => [name, place]).filter(([name]) => COLUMNS[name].alarms);
      for (const row of this.rows) {
        const cells = this.lines.get(row).cells;
        for (const [name, place] of changed) {
          const text = CELLS[name](row, this.dataset);
          if (cells[place].textContent !== text) cells[place].textContent = text;
          if (name === "found") cells[place].classList.toggle("lacking", row.found < row.total);
          if (name === "false") cells[place].classList.toggle("lacking", row.falseAlarms > 0);
        }
      }
    }

    /** Mark a video and bring it into view. */
    mark(number) {
      this.chosen = number;
      for (const [row, line] of this.lines) {
        const own = row.video.number === number;
        line.classList.toggle("chosen", own);
        if (own) {
          line.setAttribute("aria-selected", "true");
          line.scrollIntoView({ block: "nearest" });
        } else line.removeAttribute("aria-selected");
      }
    }

    /** Choose the next visible video (`step` 1) or the one before (-1). */
    move(step) {
      const place = this.visible.findIndex((row) => row.video.number === this.chosen);
      const next = this.visible[place < 0 ? 0 : place + step];
      if (next) this.onChoose(next.video.number);
    }
  };

  function order(a, b) {
    if (a === null || b === null) return (b === null) - (a === null);
    return typeof a === "string" ? a.localeCompare(b) : a - b;
  }

  /** A time for readers: 1:02.3, or frames where seconds are not known. */
  Explorer.clock = function (time, timed, tenths = true) {
    if (!timed) return `${Math.round(time)}`;
    const whole = tenths ? Math.floor(time * 10 + 1e-6) / 10 : Math.round(time);
    const minutes = Math.floor(whole / 60), rest = whole - 60 * minutes;
    return `${minutes}:${(tenths ? rest.toFixed(1) : String(rest)).padStart(tenths ? 4 : 2, "0")}`;
  };
})();
