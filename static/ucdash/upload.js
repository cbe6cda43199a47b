// Ties the official uploader to our pages: its theme, and a link for each uploaded file.

const list = document.querySelector("#uploaded");
const theme = document.documentElement.dataset.theme;
const isDark = theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;

// Its address has a hash in it, so the page says where it is.
import(document.querySelector("[data-uploader]").dataset.uploader).then((uploader) => {
  uploader.defineComponents(uploader);
  document.querySelector("#uploader-missing").hidden = true;
  document.querySelector(".uploader").classList.add(isDark ? "uc-dark" : "uc-light");
});

document
  .querySelector("uc-upload-ctx-provider")
  .addEventListener("file-upload-success", (event) => {
    const { uuid, name } = event.detail;
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = `${list.dataset.fileUrl}${uuid}/`;
    link.textContent = name || uuid;
    item.append("Uploaded ", link);
    list.append(item);
  });
