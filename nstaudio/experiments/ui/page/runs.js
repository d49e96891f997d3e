// Runs under way and runs on disk, as lists.

import { $, ask, clock, copy, el, say, seconds, send } from "./dom.js";
import { soundOf } from "./clips.js";

const WORDS = {
  waiting: "Waiting", running: "Running", done: "Done", stopped: "Stopped early, with a result",
  cancelled: "Cancelled", failed: "Failed", unfinished: "Unfinished",
};
const PHASES = {
  starting: "Starting", preparing: "Preparing the clips", optimising: "Optimising",
  finishing: "Writing the result",
};
const ACTIVE = ["waiting", "running"];

const fileOf = (run, what) => `/api/runs/${encodeRun(run)}/file/${what}`;
const encodeRun = (run) => run.split("/").map(encodeURIComponent).join("/");
const nameOf = (job) => `${job.content} as ${[job.style].flat().join(" + ")}`;
const placeOf = (job) => job.place ? `, ${job.place[0]} of ${job.place[1]} contents` : "";

/** The decks of a run with a result. */
export function decksOf(run, suffix = "") {
  const decks = [];
  if (run.has.includes("content")) {
    decks.push({ key: "content", title: "Content", about: run.content, url: fileOf(run.id, "content") });
  }
  decks.push({ key: "style", title: "Style", about: run.style, timeline: false,
    url: fileOf(run.id, "style") });
  decks.push({ key: "result", title: `Result${suffix}`, about: aboutResult(run),
    url: fileOf(run.id, "result") });
  return decks;
}

const aboutResult = (run) => [presetName(run.preset), run.transfer_distance == null ? null
  : `transfer distance ${run.transfer_distance.toFixed(2)} (0 is best)`].filter(Boolean).join(", ");

const presetName = (name) => name || "default";

/** The queue: its list, and what becomes of the run that is watched. */
export class Jobs {
  /** @param player where the run under way is heard; `ended` is called when a job has */
  constructor(player, ended) {
    Object.assign(this, { player, ended, known: new Map(), rows: new Map(), watched: null,
      heard: null, free: true });
  }

  /** A job that was queued: its end is noticed, however soon it comes. */
  expect(id) { this.known.set(id, { state: "waiting" }); }

  /** Hear a job while it is under way, and then its result. */
  watch(id) { [this.watched, this.heard, this.free] = [id, null, false]; }

  /** Leave the player to a run that someone has chosen. */
  leave() { [this.watched, this.free] = [null, false]; }

  /** Take the server's list; returns whether anything is under way. */
  async update(jobs) {
    for (const job of jobs) {
      const before = this.known.get(job.id);
      const hasEnded = before && ACTIVE.includes(before.state) && !ACTIVE.includes(job.state);
      this.known.set(job.id, job);
      if (hasEnded) {
        say(`${nameOf(job)}${placeOf(job)}: ${WORDS[job.state]}`);
        this.free ||= job.id === this.watched && !["done", "stopped"].includes(job.state);
        await this.ended(job, job.id === this.watched);
      }
    }
    const running = jobs.find((job) => job.state === "running");
    if (running && this.free) this.watch(running.id);
    this.#list(jobs.filter((job) => !["done", "stopped"].includes(job.state)));
    const watched = jobs.find((job) => job.id === this.watched);
    if (watched?.state === "running") await this.#hear(watched);
    return jobs.some((job) => ACTIVE.includes(job.state));
  }

