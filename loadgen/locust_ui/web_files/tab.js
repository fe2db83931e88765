"use strict";
// Locust's page is a React application that knows of our tab nothing but its title. The frame is put at the end of
// what the tabs stand in, which outlasts every change of tab, and is only hidden there: it keeps zoom and legends.
(() => {
  const {title} = document.currentScript.dataset;
  const frame = document.createElement("iframe");
  frame.title = title;
  frame.src = new URL("./", document.currentScript.src);
  frame.style.cssText = "display: block; width: 100%; height: 600px; border: 0";

  const place = () => {
    const tab = [...document.querySelectorAll("[role=tab]")].find((tab) => tab.textContent.trim() === title);
    const room = tab?.closest(".MuiContainer-root") ?? tab?.closest("main");
    if (!room) return;
    const chosen = tab.getAttribute("aria-selected") === "true";
    if (chosen && frame.parentNode !== room) room.append(frame);
    frame.style.display = chosen ? "block" : "none";
  };
  // Scenario and client stand in a panel that Locust shows closed.
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
