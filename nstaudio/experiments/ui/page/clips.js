// A card for clips of one role: choose, drop or record them, hear them, take a part.

import { ask, clock, el, say } from "./dom.js";
import { Region } from "./region.js";
import { load } from "./sound.js";

export const soundOf = (id) => `/api/clips/${id}/sound`;

export class ClipCard {
  /**
   * @param role `content` or `style`
   * @param words title, a line, and what several clips are
   * @param setup of the server: demo clips and limits
   * @param changed called when clips or region change
   */
  constructor(section, role, words, setup, changed) {
    Object.assign(this, { section, role, setup, changed, clips: [], recorder: null });
    this.region = new Region(role, changed);
    this.input = el("input", { type: "file", id: `${role}-file`, multiple: true,
      accept: "audio/*,video/*,.flac,.ogg,.opus,.m4a,.aiff,.wma,.mka,.caf",
      onchange: () => { this.upload([...this.input.files]); this.input.value = ""; } });
    this.record = el("button", { type: "button", onclick: () => this.toggleRecording() }, "Record");
    this.demo = el("select", { id: `${role}-demo`, onchange: () => this.#takeDemo() },
      el("option", { value: "" }, "Demo clip…"),
      ...setup.demos.map((clip) => el("option", { value: clip.id }, clip.name)));
    this.list = el("ul", { className: "files" });
    this.error = el("p", { className: "error", role: "alert" });
    this.state = el("p", { className: "hint", role: "status" });
    this.several = el("p", { className: "hint", hidden: true }, words.several);
    section.append(
      el("h2", { id: `${role}-title` }, words.title),
      el("p", { className: "hint" }, words.about),
      el("div", { className: "drop" },
        el("label", { htmlFor: `${role}-file`, className: "button" }, `Choose ${role} files`),
        this.input, el("span", { className: "hint" }, "or drop them here"),
        el("span", { className: "row" }, this.record,
          el("label", { htmlFor: `${role}-demo`, className: "hidden" }, `Demo clip as ${role}`),
          this.demo)),
      this.state, this.error, this.list, this.several, this.region.element);
    this.#drop();
    if (!navigator.mediaDevices?.getUserMedia) {
      this.record.disabled = true;
      this.record.title = "A browser records only at this machine's own address, or by https";
    }
  }

  get ids() { return this.clips.map((clip) => clip.id); }

  get part() { return this.clips.length === 1 ? this.region.value : null; }

  #drop() {
    const over = (on) => (event) => {
      event.preventDefault();
      this.section.classList.toggle("over", on);
    };
    this.section.addEventListener("dragover", over(true));
    this.section.addEventListener("dragleave", over(false));
    this.section.addEventListener("drop", (event) => {
      over(false)(event);
      this.upload([...event.dataTransfer.files]);
    });
  }

  #takeDemo() {
    const clip = this.setup.demos.find((one) => one.id === this.demo.value);
    this.demo.value = "";
    if (clip) this.add(clip);
  }

  /** Upload files one after the other; what cannot be used says why. */
  async upload(files) {
    this.error.textContent = "";
    const { n_bytes: most } = this.setup.limits;
    const wrong = [];
    for (const file of files) {
      this.state.textContent = `Reading ${file.name} …`;
      try {
        if (file.size > most) {
          throw new Error(`${file.name} has ${(file.size / 1e6).toFixed(1)} MB; the limit is `
            + `${most / 1e6} MB (--max-mb)`);
        }
        const name = encodeURIComponent(file.name);
        await this.add(await ask(`/api/clips?name=${name}`, { method: "PUT", body: file }));
      } catch (error) {
        wrong.push(error.message);
      }
    }
    this.state.textContent = "";
    this.error.textContent = wrong.join("\n");
  }

  async add(clip, part = null) {
    if (!this.ids.includes(clip.id)) this.clips.push(clip);
    await this.#show(part);
    say(`${this.role}: ${clip.name}, ${clock(clip.duration_s)}`);
  }

  /** Replace all clips. */
  async set(clips, part) {
    this.clips = [...clips];
    await this.#show(part);
  }

  #remove(clip) {
    this.clips = this.clips.filter((one) => one !== clip);
    this.#show(null);
    this.input.focus();
  }

  async #show(part) {
    this.list.replaceChildren(...this.clips.map((clip) => el("li", {},
      el("span", { className: "name" }, clip.name),
      el("span", { className: "hint" }, clock(clip.duration_s)),
      el("button", { type: "button", "aria-label": `Remove ${clip.name} from ${this.role}`,
        onclick: () => this.#remove(clip) }, "Remove"))));
    this.several.hidden = this.clips.length < 2;
    this.changed();
    const only = this.clips.length === 1 ? this.clips[0] : null;
    if (only === null) {
      this.region.show(null);
      return;
    }
    try {
      const buffer = await load(soundOf(only.id));
      if (this.clips.length === 1 && this.clips[0] === only) this.region.show(buffer, part);
      this.changed();
    } catch {
      this.error.textContent = `${only.name} cannot be played by this browser; it can be used.`;
    }
  }

  async toggleRecording() {
    if (this.recorder !== null) {
      this.recorder.stop();
      return;
    }
    this.error.textContent = "";
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: {
        echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
    } catch (error) {
      this.error.textContent = `The microphone cannot be used: ${error.message}`;
      return;
    }
    const parts = [], recorder = this.recorder = new MediaRecorder(stream);
    const began = Date.now(), most = this.setup.limits.seconds;
    const tick = setInterval(() => {
      const s = (Date.now() - began) / 1000;
      this.state.textContent = `Recording, ${clock(s)}`;
      if (s > most - 1) recorder.stop();
    }, 200);
    recorder.ondataavailable = (event) => parts.push(event.data);
    recorder.onstop = () => {
      clearInterval(tick);
      stream.getTracks().forEach((track) => track.stop());
      this.recorder = null;
      this.record.textContent = "Record";
      const type = recorder.mimeType.split(";")[0];
      const when = new Date().toTimeString().slice(0, 8).replaceAll(":", "-");
      this.upload([new File(parts, `recording ${when}.${type.split("/")[1]}`, { type })]);
    };
    recorder.start();
    this.record.textContent = "Stop recording";
    say("Recording");
  }
}
