"use strict";
(async () => {
  const root = document.documentElement;
  const items = JSON.parse(document.getElementById("data").textContent);
  const charts = [];

  const recolour = () => {
    const style = getComputedStyle(root);
    for (const {model} of charts) {
      for (const part of model.references()) {
        for (const tag of part.tags) {
          const [property, variable] = tag.split("=");
          const colour = style.getPropertyValue(variable).trim();
          const now = part[property];
          part[property] = now !== null && typeof now === "object" ? {value: colour} : colour;
        }
      }
    }
  };
  const repaint = () => charts.forEach(({view}) => view.request_repaint());

  for (const {target, item} of items) {
    const manager = await Bokeh.embed.embed_item(item, target);
    const view = manager.roots[0];
    charts.push({host: document.getElementById(target), view, model: view.model});
  }
  recolour();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { recolour(); repaint(); });

  // A printer lays the page out at another width than the screen and does not wait for a canvas to follow:
  // it gets pictures, which scale.
  addEventListener("beforeprint", () => {
    root.dataset.scheme = "light";
    recolour();
    for (const {host, view} of charts) {
      const picture = document.createElement("img");
      picture.alt = "";
      picture.src = view.export("png", true).canvas.toDataURL();
      host.append(picture);
      const marks = host.parentElement.querySelector(".marks");
      if (marks) {
        const percent = 100 / host.offsetWidth;
        marks.style.width = `${percent * marks.offsetWidth}%`;
        marks.style.setProperty("--shrunk", `${percent * 11.5}cqw`);
      }
    }
  });
  addEventListener("afterprint", () => {
    delete root.dataset.scheme;
    for (const {host} of charts) {
      host.querySelector(":scope > img").remove();
      host.parentElement.querySelector(".marks")?.style.removeProperty("width");
    }
    recolour();
    repaint();
  });
  root.dataset.charts = "ready";
})();
