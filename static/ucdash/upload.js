// Ties the official uploader to our pages: its theme, its signatures, and links to what came.

const box = document.querySelector("[data-uploader]");
const config = box.querySelector("uc-config");
const list = box.querySelector("#uploaded");
const live = document.querySelector("#live");
const theme = document.documentElement.dataset.theme;
const isDark = theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;

// Asked for when an upload begins, so that a page that was left open can still upload.
const askForSignature = async () => {
  const answer = await fetch(box.dataset.signature);
  if (!answer.ok) throw new Error("This page may not sign uploads any more. Reload it.");
  return answer.json();
};

// It weighs more than the rest of the page, which is there first. Its address has a hash in it, so
// the page says where it is.
const pageIsThere = new Promise((resolve) => {
  if (document.readyState === "complete") resolve();
  else addEventListener("load", resolve, { once: true });
});
pageIsThere.then(() => import(box.dataset.uploader)).then((uploader) => {
  uploader.defineComponents(uploader);
  if (box.dataset.signature) config.secureUploadsSignatureResolver = askForSignature;
  box.querySelector("#uploader-missing").hidden = true;
  box.querySelector(".uploader").classList.add(isDark ? "uc-dark" : "uc-light");
});

const tell = (begin, name, href) => {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = href;
  link.textContent = name;
  item.append(`${begin} `, link);
  list.append(item);
  list.hidden = false;
  live.textContent = item.textContent;
  return item;
};

const events = box.querySelector("uc-upload-ctx-provider");

events.addEventListener("file-upload-success", ({ detail: { uuid, name } }) => {
  tell("Uploaded", name || uuid, `${list.dataset.fileUrl}${uuid}/`);
});

events.addEventListener("file-upload-failed", ({ detail: { name, errors } }) => {
  live.textContent = `Not uploaded: ${name ?? ""} ${errors[0]?.message ?? ""}`;
});

// The uploader makes another group whenever a file is added, and the newest has them all.
let newest;
events.addEventListener("group-created", ({ detail: { group } }) => {
  newest?.remove();
  if (!group || group.filesCount < 2) return;
  newest = tell("Group of", `${group.filesCount} files`, `${list.dataset.groupUrl}${group.uuid}/`);
});
