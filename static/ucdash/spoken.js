// What came of somebody's doing is on the page when it loads, and only what changes later is spoken. So
// the two live regions say it: results in their turn, refusals at once. Where no script runs the
// notes keep their roles.

const REGIONS = { status: "#live", alert: "#alert" };
const LISTENED_TO_AFTER_MS = 200;

for (const [role, region] of Object.entries(REGIONS)) {
  const notes = [...document.querySelectorAll(`.notes [role="${role}"]`)];
  const text = notes.map((note) => note.textContent.trim().replace(/\s+/g, " ")).join(" ");
  for (const note of notes) note.removeAttribute("role"); // or it may be said twice
  if (text) setTimeout(() => { document.querySelector(region).textContent = text; }, LISTENED_TO_AFTER_MS);
}
