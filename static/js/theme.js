// A classic script on purpose: it runs before the first paint, so that the chosen theme never flashes the other one.
(() => {
  const root = document.documentElement;
  root.classList.add("has-script");
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch {
    // Storage is blocked: the system's theme applies.
  }
})();
