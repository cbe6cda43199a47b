// "?" shows the keys; popovers that somebody leaves by the keyboard do not stay over the page, and a
// row of tabs that is longer than a phone is wide shows the tab that is open, or has the focus.

const keys = document.querySelector("#keys");

document.addEventListener("keydown", (event) => {
  if ("noShortcuts" in document.body.dataset || event.key !== "?" || !keys) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  event.preventDefault();
  keys.togglePopover();
});

document.addEventListener("focusout", (event) => {
  const popover = event.target.closest(":popover-open");
  const next = event.relatedTarget;
  if (!popover || !next || popover.contains(next)) return;
  if (next.getAttribute("popovertarget") === popover.id) return;
  popover.hidePopover();
  next.focus(); // hiding would give the focus back to what opened it
});

const showTab = (tab) => {
  const row = tab.parentElement;
  const [inner, outer] = [tab.getBoundingClientRect(), row.getBoundingClientRect()];
  row.scrollLeft += inner.left - outer.left - (outer.width - inner.width) / 2;
};
for (const tab of document.querySelectorAll(".tabs > [aria-current]")) showTab(tab);
document.addEventListener("focusin", (event) => {
  if (event.target.matches(".tabs > a")) showTab(event.target);
});