  #list(jobs) {
    $("queue").hidden = jobs.length === 0;
    const ids = new Set(jobs.map((job) => job.id));
    for (const [id, row] of this.rows) {
      if (!ids.has(id)) {
        row.element.remove();
        this.rows.delete(id);
      }
    }
    for (const job of jobs) {
      if (!this.rows.has(job.id)) this.#row(job);
      this.#fill(this.rows.get(job.id), job);
    }
  }

  #row(job) {
    const row = {
      name: el("strong", { className: "name" }),
      bar: el("progress", { max: 1, "aria-label": `Progress of ${nameOf(job)}` }),
      state: el("span", { className: "state" }),
      button: el("button", { type: "button", className: "stop" }),
      listen: el("button", { type: "button", hidden: true, "aria-label": `Listen to ${nameOf(job)}`,
        onclick: () => { this.watch(job.id); dispatchEvent(new Event("queue")); } }, "Listen"),
      reason: el("p", { className: "error" }),
    };
    row.element = el("li", { dataset: { job: job.id } },
      el("div", { className: "row" }, row.name,
        el("span", { className: "hint" }, presetName(job.preset)), row.listen,
        row.button),
      row.bar, row.state, row.reason);
    this.rows.set(job.id, row);
    $("jobs").append(row.element);
  }

  #fill(row, job) {
    const { progress } = job;
    row.name.textContent = nameOf(job) + placeOf(job);
    let words = WORDS[job.state];
    if (progress) {
      words = PHASES[progress.phase];
      if (progress.phase === "optimising") words += `, step ${progress.step} of ${progress.n_steps}`;
      if (job.stopping) words = "Finishing with what there is";
      say(`${nameOf(job)}: ${job.stopping ? words : PHASES[progress.phase]}`);
      words += `, ${seconds(job.seconds)}`;
      if (progress.estimate) words += `; the whole run was estimated at ${progress.estimate}`;
    }
    row.state.textContent = words;
    row.bar.hidden = !ACTIVE.includes(job.state);
    const share = { starting: 0.02, preparing: 0.1, finishing: 0.9 }[progress?.phase];
    row.bar.value = progress ? share ?? 0.25 + 0.6 * progress.fraction : 0;
    row.reason.textContent = job.reason ?? "";
    const active = ACTIVE.includes(job.state);
    row.listen.hidden = job.state !== "running" || job.id === this.watched;
    const does = !active ? "Dismiss" : job.stopping ? "Stop at once" : "Cancel";
    if (row.button.textContent !== does) {
      row.button.textContent = does;
      row.button.setAttribute("aria-label", `${does} ${nameOf(job)}`);
    }
    row.button.onclick = async () => {
      if (active) await send(`/api/queue/${job.id}/cancel`);
      else await ask(`/api/queue/${job.id}`, { method: "DELETE" });
      dispatchEvent(new Event("queue"));
    };
  }

  /** Clips and newest preview of the run under way. */
  async #hear(job) {
    const { preview } = job.progress ?? {};
    const run = `${job.id} ${job.place?.[0] ?? ""}`, mark = `${run} ${preview?.mark ?? ""}`;
    if (mark === this.heard) return;
    const isNew = !this.heard?.startsWith(`${run} `);
    this.heard = mark;
    const decks = [];
    const part = (role) => ({ begin: job.parts[role][0], length: job.parts[role][1] });
    if (job.clips.content) {
      decks.push({ key: "content", title: "Content", about: job.content, ...part("content"),
        url: soundOf(job.clips.content) });
    }
    decks.push({ key: "style", title: "Style", about: job.style.join(" + "), timeline: false,
      ...part("style"), url: soundOf(job.clips.style) });
    if (preview && job.run) {
      decks.push({ key: "result", title: "Preview", about: `after step ${preview.step}`
        + (preview.n_segments > 1 ? `, part ${preview.segment + 1} of ${preview.n_segments}` : ""),
        at: preview.begins_s, url: `${fileOf(job.run, "preview")}?${preview.mark}` });
      say(`A preview of ${nameOf(job)} can be played`);
    }
    $("listen-about").textContent = `${nameOf(job)}, under way.`;
    await this.player.show(decks, isNew ? { active: "result", position: 0 } : {});
  }
}

