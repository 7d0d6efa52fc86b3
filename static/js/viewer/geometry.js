// Where the image lies on the stage. A view is a zoom factor, relative to the size that just fits, and the point of the
// image, in fractions of its width and height, at the center of the stage. So a view applies to a stage of any size.

export const FIT = Object.freeze({ zoom: 1, x: 0.5, y: 0.5 });
export const MOST_ZOOM = 24;
const LEAST_ZOOM = 0.5;

const within = (value, low, high) => Math.min(Math.max(value, low), high);

/** The image's rectangle on a stage of this size, in the stage's pixels. ratio: the image's width by its height. */
export function rectangle(view, stage, ratio) {
  const width = Math.min(stage.width, stage.height * ratio) * view.zoom;
  const height = width / ratio;
  return { left: stage.width / 2 - view.x * width, top: stage.height / 2 - view.y * height, width, height };
}

/** A point of the stage as fractions of the image; beyond 0 to 1 outside of it. */
export const toImage = (point, rect) => ({
  x: (point.x - rect.left) / rect.width,
  y: (point.y - rect.top) / rect.height,
});

/** A point of the image, in fractions, on the stage. */
export const toStage = (point, rect) => ({ x: rect.left + point.x * rect.width, y: rect.top + point.y * rect.height });

/** The same point, moved into the image. */
export const inside = (point) => ({ x: within(point.x, 0, 1), y: within(point.y, 0, 1) });

/** The view within its limits: the center of the stage stays on the image. */
function kept(view) {
  return { zoom: within(view.zoom, LEAST_ZOOM, MOST_ZOOM), x: within(view.x, 0, 1), y: within(view.y, 0, 1) };
}

/** The view enlarged by `factor`; what is at `point` of the stage stays there. */
export function zoomedAt(view, factor, point, stage, ratio) {
  const zoom = within(view.zoom * factor, LEAST_ZOOM, MOST_ZOOM);
  const under = toImage(point, rectangle(view, stage, ratio));
  const { width, height } = rectangle({ ...view, zoom }, stage, ratio);
  return kept({
    zoom,
    x: under.x - (point.x - stage.width / 2) / width,
    y: under.y - (point.y - stage.height / 2) / height,
  });
}

/** The view after the image was dragged by so many pixels of the stage. */
export function panned(view, by, stage, ratio) {
  const { width, height } = rectangle(view, stage, ratio);
  return kept({ zoom: view.zoom, x: view.x - by.x / width, y: view.y - by.y / height });
}

/** The rectangle between two points, as [left, top, right, bottom]. */
export const between = (a, b) => [Math.min(a.x, b.x), Math.min(a.y, b.y), Math.max(a.x, b.x), Math.max(a.y, b.y)];

/** Distance and middle of two fingers. */
export function pinch(one, other) {
  return {
    distance: Math.max(Math.hypot(one.x - other.x, one.y - other.y), 1),
    x: (one.x + other.x) / 2,
    y: (one.y + other.y) / 2,
  };
}
