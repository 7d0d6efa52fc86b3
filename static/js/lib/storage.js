// Choices that the browser keeps. Where storage is blocked, nothing is kept and nothing fails.

const browserStorage = () => globalThis.localStorage; // a function, because the property itself may throw

/** The stored text, or null. */
export function read(key, storage = browserStorage) {
  try {
    return storage().getItem(key);
  } catch {
    return null;
  }
}

/** Stores `value`; null removes the key. */
export function write(key, value, storage = browserStorage) {
  try {
    if (value === null) storage().removeItem(key);
    else storage().setItem(key, value);
  } catch {
    // The choice applies to this page only.
  }
}
