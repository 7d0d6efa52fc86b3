// The theme chosen on the pages holds in the admin, too. With the tokens a theme is no more than a color-scheme; Django's
// own data-theme attribute would bring its own colors back.
(function () {
  "use strict";
  try {
    var theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") document.documentElement.style.colorScheme = theme;
  } catch (error) {
    // storage is blocked: the system's theme holds
  }
})();
