"use strict";
// Locust's page is a React application that shows only the title of our tab. The frame is added to the container of the
// tabs, which outlasts every change of tab; there it is hidden and not removed, so that it keeps zoom and legends.
(() => {
  const {title} = document.currentScript.dataset;
  const frame = document.createElement("iframe");
  frame.title = title;
  frame.src = new URL("./", document.currentScript.src);
  frame.style.cssText = "display: block; width: 100%; height: 600px; border: 0";

  const place = () => {
    const tab = [...document.querySelectorAll("[role=tab]")].find((tab) => tab.textContent.trim() === title);
    const container = tab?.closest(".MuiContainer-root") ?? tab?.closest("main");
    if (!container) return;
    const chosen = tab.getAttribute("aria-selected") === "true";
    if (chosen && frame.parentNode !== container) container.append(frame);
    frame.style.display = chosen ? "block" : "none";
  };
  // Scenario and client are fields of a panel that Locust shows collapsed.
  const open = () => {
    for (const panel of document.querySelectorAll("button[aria-expanded=false]:not([data-opened])")) {
      if (panel.textContent.trim() !== "Custom parameters") continue;
      panel.dataset.opened = "";
      panel.click();
    }
  };
  new MutationObserver(() => { place(); open(); }).observe(document.body, {
    subtree: true, childList: true, attributes: true, attributeFilter: ["aria-selected"],
  });
  place();
  open();
})();
