// Parts that ask again and again do so while somebody looks: for a minute after the last sign of
// life or the return to the tab. After that, and in a tab behind others, once a minute.

const LOOKED_AT_MS = 60_000;
const SELDOM_MS = 60_000;

let alive = Date.now();
const asked = new Map();

const live = () => { alive = Date.now(); };
for (const sign of ["pointermove", "pointerdown", "keydown", "scroll", "focus"]) {
  window.addEventListener(sign, live, { passive: true });
}
document.addEventListener("visibilitychange", () => { if (!document.hidden) live(); });

const isLookedAt = () => !document.hidden && Date.now() - alive < LOOKED_AT_MS;

// A poll has no event behind it; what a person or the page does has one.
const isPoll = (event) =>
  /(^|[\s,])every /.test(event.target.getAttribute("hx-trigger") ?? "") &&
  !event.detail.requestConfig?.triggeringEvent;

document.addEventListener("htmx:beforeRequest", (event) => {
  if (!isPoll(event)) return;
  const key = event.target.id || event.target; // a part that is replaced keeps its id
  const last = asked.get(key) ?? alive;
  if (!isLookedAt() && Date.now() - last < SELDOM_MS) event.preventDefault();
  else asked.set(key, Date.now());
});

// A part that could not be asked shows by that mark what it says while its values are old.
document.addEventListener("htmx:afterRequest", (event) => {
  if (isPoll(event)) event.target.toggleAttribute("data-unread", !event.detail.successful);
});

// An answer that does not come is told once, in words.
let isTold = false;
const tell = (text) => {
  const region = document.querySelector("#alert");
  if (region) region.textContent = text;
};
for (const trouble of ["htmx:sendError", "htmx:responseError"]) {
  document.addEventListener(trouble, () => {
    if (!isTold) tell("A part of this page could not be brought up to date. Reload the page.");
    isTold = true;
  });
}
document.addEventListener("htmx:afterSwap", () => { isTold = false; tell(""); });

// Whoever is at a link or a button of a part that comes anew stays there.
const likenessOf = (one) =>
  [one.localName, one.getAttribute("href") ?? [one.name, one.value, one.textContent.trim()]].join();
let held;
document.addEventListener("htmx:beforeSwap", ({ detail: { target } }) => {
  const one = document.activeElement;
  held = target.id && target.contains(one) ? { part: target.id, likeness: likenessOf(one) } : null;
});
document.addEventListener("htmx:afterSwap", () => {
  if (!held || document.activeElement !== document.body) return;
  const part = document.getElementById(held.part);
  const same = (one) => likenessOf(one) === held.likeness;
  [...(part?.querySelectorAll("a, button, input, select, summary") ?? [])].find(same)?.focus({ preventScroll: true });
});
