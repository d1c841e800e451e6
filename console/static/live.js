// The line to the server and how old the picture is. Silence is never shown as "OK".
import { age, el, time } from "./format.js";
import { t } from "./words.js";

const HEARTBEAT_S = 5;
const MISSES = 3;
const STALE_S = 15;
const $ = (id) => document.getElementById(id);
const seconds = () => performance.now() / 1000;

export class Live {
  constructor() {
    this.heard = null; // when anything came from the server, in this browser's monotonic seconds
    this.pulse = null;
    this.pulsedAt = 0;
    this.began = seconds();
    this.broken = null;
    this.source = null;
    setInterval(() => this.show(), 250);
  }

  take(pulse) {
    this.pulse = pulse;
    this.pulsedAt = this.heard = seconds();
    this.show();
  }

  // The moment to hold deadlines against: the server's, carried on by the browser's own clock.
  now() {
    if (!this.pulse) return new Date().toISOString();
    if (this.pulse.data_clock) return this.pulse.data_now;
    return new Date(Date.parse(this.pulse.at) + (seconds() - this.pulsedAt) * 1000).toISOString();
  }

  // Follow the stream of events after `id`; `on` maps event names to functions of their data.
  follow(id, on) {
    this.source?.close();
    const source = (this.source = new EventSource(`/events?after=${encodeURIComponent(id)}`));
    for (const [name, act] of Object.entries(on))
      source.addEventListener(name, (event) => {
        this.heard = seconds();
        const data = JSON.parse(event.data);
        const pulse = name === "pulse" ? data : data.pulse;
        if (pulse) this.take(pulse);
        act(data);
      });
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED && this.source === source) setTimeout(() => this.follow(id, on), 3000);
    });
  }

  why() {
    const silence = seconds() - (this.heard ?? this.began);
    if (silence > HEARTBEAT_S * MISSES) return ["lost", silence];
    const pulse = this.pulse;
    if (!pulse) return this.broken ? ["lost", silence] : null;
    if (pulse.stale && pulse.stale !== "old") return [pulse.stale, 0];
    if (pulse.stream_age_s === null) return ["silent", 0];
    const stream = pulse.stream_age_s + (seconds() - this.pulsedAt);
    return stream > STALE_S ? ["old", stream] : null;
  }

  show() {
    const why = this.why();
    const stale = $("stale");
    document.body.classList.toggle("is-stale", Boolean(why));
    if (why && stale.hidden !== false) stale.hidden = false;
    if (!why) stale.hidden = true;
    else $("stale-why").textContent = t(`stale.${why[0]}`, { s: age(why[1]) });
    if (this.heard === null) return;
    $("live-age").textContent = age(seconds() - this.heard);
    const pulse = this.pulse;
    if (!pulse) return;
    $("live-stream").textContent =
      pulse.stream_age_s === null ? t("live.stream_never") : t("live.stream", { s: age(pulse.stream_age_s + seconds() - this.pulsedAt) });
    $("live-data").textContent = time(this.now());
    $("live-catalogue").textContent = pulse.catalogue_version || "–";
  }
}

export const empty = (node) => node.replaceChildren();
export const note = (text, extra) => el("p", { class: "note" }, el("b", {}, text), extra ? el("span", {}, extra) : null);
