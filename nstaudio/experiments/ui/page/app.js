// The page: what is asked for, what is under way, what is there.

import { $, ask, el, say, seconds, send } from "./dom.js";
import { ClipCard } from "./clips.js";
import { Player } from "./player.js";
import { Jobs, Runs } from "./runs.js";

const SOON_MS = 700, LATER_MS = 5000, ESTIMATE_AFTER_MS = 1200;

const setup = await ask("/api/setup");
const presets = new Map(setup.presets.map((preset) => [preset.name, preset]));
const player = new Player($("player"));
const cards = {
  content: new ClipCard($("content"), "content", {
    title: "Content", about: "Its notes, rhythm and words stay.",
    several: "Each of them becomes a run of its own, one after the other.",
  }, setup, changed),
  style: new ClipCard($("style"), "style", {
    title: "Style", about: "Its sound is taken.", several: "Together they are one style.",
  }, setup, changed),
};
const runs = new Runs(player, reuse, () => jobs.leave());
const jobs = new Jobs(player, async (job, isWatched) => {
  await runs.refresh();
  const run = runs.find(job.run);
  if (isWatched && run?.has.includes("result")) await runs.open(run, { keep: true });
});

function fillPresets() {
  const option = ({ name }) => el("option", { value: name }, name || "default");
  const all = [...presets.values()];
  $("preset").append(
    el("optgroup", { label: "For listening" }, ...all.filter((p) => !p.published).map(option)),
    el("optgroup", { label: "After publications" }, ...all.filter((p) => p.published).map(option)));
}

const preset = () => presets.get($("preset").value);

function showPreset() {
  const { what, suits, takes, has_strength: hasStrength, has_content: hasContent } = preset();
  const words = [what, suits && `for ${suits}`, takes && `the demo clips take about ${takes}`];
  const line = words.filter(Boolean).join("; ");
  $("preset-about").textContent = line && `${line[0].toUpperCase()}${line.slice(1)}.`;
  $("strength").disabled = $("own-strength").disabled = !hasStrength;
  $("strength-about").textContent = hasStrength
    ? "0 is the content, 1 all of the style." : "This preset has no strength.";
  $("content").hidden = !hasContent;
  $("duration-field").hidden = hasContent;
  showStrength();
}

function showStrength() {
  const own = $("own-strength").checked || !preset().has_strength;
  $("strength-value").textContent = own ? "as the preset has it" : $("strength").value;
}

const number = (id) => ($(id).value === "" ? null : Number($(id).value));

function request() {
  const { name, has_strength: hasStrength, has_content: hasContent } = preset();
  const own = $("own-strength").checked || !hasStrength;
  return {
    content: hasContent ? cards.content.ids : [],
    style: cards.style.ids,
    content_region: hasContent ? cards.content.part : null,
    style_region: cards.style.part,
    preset: name,
    strength: own ? null : Number($("strength").value),
    n_steps: number("n_steps"),
    seed: number("seed"),
    duration_s: hasContent ? null : number("duration_s"),
  };
}

const isWhole = (asked) => asked.style.length > 0
  && (asked.content.length > 0 || !preset().has_content);

let waiting = 0, question = 0;
function changed() {
  $("start-error").textContent = "";
  clearTimeout(waiting);
  const asked = request(), mine = ++question;
  if (!isWhole(asked)) {
    $("estimate").textContent = "";
    return;
  }
  waiting = setTimeout(async () => {
    $("estimate").textContent = "Estimating …";
    let words = "";
    try {
      const found = await send("/api/estimate", asked);
      if (found.error) words = found.error;
      else if (found.busy) words = "It will wait for the run under way.";
      else if (found.seconds) {
        const n = Math.max(1, asked.content.length);
        words = `About ${seconds(found.seconds)}${n > 1 ? " for the first" : ""} on this machine, `
          + `and ${(found.bytes / 1e9).toFixed(1)} GB of memory`;
      }
    } catch (error) {
      words = error.message;
    }
    if (mine === question) $("estimate").textContent = words;
  }, ESTIMATE_AFTER_MS);
}

async function start(event) {
  event.preventDefault();
  clearTimeout(waiting);
  question++;
  $("estimate").textContent = "";
  $("start-error").textContent = "";
  const asked = request();
  try {
    if (!isWhole(asked)) {
      const role = asked.style.length === 0 ? "style" : "content";
      cards[role].input.focus();
      throw new Error(`There is no ${role} yet: choose a file, record one or take a demo clip.`);
    }
    const { job } = await send("/api/queue", asked);
    const busy = [...jobs.known.values()].some((job) => job.state === "running");
    jobs.expect(job);
    if (!busy) jobs.watch(job);
    say(busy ? "Queued" : "Started");
    poll();
  } catch (error) {
    $("start-error").textContent = error.message;
  }
}

async function reuse(settings) {
  $("preset").value = settings.preset;
  $("own-strength").checked = settings.strength === null || settings.strength === undefined;
  if (!$("own-strength").checked) $("strength").value = settings.strength;
  for (const id of ["n_steps", "seed", "duration_s"]) $(id).value = settings[id] ?? "";
  showPreset();
  for (const role of ["content", "style"]) {
    await cards[role].set(settings[role] ?? [], settings[`${role}_region`]);
  }
  $("settings-title").scrollIntoView({ block: "start" });
  $("preset").focus();
  say("The settings of that run are set");
}

let timer = 0, polling = false, again = false;
async function poll() {
  clearTimeout(timer);
  again = polling;
  if (polling) return;
  polling = true;
  let soon = false;
  try {
    soon = await jobs.update((await ask("/api/queue")).jobs);
    if ($("start-error").dataset.lost) {
      $("start-error").textContent = "";
      delete $("start-error").dataset.lost;
    }
  } catch (error) {
    $("start-error").textContent = error.message;
    $("start-error").dataset.lost = "1";
  } finally {
    polling = false;
    timer = setTimeout(poll, again ? 0 : soon ? SOON_MS : LATER_MS);
  }
}

fillPresets();
showPreset();
$("settings").addEventListener("submit", start);
$("preset").addEventListener("change", () => { showPreset(); changed(); });
$("strength").addEventListener("input", () => { $("own-strength").checked = false; showStrength(); });
for (const id of ["strength", "own-strength", "n_steps", "seed", "duration_s"]) {
  $(id).addEventListener("change", () => { showStrength(); changed(); });
}
addEventListener("queue", poll);
document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
await runs.refresh();
await poll();
document.body.dataset.ready = "1";
