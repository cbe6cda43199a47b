// The insert buttons of the naming pattern: a variable goes where the cursor is.

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-insert]");
  if (!button) return;
  const input = button.closest("[data-pattern]").querySelector("input[type=text]");
  input.setRangeText(button.dataset.insert, input.selectionStart, input.selectionEnd, "end");
  input.dispatchEvent(new Event("input", { bubbles: true }));
  input.focus();
});
