// Small comforts; every page works without this file.

const live = document.querySelector("#live");

// Copy buttons are hidden until we know that copying works.
const showCopyButtons = (part) => {
  if (!navigator.clipboard) return;
  for (const button of part.querySelectorAll("[data-copy]")) button.hidden = false;
};
showCopyButtons(document);
document.addEventListener("htmx:load", (event) => showCopyButtons(event.detail.elt));

// A page that nobody looks at asks for no tests.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.target.matches("[data-watch]")) event.preventDefault();
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not allowed";
  }
  if (live) live.textContent = button.textContent;
  setTimeout(() => { button.textContent = label; }, 2000);
});

// "/" goes to the search field, unless the account has single keys turned off.
document.addEventListener("keydown", (event) => {
  if ("noShortcuts" in document.body.dataset) return;
  const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  const search = document.querySelector("[data-search]");
  if (search && search.offsetParent) {
    event.preventDefault();
    search.focus();
  }
});

// A button that was pressed keeps its label and is not pressed twice.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.hasAttribute("hx-post")) return;
  if (event.submitter?.hasAttribute("data-download")) return; // the page stays
  setTimeout(() => {
    for (const button of form.querySelectorAll("button")) button.disabled = true;
  });
});
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const button of document.querySelectorAll("button[disabled]")) button.disabled = false;
});
