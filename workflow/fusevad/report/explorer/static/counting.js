"use strict";
/* What a method's alarms are worth on all videos, at a threshold. */
var Explorer = window.Explorer || {};

(function () {
  const SHORT = 0.1;  // hours: too few for a rate of alarms an hour
  const nothing = () => ({ found: 0, intervals: 0, falseAlarms: 0, normalHours: 0, hours: 0, alarms: 0, events: 0 });

  /** Events of video `k` by a method, judged if the video is annotated: {events, found, falseAlarms}. */
  function judged(scores, videos, k, threshold, rules, total) {
    const video = videos[k], events = Explorer.findEvents(scores.series[k].level, video.edges, threshold, rules);
    total.events += events.length;
    total.hours += video.length / 3600;
    for (const event of events) total.alarms += event.alarms;
    if (!video.truth) return { events };
    const outcome = Explorer.judge(events, video.truth, video.length), found = outcome.found.filter(Boolean).length;
    total.found += found;
    total.intervals += video.truth.length;
    total.falseAlarms += outcome.falseAlarms;
    total.normalHours += outcome.normalSeconds / 3600;
    return { events, found, falseAlarms: outcome.falseAlarms };
  }

  /** The outcome of each video, and their total. */
  Explorer.count = function (scores, videos, threshold, rules) {
    const total = nothing();
    return { total, outcomes: videos.map((video, k) => judged(scores, videos, k, threshold, rules, total)) };
  };

  /** False alarms an hour, and the share of annotated anomalies that are found. */
  Explorer.rates = (total) => [total.falseAlarms / total.normalHours, total.found / total.intervals];

  /** The total in words: every second one is the number that counts. */
  Explorer.inWords = function (total, labelled) {
    if (!labelled) {
      const events = total.events === 1 ? " event" : " events", alarms = total.alarms === 1 ? " alarm" : " alarms";
      if (total.hours < SHORT) {
        const length = Explorer.clock(3600 * total.hours, true, false);
        return [`${total.events}`, events, `${total.alarms}`, `${alarms} in ${length} of video`];
      }
      return [`${total.events}`, events, (total.alarms / total.hours).toFixed(1),
        ` alarms an hour (${total.hours.toFixed(2)} h of video)`];
    }
    const rate = total.normalHours ? Explorer.rates(total)[0].toFixed(1) : "–";
    return [`${total.found} of ${total.intervals}`, " events found", rate,
      ` false alarms an hour (${total.falseAlarms} in ${total.normalHours.toFixed(2)} h)`];
  };
})();
