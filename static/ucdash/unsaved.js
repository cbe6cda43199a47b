// A form with changes that are not saved says so, in a bar that stays in sight.

const textOf = (form) =>
  JSON.stringify([...new FormData(form)].filter(([name]) => name !== "csrfmiddlewaretoken"));

for (const form of document.querySelectorAll("[data-unsaved]")) {
  const bar = document.getElementById(form.dataset.unsaved);
  const saved = textOf(form);
  const wasRefused = !bar.hidden; // what was typed came back
  const show = () => { bar.hidden = !wasRefused && textOf(form) === saved; };
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => {
    if (event.submitter) event.submitter.textContent = "Saving…";
  });
  window.addEventListener("pageshow", show);
}
