// Sounds as buffers of samples, and the one clock that plays them.

import { here } from "./dom.js";

let context = null;

export function audio() {
  context ??= new AudioContext();
  return context;
}

const buffers = new Map(); // the last few: a minute of stereo takes 20 MB
const MOST = 8;

/** The samples at an address; the same address is read once. */
export function load(url) {
  if (!buffers.has(url)) {
    const reading = fetch(here(url))
      .then((answer) => {
        if (!answer.ok) throw new Error(`a sound cannot be read (${answer.status})`);
        return answer.arrayBuffer();
      })
      .then((bytes) => audio().decodeAudioData(bytes));
    reading.catch(() => buffers.delete(url));
    buffers.set(url, reading);
    while (buffers.size > MOST) buffers.delete(buffers.keys().next().value);
  }
  return buffers.get(url);
}

const FADE_S = 0.008;

/** A part of a buffer being played; `stop` fades out, so that a switch does not click. */
export class Voice {
  constructor(buffer, { offset, begin = 0, end = buffer.duration, loop = true, at }) {
    const to = audio();
    this.gain = to.createGain();
    this.source = to.createBufferSource();
    this.source.buffer = buffer;
    this.source.loop = loop;
    this.source.loopStart = begin;
    this.source.loopEnd = end;
    this.source.connect(this.gain).connect(to.destination);
    this.gain.gain.setValueAtTime(0, at);
    this.gain.gain.linearRampToValueAtTime(1, at + FADE_S);
    this.source.start(at, Math.min(offset, end - 1e-3));
  }

  stop(at = audio().currentTime) {
    this.gain.gain.cancelScheduledValues(at);
    this.gain.gain.setValueAtTime(1, at);
    this.gain.gain.linearRampToValueAtTime(0, at + FADE_S);
    this.source.stop(at + FADE_S);
  }
}

/** Only one part of the page sounds at a time. */
let silenceOther = null;
export function takeTheFloor(silence) {
  if (silenceOther !== null && silenceOther !== silence) silenceOther();
  silenceOther = silence;
}
