"use strict";
/* The address names what is shown, so that a finding can be cited:
   #data=rendered&method=student-t&seed=mean&video=assault_003&t=12.3 */
var Explorer = window.Explorer || {};

(function () {
  const NAMES = ["data", "method", "with", "seed", "threshold", "video", "t"];

  /** The values in the address; those that it lacks are missing. */
  Explorer.readAddress = function () {
    const found = new URLSearchParams(location.hash.slice(1)), values = {};
    for (const name of NAMES) if (found.has(name)) values[name] = found.get(name);
    return values;
  };

  /** Put values into the address, without a new entry in the history. */
  Explorer.writeAddress = function (values) {
    const said = new URLSearchParams();
    for (const name of NAMES) if (values[name]) said.set(name, values[name]);
    history.replaceState(null, "", `#${said}`);
  };
})();
