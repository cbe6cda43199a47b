// Swagger UI is half a megabyte, so it comes when somebody asks for it: by the button, or by the
// address of one call.

const button = document.querySelector("[data-reference]");
const list = document.getElementById("reference-list");
const place = document.getElementById("swagger-ui");

function element(kind, attributes) {
  return new Promise((resolve, reject) => {
    const made = Object.assign(document.createElement(kind), attributes);
    made.addEventListener("load", resolve);
    made.addEventListener("error", reject);
    document.head.append(made);
  });
}

async function open() {
  if (button.disabled) return;
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  try {
    await element("link", { rel: "stylesheet", href: button.dataset.style });
    for (const src of button.dataset.reference.split(" ")) await element("script", { src });
    list.hidden = true;
    button.hidden = true;
    place.focus();
  } catch {
    document.getElementById("reference-failed").hidden = false;
    button.disabled = false;
  }
  button.removeAttribute("aria-busy");
}

const openWhatIsNamed = () => location.hash.startsWith("#/") && open();
button.addEventListener("click", open);
addEventListener("hashchange", openWhatIsNamed);
openWhatIsNamed();
