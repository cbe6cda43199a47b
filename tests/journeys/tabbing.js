// What somebody meets who goes through a page by Tab. `tabbing.py` presses the key; a stop is looked
// at when the next key comes, after the browser has scrolled to it and drawn its focus.
() => {
  const CONTROLS =
    "a[href], button, input, select, textarea, summary, iframe, [contenteditable], [tabindex='0']";
  const NOT_WALKED = "#swagger-ui, .sr-only[tabindex='-1'][aria-hidden='true']";
  const MOST_KEYS_IN_ONE = 8; // a date has stops for day, month, year and its calendar

  const described = (one) => one.outerHTML.replace(/\s+/g, " ").slice(0, 160);
  const boxOf = (one) => one.getBoundingClientRect();
  const isThere = (one) =>
    one.checkVisibility({ visibilityProperty: true }) && boxOf(one).width > 1 && boxOf(one).height > 1;
  const isWanted = (one) => isThere(one) && !one.matches(":disabled") && !one.closest(NOT_WALKED);
  // Of a group of radio buttons one is a stop; arrows lead to the others.
  const groupOf = (one) => (one.type === "radio" ? `${one.form?.action} ${one.name}` : "");

  // The ring is at the control, at its label or card, or at the text behind it.
  const framesOf = (one) =>
    [one, one.nextElementSibling, one.parentElement, one.parentElement?.parentElement].filter(Boolean);
  const ringOf = (one) => {
    const { outlineStyle, outlineWidth, outlineColor, outlineOffset } = getComputedStyle(one);
    const isDrawn = outlineStyle !== "none" && parseFloat(outlineWidth) >= 1
      && !/^transparent$|^rgba\(.*, 0\)$/.test(outlineColor)
      && one.checkVisibility({ opacityProperty: true });
    return isDrawn ? parseFloat(outlineWidth) + parseFloat(outlineOffset) : null;
  };
  const lookOf = (one) => `${ringOf(one) === null ? "no ring" : "ring"}, ${getComputedStyle(one).boxShadow}`;

  // What is left of a box inside of all that clips it, and of the screen.
  const clipped = (one, box) => {
    let { left, top, right, bottom } = box;
    for (let around = one.parentElement; around && around !== document.body; around = around.parentElement) {
      const { display, overflowX, overflowY } = getComputedStyle(around);
      if (["inline", "contents"].includes(display)) continue; // these clip nothing
      const clip = boxOf(around);
      if (overflowX !== "visible") [left, right] = [Math.max(left, clip.left), Math.min(right, clip.right)];
      if (overflowY !== "visible") [top, bottom] = [Math.max(top, clip.top), Math.min(bottom, clip.bottom)];
    }
    return { left, top, right, bottom };
  };
  const isCutOff = (one) => {
    const ring = ringOf(one);
    if (ring === null) return false;
    const { left, top, right, bottom } = boxOf(one);
    const whole = { left: left - ring, top: top - ring, right: right + ring, bottom: bottom + ring };
    const rest = clipped(one, whole);
    return Object.keys(whole).some((side) => Math.abs(whole[side] - rest[side]) > 0.5);
  };
  // In the middle of what is on the screen of one of its lines, it is on top itself.
  const isInSight = (one) =>
    [...one.getClientRects()].some((line) => {
      const { left, top, right, bottom } = clipped(one, line);
      const x = (Math.max(left, 0) + Math.min(right, innerWidth)) / 2;
      const y = (Math.max(top, 0) + Math.min(bottom, innerHeight)) / 2;
      const hit = document.elementFromPoint(x, y);
      return hit && (one.contains(hit) || hit.closest("label")?.control === one);
    });

  const wanted = [...document.querySelectorAll(CONTROLS)].filter(isWanted);
  const stops = [];
  let [keys, isOver, isFree] = [0, false, false];
  const meet = () => {
    const one = document.activeElement;
    if (isOver || (one === document.body && !stops.length)) return;
    if (one === document.body || (stops.length > 1 && one === stops[0].one)) isOver = isFree = true;
    else if (one === stops.at(-1)?.one) isOver = ++keys > MOST_KEYS_IN_ONE;
    else {
      keys = 1;
      stops.push({
        one,
        looks: framesOf(one).map((frame) => [frame, lookOf(frame)]),
        isMarked: one.matches(":focus-visible"),
        isCutOff: isCutOff(one),
        isInSight: isInSight(one),
      });
    }
  };
  const listener = ({ key }) => { if (key === "Tab") meet(); };
  addEventListener("keydown", listener, true);

  const start = document.createElement("span"); // where the browser begins to look for the first
  start.tabIndex = -1;
  document.body.prepend(start);
  start.focus();
  start.remove();

  window.tabbing = {
    isOver() {
      meet();
      return isOver;
    },
    told() {
      removeEventListener("keydown", listener, true);
      document.activeElement.blur();
      scrollTo(0, 0);
      const met = new Set(stops.map(({ one }) => one));
      const groups = new Set([...met].map(groupOf).filter(Boolean));
      const isReached = (one) => met.has(one) || groups.has(groupOf(one)) || !one.isConnected;
      const isShown = ({ looks }) =>
        looks.some(([frame, look]) => look !== lookOf(frame) && look !== "no ring, none");
      const follows = ({ one }, before) =>
        !before || before.one.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING;
      const of = (found) => found.map((stop) => described(stop.one ?? stop));
      return {
        "is not reached": of(wanted.filter((one) => !isReached(one))),
        "does not let go": isFree ? [] : of(stops.slice(-1)),
        "does not show the focus": of(stops.filter((stop) => !stop.isMarked || !isShown(stop))),
        "has a ring that is cut off": of(stops.filter((stop) => stop.isCutOff)),
        "is under something": of(stops.filter((stop) => !stop.isInSight)),
        "is not in the order of the page": of(stops.filter((stop, n) => !follows(stop, stops[n - 1]))),
        "has an order of its own": of([...document.querySelectorAll("[tabindex]")].filter((one) => one.tabIndex > 0)),
      };
    },
  };
  return wanted.length;
}