/** The history: hear again, go on from the settings, compare, keep. */
export class Runs {
  /** @param player; `reuse` is called with a run's settings, `chosen` when one is to be heard */
  constructor(player, reuse, chosen) {
    Object.assign(this, { player, reuse, hasChosen: chosen, runs: [], chosen: [], most: 10 });
    $("compare").onclick = () => this.compare();
    $("more").onclick = () => { this.most += 20; this.#list(); };
  }

  async refresh() {
    this.runs = (await ask("/api/runs")).runs;
    this.chosen = this.chosen.filter((id) => this.runs.some((run) => run.id === id));
    this.#list();
  }

  #list() {
    const focused = document.activeElement?.id;
    $("runs").replaceChildren(...this.runs.slice(0, this.most).map((run, i) => this.#row(run, i)));
    $("more").hidden = this.runs.length <= this.most;
    $("history-about").textContent = this.runs.length === 0
      ? "No runs yet: what you make is kept here." : "Every run among the outputs, the newest first.";
    if (focused) $(focused)?.focus();
    this.#count();
  }

  #row(run, i) {
    const name = nameOf(run), id = `run-${i}`, has = run.has.includes("result");
    const facts = [new Date(run.begun * 1000).toLocaleString([], { dateStyle: "medium",
      timeStyle: "short" }), aboutResult(run), run.duration_s ? clock(run.duration_s) : null,
    run.state === "done" ? null : WORDS[run.state]];
    const link = (format) => el("a", { href: `/api/runs/${encodeRun(run.id)}/download/${format}`,
      download: "", "aria-label": `Download ${name} as ${format}` }, format);
    return el("li", { dataset: { run: run.id } },
      el("div", { className: "row" },
        el("input", { type: "checkbox", id, checked: this.chosen.includes(run.id), disabled: !has,
          "aria-label": `Compare ${name}`, onchange: (event) => this.#choose(run.id, event.target) }),
        el("strong", { className: "name" }, name)),
      el("p", { className: "hint" }, facts.filter(Boolean).join(" · ")),
      el("div", { className: "row actions" },
        el("button", { type: "button", id: `${id}-play`, disabled: !has, "aria-label": `Listen to ${name}`,
          onclick: () => { this.hasChosen(); this.open(run, { play: true }); } }, "Listen"),
        el("button", { type: "button", id: `${id}-again`, disabled: run.settings === null,
          title: run.settings === null ? "Its clips or settings are not the page's own" : null,
          "aria-label": `Change and rerun ${name}`, onclick: () => this.reuse(run.settings) },
        "Change and rerun"),
        el("button", { type: "button", id: `${id}-copy`, "aria-label": `Copy the command of ${name}`,
          onclick: (event) => copy(run.command, event.target) }, "Copy command"),
        has ? el("span", { className: "links" }, "Download ", link("wav"), link("flac"), link("mp3"))
          : null,
        run.has.includes("report") ? el("a", { href: fileOf(run.id, "report"), target: "_blank",
          rel: "noopener", "aria-label": `Report of ${name}` }, "Report") : null),
      el("details", {}, el("summary", {}, "Command"), el("code", {}, run.command)));
  }

  #choose(id, box) {
    this.chosen = this.chosen.filter((one) => one !== id);
    if (box.checked) this.chosen.push(id);
    this.chosen = this.chosen.slice(-2);
    for (const row of $("runs").children) {
      row.querySelector("input").checked = this.chosen.includes(row.dataset.run);
    }
    this.#count();
  }

  #count() {
    $("compare").disabled = this.chosen.length !== 2;
    $("compare").textContent = this.chosen.length === 1 ? "Compare: choose one more" : "Compare two";
  }

  find(id) { return this.runs.find((run) => run.id === id); }

  /** Hear a run. */
  async open(run, { play = false, keep = false } = {}) {
    $("listen-about").textContent = `${nameOf(run)}.`;
    await this.player.show(decksOf(run), keep ? {} : { active: "result", position: 0 });
    if (play) {
      $("listen").scrollIntoView({ block: "nearest" });
      if (!this.player.isPlaying) this.player.toggle();
    }
  }

  async compare() {
    this.hasChosen();
    const [a, b] = this.chosen.map((id) => this.find(id));
    $("listen-about").textContent = `${nameOf(a)}, beside ${nameOf(b)}.`;
    const [result] = decksOf(b, " B").slice(-1);
    await this.player.show([...decksOf(a, " A"), { ...result, key: "other" }],
      { active: "result", position: 0 });
    $("listen").scrollIntoView({ block: "nearest" });
    $("listen").focus();
  }
}
