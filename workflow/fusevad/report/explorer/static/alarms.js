"use strict";
/* From scores to events: the rules of `evaluate/alarms.py`, operation for operation, so that both find the same
   events to the last bit. Times are seconds; `rules` has the fields of `AlarmSettings`. */
var Explorer = window.Explorer || {};

(function () {
  /** Mean score over the `seconds` before the end of each segment, or since the video began. */
  Explorer.smooth = function (scores, edges, seconds) {
    const count = scores.length, area = new Float64Array(count + 1), level = new Float64Array(count);
    for (let k = 0; k < count; k++) area[k + 1] = area[k] + scores[k] * (edges[k + 1] - edges[k]);
    let place = 0;
    for (let k = 0; k < count; k++) {
      const end = edges[k + 1], begin = Math.min(Math.max(end - seconds, edges[0]), edges[k]);
      while (place < count && edges[place + 1] <= begin) place++;
      // Of one segment the score itself, without the rounding of sums.
      level[k] = begin === edges[k] ? scores[k] : (area[k + 1] - areaAt(begin, place, area, edges)) / (end - begin);
    }
    return level;
  };

  function areaAt(time, place, area, edges) {
    if (edges[place] === time) return area[place];
    return (area[place + 1] - area[place]) / (edges[place + 1] - edges[place]) * (time - edges[place]) + area[place];
  }

  /** Events of a video, from its smoothed scores: {start, end, alarm, peak, alarms}. */
  Explorer.findEvents = function (level, edges, threshold, rules) {
    const found = [], lowest = rules.release * threshold;
    for (let begin = 0; begin < level.length; begin++) {
      if (!(level[begin] >= lowest)) continue;
      let end = begin;
      while (end < level.length && level[end] >= lowest) end++;
      const event = raised(level, edges, begin, end, threshold, rules);
      if (event) join(found, event, rules.gap);
      begin = end;
    }
    for (const each of found) each.alarms = 1 + wholeTimes(each.end - each.alarm, rules.repeat);
    return found;
  };

  /** `seconds // length` of Python, which no rounding of a quotient raises: 0.1 s fit 9 times into 1 s. */
  const wholeTimes = (seconds, length) => Math.round((seconds - seconds % length) / length);

  /** The event of a stretch that stays above the lower bound; null if it raises no alarm. */
  function raised(level, edges, begin, end, threshold, rules) {
    let first = begin;
    while (first < end && level[first] < threshold) first++;
    if (first === end) return null;
    let late = first + 1;
    while (late < edges.length && edges[late] < edges[first] + rules.shortest) late++;
    if (late > end) return null;
    let peak = level[first];
    for (let k = first; k < end; k++) peak = Math.max(peak, level[k]);
    return { start: edges[first], end: edges[end], alarm: edges[late], peak: peak, alarms: 1 };
  }

  function join(found, event, gap) {
    const last = found[found.length - 1];
    if (last && event.start - last.end < gap) {
      last.end = event.end;
      last.peak = Math.max(last.peak, event.peak);
    } else found.push(event);
  }

  /** Which annotated intervals [class, start, end] the events find, false alarms, and seconds outside intervals. */
  Explorer.judge = function (events, intervals, seconds) {
    const found = intervals.map(([, start, end]) =>
      events.some((event) => event.start < end && event.end > start && event.alarm < end));
    let falseAlarms = 0;
    for (const event of events) {
      event.false = intervals.every(([, start, end]) => event.end <= start || event.start >= end);
      if (event.false) falseAlarms += event.alarms;
    }
    return { found, falseAlarms, normalSeconds: seconds - covered(intervals) };
  };

  /** Seconds in the union of intervals, which may overlap. */
  function covered(intervals) {
    let total = 0, reached = -Infinity;
    for (const [, start, end] of [...intervals].sort((a, b) => a[1] - b[1] || a[2] - b[2])) {
      total += Math.max(0, end - Math.max(start, reached));
      reached = Math.max(reached, end);
    }
    return total;
  }
})();
