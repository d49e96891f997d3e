// Sounds side by side on one clock: switching between them keeps the position.

import { clock, el, say } from "./dom.js";
import { Voice, audio, load, takeTheFloor } from "./sound.js";
import { drawSpectrogram } from "./spectrogram.js";

/** @typedef {{key: string, title: string, about?: string, url: string, timeline?: boolean,
 *   begin?: number, length?: number, at?: number}} Deck
 * Of the sound the part from `begin`, `length` long, is heard, on the clock from `at` on; seconds.
 * `timeline` is false for one that has a time of its own and goes round in it. */

/** A deck with its samples and all its numbers. */
function withBuffer(deck, buffer, canvas) {
  const begin = deck.begin ?? 0;
  const length = Math.min(deck.length ?? Infinity, buffer.duration - begin);
  return { ...deck, buffer, canvas, begin, length, at: deck.at ?? 0 };
}

const inside = (deck, clock) => ((clock - deck.at) % deck.length + deck.length) % deck.length;

export class Player {
  constructor(root) {
    this.root = root;
    this.decks = [];
    this.active = 0;
    this.wanted = null; // the key of the deck that was chosen, which may be yet to come
    this.voice = null;
    this.position = 0; // seconds, while it is silent
    this.round = 0; // of `show`: a later one wins
    this.play = el("button", { type: "button", className: "main", onclick: () => this.toggle() },
      "Play");
    this.seek = el("input", { type: "range", id: "position", min: 0, max: 1, step: 0.01, value: 0,
      oninput: () => this.go(Number(this.seek.value)) });
    this.time = el("span", { className: "time" });
    this.row = el("div", { className: "decks" });
    this.keys = el("input", { type: "checkbox", checked: true });
    this.error = el("p", { className: "error", role: "alert" });
    root.append(this.row, el("div", { className: "row transport" }, this.play,
      el("label", { htmlFor: "position", className: "hidden" }, "Position"), this.seek, this.time),
      el("label", { className: "check hint keys" }, this.keys, "Keys: 1, 2, 3 … switch at the same "
        + "position, space plays and pauses, arrows move by a second"), this.error);
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  get isPlaying() { return this.voice !== null; }

  get now() {
    if (this.voice === null) return this.position;
    return (this.offset + audio().currentTime - this.began) % this.duration;
  }

  /** Show other sounds; those that stay are not read again, and the position is kept. */
  async show(decks, { active, position } = {}) {
    const round = ++this.round;
    if (active !== undefined) this.wanted = active;
    const ready = await Promise.all(decks.map(async (deck) => {
      const old = this.decks.find((one) => one.url === deck.url);
      try {
        return withBuffer(deck, await load(deck.url), old?.canvas);
      } catch (error) {
        return { ...deck, failed: error.message };
      }
    }));
    if (round !== this.round) return;
    const usable = ready.filter((deck) => deck.buffer);
    this.error.textContent = ready.filter((deck) => deck.failed)
      .map((deck) => `${deck.title}: ${deck.failed}`).join("; ");
    this.root.hidden = usable.length === 0;
    if (usable.length === 0) return;
    const at = position ?? this.now, sounding = this.decks[this.active]?.url;
    this.decks = usable;
    this.active = Math.max(0, usable.findIndex((deck) => deck.key === this.wanted));
    this.duration = Math.max(...usable.filter((deck) => deck.timeline !== false)
      .map((deck) => deck.at + deck.length));
    this.seek.max = this.duration;
    this.#draw();
    if (!this.isPlaying) this.position = Math.min(at, this.duration);
    else if (usable[this.active].url !== sounding || position !== undefined) this.#sound(at);
    this.#tick();
  }

  #draw() {
    this.row.replaceChildren(...this.decks.map((deck, i) => {
      if (!deck.canvas) {
        deck.canvas = el("canvas", { className: "spectrogram", "aria-hidden": "true" });
        drawSpectrogram(deck.canvas, deck.buffer, deck.begin, deck.begin + deck.length);
      }
      deck.head = el("i", { className: "head" });
      deck.button = el("button", { type: "button", className: "deck", dataset: { key: deck.key },
        onclick: () => this.choose(i, { play: true }) },
        el("span", { className: "deck-title" }, el("kbd", { "aria-hidden": "true" }, String(i + 1)),
          el("strong", {}, deck.title), el("span", { className: "now" }, "selected")),
        el("span", { className: "wavebox" }, deck.canvas, deck.head),
        el("span", { className: "hint" }, deck.about ?? ""));
      return deck.button;
    }));
    this.#mark();
  }

  #mark() {
    this.decks.forEach((deck, i) => deck.button.setAttribute("aria-pressed", i === this.active));
    this.play.textContent = this.isPlaying ? "Pause" : "Play";
  }

  /** Hear another sound at the same position. */
  choose(i, { play = false } = {}) {
    if (i >= this.decks.length) return;
    const same = i === this.active;
    this.active = i;
    this.wanted = this.decks[i].key;
    if (this.isPlaying && !same) this.#sound(this.now);
    else if (!this.isPlaying && play) this.#sound(this.position);
    this.#mark();
    this.#tick();
    if (!same) say(this.decks[i].title);
  }

  toggle() {
    if (this.isPlaying) this.silence();
    else this.#sound(this.position >= this.duration - 0.02 ? 0 : this.position);
  }

  go(position) {
    const to = Math.max(0, Math.min(position, this.duration - 0.01));
    if (this.isPlaying) this.#sound(to);
    else this.position = to;
    this.#tick();
  }

  silence() {
    this.position = this.now;
    this.voice?.stop();
    this.voice = null;
    this.#mark();
    this.#tick();
  }

  async #sound(position) {
    if (audio().state !== "running") {
      await audio().resume();
      position = this.isPlaying ? this.now : position;
    }
    takeTheFloor(this.floor ??= () => this.silence());
    const deck = this.decks[this.active], at = audio().currentTime + 0.005;
    const { begin, length } = deck;
    this.voice?.stop(at);
    // A clip as long as the clock goes round with it; another goes round by itself.
    this.voice = new Voice(deck.buffer, { offset: begin + inside(deck, position), begin,
      end: begin + length, at });
    [this.began, this.offset] = [at, position];
    this.#mark();
    this.#follow(this.voice);
  }

  #follow(voice) {
    const move = () => {
      if (this.voice !== voice) return;
      this.#tick();
      requestAnimationFrame(move);
    };
    requestAnimationFrame(move);
  }

  #tick() {
    const now = Math.max(0, this.now);
    this.seek.value = now;
    this.seek.setAttribute("aria-valuetext", `${clock(now)} of ${clock(this.duration)}`);
    this.time.textContent = `${clock(now)} / ${clock(this.duration)}`;
    for (const deck of this.decks) {
      deck.head.style.left = `${100 * inside(deck, now) / deck.length}%`;
    }
  }

  #key(event) {
    if (this.root.hidden || !this.keys.checked || event.ctrlKey || event.metaKey || event.altKey) return;
    const { target } = event;
    if (target.matches("input:not([type=range]):not([type=checkbox]), textarea, select")) return;
    if (/^[1-9]$/.test(event.key)) this.choose(Number(event.key) - 1);
    else if (event.key === " " && !target.closest("button, a, summary, input, label")) {
      event.preventDefault();
      this.toggle();
    } else if (event.key.startsWith("Arrow") && !target.closest("input")) {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (by) this.go(this.now + by);
    }
  }
}
