// One box that ticks all files of the page, and the number of those that are ticked: beside the buttons
// and, since the bar with them comes above what somebody ticks, for screen readers.

const live = document.querySelector("#live");

const watch = (all) => {
  const form = all.closest("form");
  const boxes = [...form.querySelectorAll("input[type=checkbox][name=file]")];
  const count = form.querySelector("[data-count]");
  const ticked = () => boxes.filter((box) => box.checked).length;
  const show = () => {
    const n = ticked();
    all.checked = n === boxes.length;
    all.indeterminate = n > 0 && n < boxes.length;
    if (count) count.textContent = n;
  };
  all.parentElement.hidden = false;
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
  });
  form.addEventListener("change", () => {
    show();
    live.textContent = `${ticked()} selected`;
  });
  show();
};
const watchAll = (part) => { for (const all of part.querySelectorAll("[data-tick-all]")) watch(all); };
watchAll(document);
// The list that a filter has found anew.
document.addEventListener("htmx:load", ({ detail }) => {
  if (detail.elt.id === "list") watchAll(detail.elt);
});
