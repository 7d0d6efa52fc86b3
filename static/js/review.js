// The reading panel: its keys, and the location that the viewer marks. The forms work without this.

import { isShortcut } from "./lib/dom.js";

const FINDINGS = ["1", "2", "3"];
const TYPED = ["finding", "tumor_type", "confidence", "comment", "reason"];
const FIELDS = ["x0", "y0", "x1", "y1", "slice"];

// A review form that is on view: the one for an amendment is hidden until it is opened.
function shownForm() {
  return [...document.querySelectorAll("[data-review-form]")].find((form) => form.offsetParent !== null);
}

function setLocation(form, values) {
  FIELDS.forEach((name, at) => {
    form.querySelector(`[data-location="${name}"]`).value = values?.[at] ?? "";
  });
  form.querySelector("[data-location-text]").textContent = values
    ? "A location is marked on the image."
    : "No location marked.";
  form.querySelector("[data-location-clear]").hidden = !values;
}

document.addEventListener("viewer:location", (event) => {
  const form = shownForm();
  if (!form) return;
  const { x, y, box, slice } = event.detail;
  setLocation(form, [...(box ?? [x, y, null, null]), slice]);
  show(event.target, { x, y, box, slice, label: "you" });
});

function show(figure, one) {
  const others = JSON.parse(figure.dataset.locations || "[]");
  figure.dispatchEvent(new CustomEvent("viewer:show-locations", { detail: one ? [...others, one] : others }));
}

document.addEventListener("click", (event) => {
  const figure = document.querySelector("[data-viewer]");
  if (event.target.closest("[data-location-start]")) {
    figure?.dispatchEvent(new CustomEvent("viewer:tool", { detail: "mark" }));
    figure?.querySelector("[data-part='stage']")?.focus();
  }
  const clear = event.target.closest("[data-location-clear]");
  if (!clear) return;
  setLocation(clear.closest("form"), null);
  if (figure) show(figure, null);
});

// A result that arrives while an amendment is typed replaces the panel. A location is left out: there may be other slices.
let typed = null; // { values, field: name of the one that had the focus, at: of its cursor }

document.addEventListener("htmx:oobBeforeSwap", ({ detail }) => {
  const form = detail.target.id === "result" && shownForm();
  if (!form) return;
  const values = [...new FormData(form)].filter(([name]) => TYPED.includes(name));
  const field = document.activeElement;
  const isIn = form.contains(field) && TYPED.includes(field.name);
  typed = { values, field: isIn ? field.name : null, at: isIn ? field.selectionStart : null };
});

// Until the field is back, keys that are typed into it are no shortcuts. Before those of the viewer.
window.addEventListener(
  "keydown",
  (event) => {
    if (event.key === "Escape" && typed) typed.field = null;
    if (typed?.field && isShortcut(event)) event.stopImmediatePropagation();
  },
  true,
);

document.addEventListener("htmx:afterSettle", () => {
  const form = typed && document.querySelector("[data-review-form]");
  if (!form) return;
  const amending = form.closest("details");
  if (amending) amending.open = true;
  for (const [name, value] of typed.values) if (form.elements[name]) form.elements[name].value = value;
  const field = typed.field && form.elements[typed.field];
  field?.focus?.({ preventScroll: true });
  if (typed.at !== null) field?.setSelectionRange?.(typed.at, typed.at);
  typed = null;
});

document.addEventListener("keydown", (event) => {
  if (event.repeat) return; // held down since the page before: "commit" there would be "sign" here
  if (event.defaultPrevented || event.shiftKey || !isShortcut(event) || document.querySelector("dialog[open]")) return;
  const button = document.querySelector(`[data-review-key="${event.key}"]`);
  if (button) {
    event.preventDefault();
    button.click();
    return;
  }
  const form = shownForm();
  if (!form) return;
  if (FINDINGS.includes(event.key)) {
    form.querySelectorAll("[name='finding']")[FINDINGS.indexOf(event.key)].click();
  } else if (event.key === "e") {
    event.preventDefault();
    form.querySelector("[data-review-comment]").focus();
  }
});
