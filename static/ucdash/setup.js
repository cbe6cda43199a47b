// The wizard's buttons say that something is being done; they work without this file.

document.addEventListener("submit", (event) => {
  const button = event.submitter?.dataset.busy
    ? event.submitter
    : event.target.querySelector("[data-busy]");
  if (!button || event.defaultPrevented || event.submitter?.value) return;
  button.dataset.label = button.textContent;
  setTimeout(() => { button.textContent = button.dataset.busy; });
  document.querySelector("#live").textContent = button.dataset.busy;
});
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const button of document.querySelectorAll("[data-label]")) {
    button.textContent = button.dataset.label;
  }
});
