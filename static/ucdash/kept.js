// What was typed is kept while somebody signs in, confirms who they are or reloads a page that was
// open too long, in this tab alone.
// Never passwords, secrets and files: they are typed again.

const KEPT = "form that was sent";
const isSignIn = (path) => path.startsWith("/accounts/");
const mayBeKept = (field) =>
  field.name
  && !["password", "hidden", "file", "submit", "button"].includes(field.type)
  && field.autocomplete !== "new-password";

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || isSignIn(location.pathname) || !form.closest("main")) return;
  const fields = [...form.elements].filter(mayBeKept).map((field) => [
    field.name,
    field.type,
    ["checkbox", "radio"].includes(field.type) ? `${field.value}:${field.checked}` : field.value,
  ]);
  sessionStorage.setItem(KEPT, JSON.stringify({ path: location.pathname, fields }));
});

const putBack = ({ path, fields }) => {
  if (path !== location.pathname) return;
  for (const [name, type, value] of fields) {
    for (const field of document.querySelectorAll(`main [name="${CSS.escape(name)}"]`)) {
      if (field.type !== type) continue;
      if (!["checkbox", "radio"].includes(type)) field.value = value;
      else if (value.startsWith(`${field.value}:`)) field.checked = value.endsWith(":true");
      field.dispatchEvent(new Event("change", { bubbles: true }));
    }
  }
};

const kept = JSON.parse(sessionStorage.getItem(KEPT));
if (document.querySelector("[data-keeps-text]")) { // refused, as the page was open too long
  if (kept) sessionStorage.setItem(KEPT, JSON.stringify({ ...kept, wasRefused: true }));
} else if (!isSignIn(location.pathname)) {
  const from = document.referrer && new URL(document.referrer);
  const wasSignIn = from && from.origin === location.origin && isSignIn(from.pathname);
  if (kept && (kept.wasRefused || wasSignIn)) putBack(kept);
  sessionStorage.removeItem(KEPT);
}

// What somebody chose before htmx listened, or the browser put back, is answered as well.
const isAsSent = (field) => {
  if (["checkbox", "radio"].includes(field.type)) return field.checked === field.defaultChecked;
  if (field.type !== "select-one") return field.value === field.defaultValue;
  const sent = [...field.options].find((option) => option.defaultSelected) ?? field.options[0];
  return field.value === (sent?.value ?? "");
};
document.addEventListener("htmx:load", ({ detail: { elt } }) => {
  if (elt !== document.body) return;
  for (const form of document.querySelectorAll("main form")) {
    const early = [...form.elements].find(
      (field) => field.matches("[hx-trigger] :is(input, select, textarea)") && !isAsSent(field),
    );
    for (const name of ["input", "change"]) early?.dispatchEvent(new Event(name, { bubbles: true }));
  }
});
