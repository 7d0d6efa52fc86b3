// The arithmetic of the viewer.

/** Where to scroll so that `box` stands in the middle of the stage, or the image's middle if there is no box.
 * All lengths in CSS pixels. */
export function centered({ scrollWidth, scrollHeight, clientWidth, clientHeight }, box) {
  const x = box ? box.left + box.width / 2 : scrollWidth / 2;
  const y = box ? box.top + box.height / 2 : scrollHeight / 2;
  return { left: x - clientWidth / 2, top: y - clientHeight / 2 };
}

/** A stored opacity in percent, or null if it is not a number from 0 to 100. */
export function storedOpacity(text) {
  const opacity = Number.parseInt(text, 10);
  return opacity >= 0 && opacity <= 100 ? opacity : null;
}
