"use strict";
/* Tables of results: metrics of the methods, and by class. */
var Explorer = window.Explorer || {};

(function () {
  function element(tag, text, className) {
    const made = document.createElement(tag);
    made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  function spread(values) {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    return { mean, deviation: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : null };
  }

  /** In percent: of one seed its value, of all their mean ± standard deviation; `brief`, the mean alone. */
  function cell(bySeed, seed, brief) {
    const values = Object.values(bySeed || {});
    if (!values.length) return element("td", "–", "number");
    if (seed !== "mean") {
      return element("td", seed in bySeed ? (100 * bySeed[seed]).toFixed(1) : "–", "number");
    }
    const { mean, deviation } = spread(values);
    const text = (100 * mean).toFixed(1) + (deviation === null ? "" : ` ± ${(100 * deviation).toFixed(1)}`);
    const made = element("td", brief ? (100 * mean).toFixed(1) : text, "number");
    made.title = text;
    return made;
  }

  function table(corner, columns, rows) {
    const made = document.createElement("table"), head = made.createTHead().insertRow(), body = made.createTBody();
    head.append(element("th", corner), ...columns.map((name) => element("th", name, "number")));
    for (const { name, cells, mark } of rows) {
      const line = body.insertRow();
      line.className = mark;
      line.append(element("th", name), ...cells);
    }
    return made;
  }

  const names = (results) => [...new Set(Object.values(results).flatMap((own) => Object.keys(own)))];

  /** Show a data set's results; `chosen` are the methods that are looked at, in order. */
  Explorer.showResults = function (dataset, chosen, seed) {
    const found = dataset.results;
    for (const id of ["metrics", "classes"]) document.getElementById(id).parentElement.hidden = !found;
    if (!found) return;
    const whose = seed === "mean" ? "mean ± standard deviation over seeds" : `seed ${seed}`;
    const mark = (method) => ["first", "second"][chosen.indexOf(method)] || "";
    const metrics = names(found.metrics), classes = names(found.classes).sort();
    document.getElementById("metrics-title").textContent = `Methods, in %: ${whose}`;
    document.getElementById("metrics").replaceChildren(table("", metrics, dataset.methods.map((method) => ({
      name: method.label,
      mark: mark(method),
      cells: metrics.map((metric) => cell((found.metrics[method.key] || {})[metric], seed)),
    }))));
    document.getElementById("classes-title").textContent = `${found.class_metric} by class, in %: ${seed === "mean" ? "mean over seeds" : whose}`;
    const byClass = table("", dataset.methods.map((method) => method.label), classes.map((name) => ({
      name,
      mark: "",
      cells: dataset.methods.map((method) => {
        const made = cell((found.classes[method.key] || {})[name], seed, true);
        made.className += ` ${mark(method)}`;
        return made;
      }),
    })));
    document.getElementById("classes").replaceChildren(byClass);
  };
})();
