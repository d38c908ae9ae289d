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

  /* From -1, blue, over the page's own colour to 1, red; the same on both themes at the ends. */
  const isDark = () => document.documentElement.dataset.theme === "dark";
  function diverging(value) {
    const middle = isDark() ? "#22262b" : "#f7f7f7";
    const end = value < 0 ? "#3288d8" : "#d6604d";
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

  return {
    button, count, decode, define, diverging, line, listed, make, number, onTheme, onWidth, pace,
    radios, slider,
  };
})();
