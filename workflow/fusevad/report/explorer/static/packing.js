"use strict";
/* Numbers from the text that `packing.py` writes. */
var Explorer = window.Explorer || {};

(function () {
  const LEVELS = 65534, MISSING = LEVELS + 1;

  function bytes(text) {
    const raw = atob(text), found = new Uint8Array(raw.length);
    for (let k = 0; k < raw.length; k++) found[k] = raw.charCodeAt(k);
    return found.buffer;
  }

  /** Steps, 0 to LEVELS, as in the text. */
  Explorer.steps = (text) => new Uint16Array(bytes(text));

  /** Values in [0, 1]; NaN where missing. */
  Explorer.values = function (steps) {
    const found = new Float64Array(steps.length);
    for (let k = 0; k < steps.length; k++) found[k] = steps[k] === MISSING ? NaN : steps[k] / LEVELS;
    return found;
  };

  const step = (value) => (Number.isNaN(value) ? MISSING : Math.round(value * LEVELS));

  Explorer.exactly = (text) => new Float64Array(bytes(text));

  /** Scores and their steps, from the text of steps or, if `exact`, of values without loss. */
  Explorer.scores = function (text, exact) {
    if (exact) {
      const values = Explorer.exactly(text);
      return { values, steps: Uint16Array.from(values, step) };
    }
    const steps = Explorer.steps(text);
    return { values: Explorer.values(steps), steps };
  };

  Explorer.LEVELS = LEVELS;
})();
