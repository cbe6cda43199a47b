// A list that a filter or a link loads anew in its place: where one is then, what is said, and what
// stands there if it does not come. Without this file, and without scripts, the links lead to pages.

const listOf = ({ detail }) =>
  detail.requestConfig?.elt.hasAttribute("hx-push-url") ? document.getElementById(detail.target.id) : null;

const say = (region, text) => {
  document.querySelector(region).textContent = text.trim().replace(/\s+/g, " ");
};
const nameOf = (list) =>
  list.ariaLabel ?? document.getElementById(list.getAttribute("aria-labelledby")).textContent.trim();

// A page that says by itself what was found is not said over.
const sayWhatCame = (list) => {
  const failure = list.querySelector("[role=alert]");
  if (failure) {
    say("#alert", failure.textContent);
    failure.removeAttribute("role"); // or it may be said twice
  } else if (!document.querySelector("#found")) {
    const rows = list.querySelectorAll("tbody > tr, .rows > li");
    say("#live", `${nameOf(list)}: ${rows.length} on this page`);
  }
};

document.addEventListener("htmx:afterSwap", (event) => {
  const list = listOf(event);
  if (!list || event.target !== list) return;
  sayWhatCame(list);
  if (document.activeElement !== document.body) return; // the filter, or the same link of the new list
  list.focus({ preventScroll: true });
  if (list.getBoundingClientRect().top < 0) list.scrollIntoView();
});

// A part that keeps itself new waits, or it would take away what is being loaded.
for (const moment of ["htmx:beforeRequest", "htmx:beforeSwap"]) {
  document.addEventListener(moment, (event) => {
    const isLoading = event.detail.target.querySelector(".grey-rows.htmx-request");
    if (isLoading && !listOf(event)) event.preventDefault();
  });
}

// Whoever was signed out meanwhile is led to another page, which has no list.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, pathInfo } = event.detail;
  if (!listOf(event) || !xhr.responseURL) return;
  const asked = new URL(pathInfo.finalRequestPath, location);
  if (new URL(xhr.responseURL).pathname === asked.pathname) return;
  event.preventDefault();
  location.assign(asked);
});

const fail = (event) => {
  const list = listOf(event);
  if (!list) return;
  const { xhr, pathInfo } = event.detail;
  const code = document.createElement("code");
  code.textContent = xhr.getResponseHeader("x-uploadcare-request-id") ?? "no answer";
  const again = document.createElement("a");
  again.href = pathInfo.finalRequestPath;
  again.textContent = "Try again";
  const note = document.createElement("p");
  note.className = "empty";
  note.append("The list could not be loaded (code ", code, "). Your filters are kept. ", again);
  list.replaceChildren(note);
  say("#alert", note.textContent);
  if (document.activeElement === document.body) list.focus();
};
for (const trouble of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(trouble, fail);
}
