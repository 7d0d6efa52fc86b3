// Small questions about the page that several scripts ask.

export const byId = (id) => document.getElementById(id);

/** The element that a template names with data-part. */
export const part = (root, name) => root.querySelector(`[data-part="${name}"]`);

/** Whether a key press belongs to the page: no modifier is held and nobody is typing into a field. */
export function isShortcut(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  return event.target.closest("input, select, textarea, [contenteditable]") === null;
}
