// Language, theme, and everything open in print. The page is whole without it, in the nation's language.
"use strict";
(() => {
  const root = document.documentElement;
  const pages = [...document.querySelectorAll("[data-page]")];
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : prefersDark.matches);

  function showLanguage(name) {
    for (const page of pages) page.hidden = page.dataset.page !== name;
    const shown = pages.find((page) => !page.hidden);
    root.lang = shown.lang;
    document.title = shown.dataset.title;
  }

  function showTheme() {
    for (const button of document.querySelectorAll("[data-theme-switch]")) {
      button.textContent = dark() ? button.dataset.light : button.dataset.dark;
    }
  }

  for (const button of document.querySelectorAll("[data-show]")) {
    button.addEventListener("click", () => {
      showLanguage(button.dataset.show);
      scrollTo(0, 0);
      document.querySelector("[data-page]:not([hidden]) [data-show]").focus();
    });
  }
  for (const button of document.querySelectorAll("[data-theme-switch]")) {
    button.addEventListener("click", () => {
      root.dataset.theme = dark() ? "light" : "dark";
      showTheme();
    });
  }
  for (const button of document.querySelectorAll("[data-print]")) button.addEventListener("click", () => print());
  for (const field of document.querySelectorAll("[data-search]")) {
    const rows = [...document.getElementById(field.dataset.search).children];
    const none = document.querySelector(`[data-search-none="${field.dataset.search}"]`);
    field.addEventListener("input", () => {
      const wanted = field.value.trim().toLowerCase();
      for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
      none.hidden = rows.some((row) => !row.hidden);
    });
  }
  prefersDark.addEventListener("change", showTheme);
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details:not([open])")) {
      details.open = true;
      details.dataset.closed = "";
    }
  });
  addEventListener("afterprint", () => {
    for (const details of document.querySelectorAll("details[data-closed]")) {
      details.open = false;
      delete details.dataset.closed;
    }
  });
  showTheme();
})();
