/* Elements of a page, and what is painted on them. */
"use strict";
((explorer) => {
  const SVG = "http://www.w3.org/2000/svg";

  function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  explorer.make = (tag, attributes = {}, ...children) =>
    fill(document.createElement(tag), attributes, children);

  explorer.draw = (tag, attributes = {}, ...children) =>
    fill(document.createElementNS(SVG, tag), attributes, children);

  /* Colour every pixel of a canvas by a number in [0, 1]; where it is missing, by nothing. */
  explorer.paint = (canvas, colors, width, height, colorAt) => {
    Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    for (let pixel = 0; pixel < width * height; pixel++) {
      const color = colorAt(pixel);
      if (Number.isNaN(color)) continue;
      const at = 3 * Math.round(255 * Math.min(Math.max(color, 0), 1));
      image.data.set([colors[at], colors[at + 1], colors[at + 2], 255], 4 * pixel);
    }
    context.putImageData(image, 0, 0);
    return canvas;
  };

  /* A picture, with what it shows in words. */
  explorer.picture = (colors, width, height, colorAt, text) =>
    explorer.paint(explorer.make("canvas", { role: "img", "aria-label": text }), colors, width, height, colorAt);

  /* The colours from a low to a high number; those of matrices follow a root. */
  explorer.scaleBar = (colors, low, high) => {
    const bar = explorer.make("canvas", { "aria-hidden": "true" });
    explorer.paint(bar, colors, 256, 1, (pixel) => Math.sqrt(pixel / 255));
    return explorer.make("div", { class: "bar" }, low, bar, high);
  };

  /* A shade of a colour, one for each of several modules, from dark to light. */
  explorer.shade = (color, module, nModules) => {
    if (module < 0) return "#9a9a9a";
    const at = nModules > 1 ? module / (nModules - 1) : 0.4;
    const [toward, share] = at < 0.4 ? [0, (0.4 - at) * 1.1] : [255, (at - 0.4) * 1.05];
    const channels = [1, 3, 5].map((start) => parseInt(color.slice(start, start + 2), 16));
    return `rgb(${channels.map((value) => Math.round(value + share * (toward - value))).join()})`;
  };
})(window.modlibExplorer);
