// Small helpers that several scripts share.

export const byId = (id) => document.getElementById(id);

/** The element that a template names with data-part. */
export const part = (root, name) => root.querySelector(`[data-part="${name}"]`);

/** Whether a key press belongs to the page: no modifier is held and it means nothing to the field that has the focus.
 * A check box knows only the space bar, a radio button that and keys with names, a slider only those. */
export function isShortcut(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const field = event.target.closest("input, select, textarea, [contenteditable]");
  if (field === null) return true;
  if (field.type === "checkbox") return event.key !== " ";
  if (field.type === "radio") return event.key.length === 1 && event.key !== " ";
  return field.type === "range" && event.key.length === 1;
}
