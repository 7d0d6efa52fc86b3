// Applies the theme chosen on the pages to the admin. Only `color-scheme` is set: the tokens follow it, while Django's
// own data-theme attribute would bring Django's colors back. A classic script, so that it runs before the first paint.
(() => {
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") document.documentElement.style.colorScheme = theme;
  } catch {
    // Storage is blocked: the system's theme applies.
  }
})();
