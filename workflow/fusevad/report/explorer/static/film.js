"use strict";
/* The film of a video, and the time at which everything else looks. */
var Explorer = window.Explorer || {};

(function () {
  // Into the picture that begins at a time: files store times in ticks, rounded.
  const INSIDE = 0.002;

  Explorer.Film = class {
    /** `onTime` gets the time whenever it changes. */
    constructor(onTime) {
      const figure = document.getElementById("film");
      this.player = figure.querySelector("video");
      this.absent = figure.querySelector(".no-film");
      this.caption = figure.querySelector("figcaption");
      this.controls = figure.querySelector(".controls");
      this.button = document.getElementById("play");
      this.onTime = onTime;
      this.time = 0;
      this.button.addEventListener("click", () => this.toggle());
      this.player.addEventListener("click", () => this.toggle());
      document.getElementById("speed").addEventListener("change", (event) => {
        this.player.playbackRate = this.player.defaultPlaybackRate = Number(event.target.value);
      });
      this.player.addEventListener("play", () => this.follow());
      for (const name of ["play", "pause", "ended"]) this.player.addEventListener(name, () => this.showState());
      this.player.addEventListener("error", () => this.showAbsent("This film cannot be played: it is not where the page was made, or this browser cannot decode H.264."));
    }

    /** Show a video at a time. */
    show(video, dataset, time) {
      this.length = video.length;
      this.showsFilm = Boolean(video.film);
      if (video.film) {
        this.absent.hidden = true;
        this.player.hidden = this.controls.hidden = false;
        this.player.src = video.film;
        this.caption.textContent = dataset.cue;
        this.showState(); // a new source stops, without an event
      } else {
        this.player.removeAttribute("src");
        this.showAbsent(dataset.noFilm);
      }
      this.seek(time);
    }

    showAbsent(text) {
      this.showsFilm = false;
      this.player.hidden = this.controls.hidden = true;
      this.absent.hidden = false;
      this.absent.textContent = text;
      this.caption.textContent = "";
    }

    seek(time) {
      this.time = Math.min(Math.max(0, time), this.length);
      if (this.showsFilm) this.player.currentTime = Math.max(0, Math.min(this.time + INSIDE, this.length - INSIDE));
      this.onTime(this.time);
    }

    toggle() {
      if (!this.showsFilm) return;
      if (!this.player.paused) return this.player.pause();
      if (this.time >= this.length - INSIDE) this.seek(0);
      this.player.play().catch((error) => {
        // Another video was chosen before this one began.
        if (error.name !== "AbortError") this.showAbsent(`The film does not play: ${error.message}`);
      });
    }

    follow() {
      if (this.player.paused || !this.showsFilm) return;
      this.time = this.player.currentTime;
      this.onTime(this.time);
      requestAnimationFrame(() => this.follow());
    }

    showState() {
      this.button.textContent = this.player.paused ? "Play" : "Pause";
    }
  };
})();
