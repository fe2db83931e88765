"use strict";
(async () => {
  const root = document.documentElement;
  const items = JSON.parse(document.getElementById("data").textContent);
  const charts = [];

  const recolour = () => {
    const style = getComputedStyle(root);
    for (const {model, view} of charts) {
      for (const part of model.references()) {
        for (const tag of part.tags) {
          const [property, variable] = tag.split("=");
          const colour = style.getPropertyValue(variable).trim();
          const now = part[property];
          part[property] = now !== null && typeof now === "object" ? {value: colour} : colour;
        }
      }
      for (const renderer of view.renderer_views.values()) renderer.set_visuals?.();  // now: a printer does not wait
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
      host.style.width = `${Math.min(host.offsetWidth, host.closest(".one") ? 700 : 440)}px`;
      view.compute_layout();
      picture.src = `data:image/svg+xml,${encodeURIComponent(view.export("svg", false).ctx.get_serialized_svg(true))}`;
      host.append(picture);
      const marks = host.parentElement.querySelector(".marks");
      if (marks) {
        const percent = 100 / host.offsetWidth;
        marks.style.width = `${percent * marks.offsetWidth}%`;
        marks.style.setProperty("--shrunk", `${percent * 11.5}cqw`);
      }
      host.style.width = "";
    }
  });
  addEventListener("afterprint", () => {
    delete root.dataset.scheme;
    for (const {host, view} of charts) {
      host.querySelector(":scope > img").remove();
      host.parentElement.querySelector(".marks")?.style.removeProperty("width");
      view.compute_layout();
    }
    recolour();
    repaint();
  });

  // Pictures: the texts where the page has them, and each chart painted anew as SVG. A PNG is that SVG, drawn.
  const escaped = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  const lines = (element) => {
    const found = [], walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT), range = document.createRange();
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node.parentElement.closest("button, .canvas, svg")) continue;
      let last = null;
      for (const {0: word, index} of node.data.matchAll(/[^\s-]+-*|-+/g)) {  // a line may end after a hyphen
        range.setStart(node, index);
        range.setEnd(node, index + word.length);
        const box = range.getBoundingClientRect();
        if (!box.width) continue;
        if (!last || Math.abs(last.box.top - box.top) > 3) {
          found.push(last = {begin: index, box, style: getComputedStyle(node.parentElement)});
        }
        last.text = node.data.slice(last.begin, index + word.length).replace(/\s+/g, " ");
      }
    }
    return found;
  };
  const picture = (elements) => {
    const pad = 16, gap = 28;
    const placed = elements.map((element) => ({element, box: element.getBoundingClientRect()}));
    placed.sort((one, other) => one.box.top - other.box.top);
    const left = Math.min(...placed.map(({box}) => box.left)) - pad;
    const width = Math.max(...placed.map(({box}) => box.right)) + pad - left;
    const rectangle = (x, y, w, h, r, fill) => `<rect x="${x}" y="${y}" width="${w}" height="${h}" rx="${r}" fill="${fill}"/>`;
    const parts = [];
    let height = pad, bottom = placed[0].box.top;
    for (const {element, box: {top, height: own}} of placed) {
      height += Math.min(gap, Math.max(0, top - bottom));
      const below = height - top;  // from the window to the picture
      bottom = top + own;
      height += own;
      for (const shape of element.querySelectorAll(".verdict, .key i")) {
        const box = shape.getBoundingClientRect(), round = shape.localName === "i" ? 2 : box.height / 2;
        parts.push(rectangle(box.left - left, box.top + below, box.width, box.height, round, getComputedStyle(shape).backgroundColor));
      }
      for (const {host, view} of charts.filter(({host}) => element.contains(host) && host.offsetWidth)) {
        const box = host.getBoundingClientRect(), {ctx} = view.export("svg", false);
        parts.push(`<g transform="translate(${box.left - left} ${box.top + below})">${ctx.get_serialized_svg(true)}</g>`);
      }
      for (const {text, box, style} of lines(element)) {
        const size = parseFloat(style.fontSize), x = box.left - left, y = box.top + below + box.height / 2 + 0.35 * size;
        const shown = style.textTransform === "uppercase" ? text.toUpperCase() : text;
        parts.push(`<text x="${x}" y="${y}" font-size="${size}" font-weight="${style.fontWeight}" fill="${style.color}">${escaped(shown)}</text>`);
      }
    }
    height += pad;
    parts.unshift(rectangle(0, 0, width, height, 0, getComputedStyle(document.body).backgroundColor));
    const font = escaped(getComputedStyle(document.body).fontFamily);
    const attributes = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${font}"`;
    const text = `<svg xmlns="http://www.w3.org/2000/svg" ${attributes}>${parts.join("")}</svg>`;
    return {width, height, svg: new Blob([text], {type: "image/svg+xml"})};
  };
  const drawn = async ({width, height, svg}) => {
    const image = new Image(), canvas = document.createElement("canvas"), scale = 2;
    image.src = URL.createObjectURL(svg);
    await image.decode();
    URL.revokeObjectURL(image.src);
    [canvas.width, canvas.height] = [scale * width, scale * height];
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return new Promise((done) => canvas.toBlob(done, "image/png"));
  };
  const save = (name, blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  const title = document.querySelector("h1").textContent;
  const named = (words, kind) => `${[title, ...words].join(" ").replace(/[^\p{L}\p{N}.]+/gu, "-").slice(0, 80)}.${kind}`;
  const button = (text, act) => {
    const made = document.createElement("button");
    made.textContent = text;
    made.addEventListener("click", act);
    return made;
  };
  for (const figure of document.querySelectorAll("figure")) {
    const words = [figure.querySelector("b").textContent], buttons = document.createElement("span");
    buttons.className = "save";
    buttons.append(
      button("SVG", () => save(named(words, "svg"), picture([figure]).svg)),
      button("PNG", async () => save(named(words, "png"), await drawn(picture([figure])))),
    );
    figure.querySelector("figcaption").append(buttons);
  }
  const actions = document.querySelector(".actions");
  if (actions) {
    const first = document.querySelector(".charts");
    const shown = [...document.querySelectorAll("h1, .about, .top"), ...(first ? [first] : [])];
    actions.querySelector("[data-picture]").addEventListener("click", async () => save(named([], "png"), await drawn(picture(shown))));
    const files = JSON.parse(document.getElementById("files").textContent);
    for (const each of actions.querySelectorAll("[data-file]")) {
      const name = each.dataset.file;
      each.addEventListener("click", () => save(name, new Blob([files[name]], {type: "text/csv"})));
    }
    actions.hidden = false;
  }
  root.dataset.charts = "ready";
})();
