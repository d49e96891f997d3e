// Elements, words and requests that several parts of the page need.

export const $ = (id) => document.getElementById(id);

/** An element with properties (`class`, `dataset`, `aria-*`, events as `onclick`) and children. */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name === "dataset") Object.assign(made.dataset, value);
    else if (name.startsWith("on") || name in made && !name.includes("-")) made[name] = value;
    else made.setAttribute(name === "className" ? "class" : name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** An address here, without the name and the password that the page's own may have in it. */
export const here = (path) => new URL(path, location.origin);

/** A request to the server; what it refuses is an Error with its line. */
export async function ask(url, options = {}) {
  let answer;
  try {
    answer = await fetch(here(url), options);
  } catch {
    throw new Error("the server does not answer; is nstaudio ui still running?");
  }
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(found.error ?? `the server answered ${answer.status}`);
  return found;
}

export const send = (url, body, method = "POST") => ask(url, {
  method,
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body ?? {}),
});

/** Say something to those who do not see the page. */
export function say(text) {
  const live = $("live");
  if (live.textContent !== text) live.textContent = text;
}

export function seconds(s) {
  if (s < 100) return `${Math.round(s)} s`;
  return s < 6000 ? `${Math.round(s / 60)} min` : `${(s / 3600).toFixed(1)} h`;
}

export function clock(s) {
  const tenths = Math.max(0, Math.round(s * 10));
  const minutes = Math.floor(tenths / 600);
  return `${minutes}:${((tenths % 600) / 10).toFixed(1).padStart(4, "0")}`;
}

export async function copy(text, button) {
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch { // not at a secure address
    const area = el("textarea", { value: text, className: "hidden", "aria-hidden": "true" });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  button.textContent = "Copied";
  say("Copied the command");
  setTimeout(() => { button.textContent = before; }, 1500);
}
