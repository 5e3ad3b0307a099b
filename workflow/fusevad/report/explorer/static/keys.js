"use strict";
/* The keyboard. */
var Explorer = window.Explorer || {};

(function () {
  /** Call `actions[key]` for a key, or its upper case with shift, unless somebody is typing or choosing. */
  Explorer.listenToKeys = function (actions) {
    document.addEventListener("keydown", (event) => {
      const at = event.target, typing = at.matches("input[type=search], select, dialog *");
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (at.matches("input[type=search]") && event.key === "Escape") return at.blur();
      const arrows = event.key.startsWith("Arrow") && at.matches("input[type=range]");
      const pressed = event.key === " " && at.matches("button, a");
      const action = actions[(event.shiftKey && event.key.startsWith("Arrow") ? "Shift+" : "") + event.key];
      if (typing || arrows || pressed || !action) return;
      event.preventDefault();
      action();
    });
  };
})();
