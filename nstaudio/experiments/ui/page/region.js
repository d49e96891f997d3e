// The waveform of a clip, of which a part can be taken: by dragging, or in two fields.

import { clock, el } from "./dom.js";
import { peaks } from "./spectrogram.js";
import { Voice, audio, takeTheFloor } from "./sound.js";

const LEAST_S = 0.1;

export class Region {
  /** `changed` is called when the part changes. */
  constructor(role, changed) {
    this.changed = changed;
    this.buffer = null;
    this.voice = null;
    this.canvas = el("canvas", { className: "wave", "aria-hidden": "true" });
    this.head = el("i", { className: "head", hidden: true });
    this.play = el("button", { type: "button", onclick: () => this.toggle() }, "Play");
    this.from = this.#field(`Start (s)`, `${role}-from`);
    this.to = this.#field(`End (s)`, `${role}-to`);
    this.all = el("button", { type: "button", onclick: () => this.take(0, this.duration) }, "All");
    this.about = el("span", { className: "hint" });
    this.element = el("div", { className: "region", hidden: true },
      el("div", { className: "wavebox" }, this.canvas, this.head),
      el("div", { className: "row" }, this.play, this.from.label, this.to.label, this.all),
      this.about);
    this.#listen();
  }

  #field(text, id) {
    const input = el("input", { type: "number", id, min: 0, step: 0.1,
      onchange: () => this.take(Number(this.from.input.value), Number(this.to.input.value)) });
    return { input, label: el("label", { className: "short" }, text, input) };
  }

  get duration() { return this.buffer?.duration ?? 0; }

  /** `[start, end]` in seconds; null for all of the clip. */
  get value() {
    if (this.buffer === null || (this.begin <= 0 && this.end >= this.duration)) return null;
    return [this.begin, this.end];
  }

  show(buffer, part = null) {
    this.stop();
    this.buffer = buffer;
    this.element.hidden = buffer === null;
    if (buffer === null) return;
    this.peaks = peaks(buffer, 600);
    this.#set(...(part ?? [0, buffer.duration]));
  }

  take(begin, end) {
    this.#set(begin, end);
    this.changed();
    if (this.voice !== null) this.#start();
  }

  #set(begin, end) {
    const low = Math.max(0, Math.min(begin || 0, this.duration - LEAST_S));
    const high = Math.min(this.duration, Math.max(end || this.duration, low + LEAST_S));
    [this.begin, this.end] = [low, high].map((s) => Math.round(s * 100) / 100);
    if (high >= this.duration) this.end = this.duration;
    this.from.input.value = this.begin;
    this.to.input.value = Math.round(this.end * 100) / 100;
    this.about.textContent = this.value === null
      ? `All of it, ${clock(this.duration)}. Drag over the waveform to take a part.`
      : `${clock(this.end - this.begin)} of ${clock(this.duration)} are taken.`;
    this.all.disabled = this.value === null;
    this.draw();
  }

  draw() {
    const canvas = this.canvas, ratio = devicePixelRatio || 1;
    const width = canvas.width = Math.max(1, canvas.clientWidth * ratio);
    const height = canvas.height = Math.max(1, canvas.clientHeight * ratio);
    const style = getComputedStyle(canvas), draw = canvas.getContext("2d");
    const x = (s) => s / this.duration * width;
    draw.fillStyle = style.getPropertyValue("--region");
    draw.fillRect(x(this.begin), 0, x(this.end) - x(this.begin), height);
    const loudest = Math.max(1e-4, ...this.peaks), bar = width / this.peaks.length;
    this.peaks.forEach((peak, i) => {
      const t = i / this.peaks.length * this.duration;
      const inside = t >= this.begin && t < this.end;
      draw.fillStyle = style.getPropertyValue(inside ? "--accent" : "--faint");
      const h = Math.max(ratio, peak / loudest * height * 0.92);
      draw.fillRect(i * bar, (height - h) / 2, Math.max(1, bar * 0.7), h);
    });
    draw.fillStyle = style.getPropertyValue("--ink");
    if (this.value !== null) {
      for (const s of this.value) draw.fillRect(x(s) - ratio, 0, 2 * ratio, height);
    }
  }

  #listen() {
    let first = null;
    const at = (event) => {
      const box = this.canvas.getBoundingClientRect();
      return (event.clientX - box.left) / box.width * this.duration;
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      first = at(event);
      this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (first === null || Math.abs(at(event) - first) < this.duration / 100) return;
      this.#set(Math.min(first, at(event)), Math.max(first, at(event)));
    });
    this.canvas.addEventListener("pointerup", (event) => {
      const moved = first !== null && Math.abs(at(event) - first) >= this.duration / 100;
      first = null;
      if (moved) this.take(this.begin, this.end);
    });
    this.canvas.addEventListener("pointercancel", () => { first = null; });
    addEventListener("resize", () => { if (this.buffer !== null) this.draw(); });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change",
      () => { if (this.buffer !== null) this.draw(); });
  }

  toggle() {
    if (this.voice !== null) this.stop();
    else this.#start();
  }

  async #start() {
    this.stop();
    await audio().resume();
    takeTheFloor(this.silence ??= () => this.stop());
    const began = audio().currentTime;
    const { begin, end } = this;
    this.voice = new Voice(this.buffer, { offset: begin, begin, end, at: began });
    const voice = this.voice;
    this.play.textContent = "Stop";
    this.head.hidden = false;
    const move = () => {
      if (this.voice !== voice) return;
      const t = begin + (audio().currentTime - began) % (end - begin);
      this.head.style.left = `${100 * t / this.duration}%`;
      requestAnimationFrame(move);
    };
    move();
  }

  stop() {
    this.voice?.stop();
    this.voice = null;
    this.play.textContent = "Play";
    this.head.hidden = true;
  }
}
