// "?" shows the keys, and popovers that somebody leaves by the keyboard do not stay over the page.

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
