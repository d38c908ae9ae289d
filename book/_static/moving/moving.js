/* What the figures that move have in common: their place in the page, their data, controls, words.
   No ES modules and no fetch, since a page that is opened from disk may use neither. */
"use strict";
window.modlibMoving = (() => {
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

  /* How long a change takes, in milliseconds. */
  const pace = (wanted = 600) => (calm.matches ? 0 : wanted);

  /* Draw a figure wherever the page has a place for it; the still picture goes if that succeeds. */
  function define(name, draw) {
    for (const place of document.querySelectorAll(`[data-moving="${name}"]`)) {
      const figure = document.getElementById(place.dataset.still);
      if (!figure) continue;
      const live = make("div", { class: `moving ${name}`, role: "group" });
      const caption = figure.querySelector("figcaption");
      if (caption) {
        caption.id ||= `${place.dataset.still}-caption`;
        live.setAttribute("aria-labelledby", caption.id);
      }
      draw(live, JSON.parse(place.querySelector("script").textContent));
      figure.prepend(live);
      figure.classList.add("is-moving");
    }
  }

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  }

  let made = 0;

  /* A slider with its name and, beside it, what it stands at in words. */
  function slider(name, { min = 0, max, step = 1, value, say }, changed) {
    const id = `moving-slider-${made++}`;
    const input = make("input", { id, type: "range", min, max, step, value });
    const output = make("output", { for: id, "aria-hidden": "true" });
    const tell = () => {
      output.textContent = say(Number(input.value));
      input.setAttribute("aria-valuetext", output.textContent);
    };
    input.addEventListener("input", () => {
      tell();
      changed(Number(input.value));
    });
    tell();
    return make("div", { class: "control" }, make("label", { for: id }, name), input, output);
  }

  /* One of a few, by name and title. */
  function radios(legend, titles, value, changed) {
    const group = `moving-radio-${made++}`;
    const labels = Object.entries(titles).map(([key, title]) => {
      const input = make("input", { type: "radio", name: group, value: key });
      input.checked = key === value;
      input.addEventListener("change", () => changed(key));
      return make("label", {}, input, title);
    });
    return make("fieldset", { class: "control" }, make("legend", {}, legend), ...labels);
  }

  function button(text, pressed) {
    const element = make("button", { type: "button" }, text);
    element.addEventListener("click", pressed);
    return element;
  }

  /* A line that a screen reader tells whenever it changes. */
  const line = () => make("p", { role: "status", class: "told" });

  const decode = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const number = (value, digits = 2) =>
    value.toFixed(digits).replace(/^-(0(\.0+)?)$/, "$1").replace("-", "−");
  const count = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
  const listed = (items) => (items.length < 2 ? items.join("")
    : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`);

  /* From -1, purple, over the page's own colour to 1, green; the same on both themes at the ends. */
  const isDark = () => document.documentElement.dataset.theme === "dark";
  function diverging(value) {
    const middle = isDark() ? "#22262b" : "#f7f7f7";
    const end = value < 0 ? "#9970ab" : "#3f9b4f";
    return d3.interpolateRgb(middle, end)(Math.min(1, Math.abs(value)));
  }

  /* Call when the page turns dark or light. */
  function onTheme(changed) {
    new MutationObserver(changed).observe(document.documentElement,
      { attributes: true, attributeFilter: ["data-theme"] });
  }

  /* Call with the width of an element, now and whenever it changes. */
  function onWidth(element, changed) {
    let last = 0;
    new ResizeObserver(() => {
      const width = Math.floor(element.clientWidth);
      if (width && width !== last) changed(last = width);
    }).observe(element);
  }

  /* From dark to bright like the similarity matrices of the book. */
  const bright = (value) => d3.piecewise(d3.interpolateRgb,
    ["#000004", "#51127c", "#b73779", "#fc8961", "#fcfdbf"])(Math.max(0, Math.min(1, value)));

  /* A matrix of units that is sorted by module: the rows and columns move when the modules change.
     What it returns draws it anew, for labels, names, a text, a colour for each pair, and a size. */
  function sortedMatrix(parent) {
    const svg = d3.select(parent).append("svg").attr("role", "img");
    const cells = svg.append("g");
    const signs = svg.append("g").attr("aria-hidden", "true");
    const frames = svg.append("g");
    return ({ labels, names, text, color, size, selected, pressed }, duration) => {
      const units = labels.map((_, unit) => unit);
      const order = [...units].sort((a, b) => labels[a] - labels[b] || a - b);
      const at = [];
      order.forEach((unit, i) => { at[unit] = i; });
      const room = size < 220 ? 16 : 26; // for names
      const cell = (size - room) / units.length;
      svg.attr("width", size).attr("height", size).attr("aria-label", text)
        .style("font-size", `${Math.min(11, cell)}px`);
      cells.selectAll("rect").data(units.flatMap((i) => units.map((j) => [i, j]))).join("rect")
        .attr("width", cell - 1).attr("height", cell - 1)
        .attr("fill", ([i, j]) => (i === j ? "none" : color(i, j)))
        .on("click", pressed ? (_, [i]) => pressed(i) : null)
        .transition().duration(duration)
        .attr("x", ([, j]) => room + at[j] * cell).attr("y", ([i]) => room + at[i] * cell);
      const place = { row: (i) => [room / 2, room + (i + 0.5) * cell + cell / 8 + 1],
        column: (i) => [room + (i + 0.5) * cell, room - 4] };
      for (const side of ["row", "column"]) {
        signs.selectAll(`text.${side}`).data(units).join("text").attr("class", side)
          .attr("text-anchor", "middle").classed("selected", (unit) => unit === selected)
          .text((unit) => names[unit]).transition().duration(duration)
          .attr("x", (unit) => place[side](at[unit])[0])
          .attr("y", (unit) => place[side](at[unit])[1]);
      }
      const sizes = [];
      for (const label of labels) sizes[label] = (sizes[label] ?? 0) + 1;
      let before = 0;
      const spans = sizes.map((count) => [(before += count) - count, count]);
      frames.selectAll("rect").data(spans).join("rect").transition().duration(duration)
        .attr("x", ([start]) => room + start * cell - 0.5)
        .attr("y", ([start]) => room + start * cell - 0.5)
        .attr("width", ([, count]) => count * cell).attr("height", ([, count]) => count * cell);
    };
  }

  return {
    bright, button, count, decode, define, diverging, line, listed, make, number, onTheme, onWidth, pace,
    radios, slider, sortedMatrix,
  };
})();
