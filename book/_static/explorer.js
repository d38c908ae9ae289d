/* The module explorer: what is chosen stands in the address, data are loaded when they are needed.
   It is no ES module and loads data as scripts, since a page that is opened from disk may use
   neither ES modules nor fetch. */
"use strict";
(() => {
  const FOLDER = new URL("explorer/", document.currentScript.src);
  const SIDES = ["", "other-"]; // before the names in the address, for the first and second choice
  const LABELS = {
    regularizer: "Regulariser", strength: "Strength", seed: "Seed", layer: "Layer",
    measure: "Measure", similarity: "Similarity", convention: "Convention", search: "Search",
  };
  const FIELDS = Object.keys(LABELS);
  const RADIOS = ["layer", "similarity", "convention", "search"];
  const TITLES = {
    similarity: { raw: "raw", normalized: "normalised" },
    search: { paper: "the paper’s", best: "best" },
  };
  const FIRST = { regularizer: "dropout", strength: "0.5" };

  // Data. Each file calls modlibExplorer(name, data).

  const loading = new Map();
  const arrived = new Map();
  window.modlibExplorer = (name, data) => arrived.set(name, data);

  function load(name) {
    if (!loading.has(name)) {
      loading.set(name, new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = new URL(`${name}.js`, FOLDER);
        script.onload = () => resolve(arrived.get(name));
        script.onerror = () => {
          loading.delete(name); // the next choice of it tries again
          reject(new Error(`${script.src} could not be loaded`));
        };
        document.head.append(script);
      }));
    }
    return loading.get(name);
  }

  const decode = (base64, Type) => Type.from(atob(base64), (letter) => letter.charCodeAt(0));

  /* The matrix as one row after the other, its diagonal missing. */
  function decodeMatrix({ bytes, max }, n) {
    const packed = decode(bytes, Uint8Array);
    const matrix = new Float64Array(n * n).fill(NaN);
    for (let i = 0, next = 0; i < n; i++) {
      for (let j = i + 1; j < n; j++, next++) {
        matrix[i * n + j] = matrix[j * n + i] = max * (packed[next] / 255) ** 2;
      }
    }
    return matrix;
  }

  /* For each module, the mean weight of its units from each input. */
  function meanWeights({ bytes, steps, inputs }, labels, nModules) {
    const packed = decode(bytes, Int8Array);
    const sizes = countSizes(labels);
    const means = Array.from({ length: nModules }, () => new Float64Array(inputs));
    labels.forEach((module, unit) => {
      if (module < 0) return;
      const share = steps[unit] / sizes[module];
      for (let k = 0; k < inputs; k++) means[module][k] += share * packed[unit * inputs + k];
    });
    return means;
  }

  function countSizes(labels) {
    const sizes = [];
    for (const module of labels) if (module >= 0) sizes[module] = (sizes[module] ?? 0) + 1;
    return sizes;
  }

  /* Equation 10: the exponential of the entropy of the sizes. */
  function effectiveNumber(sizes) {
    const total = sizes.reduce((sum, size) => sum + size, 0);
    return total && Math.exp(-sizes.reduce((sum, size) => sum + size / total * Math.log(size / total), 0));
  }

  /* Element-centric similarity of two assignments; unused units are one more module. */
  function agreement(a, b) {
    const count = (keys) => {
      const counts = new Map();
      for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
      return counts;
    };
    const both = a.map((module, unit) => `${module}/${b[unit]}`);
    const [inA, inB, inBoth] = [count(a), count(b), count(both)];
    const shares = both.map((key, unit) => inBoth.get(key) / Math.max(inA.get(a[unit]), inB.get(b[unit])));
    return shares.reduce((sum, share) => sum + share, 0) / shares.length;
  }

  // Choices: an object with a value, always text, for each of FIELDS.

  const settingOf = (index, choice) => index.settings.find((setting) =>
    setting.regularizer === choice.regularizer && setting.strength === choice.strength);

  /* The values that a field may have, given the fields before it. */
  function valuesOf(index, field, choice) {
    switch (field) {
      case "regularizer": return [...new Set(index.settings.map((setting) => setting.regularizer))];
      case "strength": return index.settings
        .filter((setting) => setting.regularizer === choice.regularizer)
        .map((setting) => setting.strength);
      case "seed": return settingOf(index, choice).seeds.map(String);
      case "layer": return index.layers.map(String);
      case "measure": case "convention": return Object.keys(index.titles[field]);
      default: return Object.keys(TITLES[field]);
    }
  }

  const titleOf = (index, field, value) =>
    (TITLES[field] ?? index.titles[field])?.[value] ?? value;

  const nearest = (values, wanted) => values.reduce((best, value) =>
    Math.abs(value - wanted) < Math.abs(best - wanted) ? value : best);

  /* The choice that comes nearest to what is asked for among those that exist. */
  function complete(index, asked) {
    const choice = {};
    for (const field of FIELDS) {
      const values = valuesOf(index, field, choice);
      const value = asked[field] ?? FIRST[field];
      if (values.includes(value)) choice[field] = value;
      else choice[field] = field === "strength" && value >= 0 ? nearest(values, value) : values[0];
    }
    return choice;
  }

  function fromAddress(index) {
    const query = new URLSearchParams(location.search);
    const asked = SIDES.map((side) => Object.fromEntries(FIELDS
      .filter((field) => query.has(side + field)).map((field) => [field, query.get(side + field)])));
    return asked.filter((fields, side) => side === 0 || Object.keys(fields).length)
      .map((fields) => complete(index, fields));
  }

  const toAddress = (choices) => `?${new URLSearchParams(choices.flatMap((choice, side) =>
    FIELDS.map((field) => [SIDES[side] + field, choice[field]])))}${location.hash}`;

  // Elements of the page.

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  function makeControl(index, field, side) {
    const id = `explorer-${SIDES[side]}${field}`;
    if (!RADIOS.includes(field)) {
      const select = make("select", { id, name: field });
      return make("div", { class: `choice ${field}` }, make("label", { for: id }, LABELS[field]), select);
    }
    const radios = valuesOf(index, field, {}).map((value) => make("label", {},
      make("input", { type: "radio", name: field, value, id: `${id}-${value}` }),
      titleOf(index, field, value)));
    return make("fieldset", { class: "choice" }, make("legend", {}, LABELS[field]), ...radios);
  }

  /* Bring the controls in line with a choice; the one in use keeps the focus. */
  function syncControls(form, index, choice) {
    for (const field of FIELDS) {
      const control = form.elements[field];
      if (control instanceof HTMLSelectElement) {
        control.replaceChildren(...valuesOf(index, field, choice).map((value) =>
          make("option", { value }, titleOf(index, field, value))));
      }
      control.value = choice[field];
    }
  }

  // Pictures.

  function paint(colors, width, height, colorAt) {
    const canvas = make("canvas", { width, height });
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    for (let pixel = 0; pixel < width * height; pixel++) {
      const color = colorAt(pixel); // in [0, 1], or missing
      if (Number.isNaN(color)) continue;
      const at = 3 * Math.round(255 * Math.min(Math.max(color, 0), 1));
      image.data.set([colors[at], colors[at + 1], colors[at + 2], 255], 4 * pixel);
    }
    context.putImageData(image, 0, 0);
    return canvas;
  }

  function named(canvas, text) {
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", text);
    return canvas;
  }

  function scaleBar(colors, low, high) {
    const bar = paint(colors, 256, 1, (pixel) => pixel / 255);
    bar.setAttribute("aria-hidden", "true");
    return make("figcaption", {}, low, bar, high);
  }

  function drawMatrix(colors, stored, labels, sizes, text) {
    const n = labels.length;
    const matrix = decodeMatrix(stored, n);
    const order = labels.map((_, unit) => unit).sort((a, b) =>
      (labels[a] < 0) - (labels[b] < 0) || labels[a] - labels[b] || a - b);
    const cells = paint(colors, n, n, (pixel) =>
      matrix[order[Math.floor(pixel / n)] * n + order[pixel % n]] / (stored.top || 1));
    const cell = Math.ceil(640 / n);
    const canvas = make("canvas", { width: n * cell, height: n * cell });
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(cells, 0, 0, n * cell, n * cell);
    context.fillStyle = "white";
    let border = 0;
    for (const size of sizes) {
      border += size;
      if (border === n) break;
      context.fillRect(0, border * cell - 1, n * cell, 2);
      context.fillRect(border * cell - 1, 0, 2, n * cell);
    }
    return make("figure", { class: "matrix" }, named(canvas, text),
      scaleBar(colors, "0", stored.top.toPrecision(3)));
  }

  function drawWeights(colors, weights, labels, sizes) {
    const side = Math.sqrt(weights.inputs);
    const means = meanWeights(weights, labels, sizes.length);
    const largest = means.reduce((top, mean) => mean.reduce((a, b) => Math.max(a, Math.abs(b)), top), 0);
    const images = means.map((mean, module) => {
      const canvas = paint(colors, side, side, (pixel) => 0.5 + mean[pixel] / (largest || 1) / 2);
      const range = `from ${Math.min(...mean).toFixed(3)} to ${Math.max(...mean).toFixed(3)}`;
      return make("figure", {},
        named(canvas, `Mean incoming weights of module ${module + 1}, ${range}`),
        make("figcaption", {}, `${module + 1}: ${units(sizes[module])}`));
    });
    return make("div", { class: "weights" }, make("p", {}, "Mean incoming weights by module"),
      make("div", { class: "images" }, ...images),
      make("figure", {}, scaleBar(colors, (-largest).toFixed(3), largest.toFixed(3))));
  }

  // Words.

  const units = (n) => `${n} unit${n === 1 ? "" : "s"}`;
  const number = (q) => q.toFixed(4).replace(/^-(0\.0+)$/, "$1").replace("-", "−");

  function listed(items) {
    return items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
  }

  function describe(view, chosen, index, choice) {
    const { sizes, q } = chosen;
    const strength = choice.regularizer === "untrained" ? "" : ` ${choice.strength}`;
    const modules = sizes.length === 1 ? `one module of ${units(sizes[0])}`
      : `${sizes.length} modules of ${listed(sizes)} units`;
    const unused = view.unused ? `, ${units(view.unused)} unused` : "";
    return `${titleOf(index, "regularizer", choice.regularizer)}${strength}, seed ${choice.seed}, `
      + `layer ${choice.layer}, ${titleOf(index, "measure", choice.measure)}, `
      + `${TITLES.similarity[choice.similarity]}: ${modules}${unused}; Q = ${number(q)}.`;
  }

  function bound(view) {
    if (view.upper === undefined) return "none computed for this matrix";
    return `${number(view.upper)}${view.optimal ? ", and reached: proven" : ""}`;
  }

  /* A number, what chance gives, and a unit of both; nothing where it was not computed. */
  function besideChance(term, pair, unit = "") {
    if (pair === undefined) return {};
    const [found, byChance] = pair.map(number);
    return { [term]: `${found}${unit}; by chance ${byChance}${unit}` };
  }

  function facts(network, view, chosen) {
    const accuracy = `${(100 * network.test_accuracy).toFixed(2)} %`;
    const rows = {
      "Q, the paper’s search": number(view.q),
      "Q, best search": view.q_best === undefined ? "not searched for" : number(view.q_best),
      "Bound on any Q": bound(view),
      ...besideChance("Q beside rotations", view.rotated),
      ...besideChance("Specificity of damage", view.specificity, " bits"),
      "Sizes": chosen.sizes.join(", ") || "none",
      "Effective number of modules": effectiveNumber(chosen.sizes).toFixed(2),
      "Unused units": String(view.unused),
      "Test accuracy": network.kept ? accuracy : `${accuracy}: too low for the analysis`,
    };
    return make("dl", {}, ...Object.entries(rows).map(([term, value]) =>
      make("div", {}, make("dt", {}, term), make("dd", {}, value))));
  }

  function sizesBar(sizes, unused, color) {
    const bar = make("div", { class: "sizes", "aria-hidden": "true" });
    for (const size of sizes) bar.append(make("span", { style: `flex-grow:${size};background:${color}` }));
    if (unused) bar.append(make("span", { style: `flex-grow:${unused}`, class: "unused" }));
    return bar;
  }

  // One choice and what it shows.

  /* Labels (of example networks), sizes and Q of the assignment that is asked for. */
  function assignmentOf(view, search) {
    const suffix = search === "best" && view.q_best !== undefined ? "_best" : "";
    const labels = view[`labels${suffix}`];
    return { labels, sizes: labels ? countSizes(labels) : view[`sizes${suffix}`], q: view[`q${suffix}`] };
  }

  class Panel {
    constructor(index, side, changed) {
      this.index = index;
      this.form = make("form", {}, ...FIELDS.map((field) => makeControl(index, field, side)));
      this.form.addEventListener("submit", (event) => event.preventDefault());
      this.form.addEventListener("change", () =>
        changed(complete(index, Object.fromEntries(new FormData(this.form)))));
      this.summary = make("p", { role: "status" });
      this.pictures = make("div", { class: "pictures" });
      this.element = make("section", { "aria-label": `${side ? "Second" : "First"} choice` },
        this.form, this.summary, this.pictures);
    }

    /* Show a choice; resolves to its assignment, or to nothing if it was overtaken. */
    async show(choice) {
      this.choice = choice;
      syncControls(this.form, this.index, choice);
      this.element.setAttribute("aria-busy", "true");
      const data = await load(settingOf(this.index, choice).name).catch((error) => error);
      if (this.choice !== choice) return undefined;
      this.element.setAttribute("aria-busy", "false");
      return data instanceof Error ? this.fail(data) : this.draw(data[choice.seed], choice);
    }

    fail(error) {
      this.summary.textContent = `${error.message}.`;
      this.pictures.replaceChildren();
    }

    draw(network, choice) {
      const key = FIELDS.slice(3, 7).map((field) => choice[field]).join("/");
      const view = network.views[key];
      const chosen = assignmentOf(view, choice.search);
      const color = this.index.colors[choice.measure];
      this.element.style.borderTop = `3px ${choice.similarity === "raw" ? "solid" : "dashed"} ${color}`;
      this.summary.textContent = describe(view, chosen, this.index, choice);
      this.pictures.replaceChildren(sizesBar(chosen.sizes, view.unused, color),
        facts(network, view, chosen), ...this.drawUnits(network, key, chosen, choice));
      return chosen;
    }

    drawUnits(network, key, { labels, sizes }, choice) {
      if (!network.matrices) {
        const kept = settingOf(this.index, choice).examples;
        return [make("p", {}, kept.length
          ? `Matrices and weights are kept for seed ${listed(kept)} of each setting.`
          : "Matrices and weights of this setting are not kept.")];
      }
      const { sequential, diverging } = this.colors ??= Object.fromEntries(Object.entries(
        this.index.colormaps).map(([kind, colors]) => [kind, decode(colors, Uint8Array)]));
      const text = `Similarity of ${labels.length} by ${units(labels.length)}, sorted by module`;
      const matrix = drawMatrix(sequential, network.matrices[key], labels, sizes, text);
      if (choice.layer === "1" && Number.isInteger(Math.sqrt(network.weights.inputs))) {
        return [matrix, drawWeights(diverging, network.weights, labels, sizes)];
      }
      return [matrix, make("p", {}, "Weights are shown for the first layer, whose inputs are pixels.")];
    }
  }

  // The page.

  function start(root, index) {
    let choices = fromAddress(index);
    const panels = SIDES.map((_, side) => new Panel(index, side, (choice) =>
      move(choices.with(side, choice))));
    const second = make("input", { type: "checkbox", id: "explorer-second" });
    const together = make("p", { role: "status", class: "agreement" });

    async function show() {
      const shown = choices;
      second.checked = shown.length > 1;
      panels[1].element.hidden = !second.checked;
      root.classList.toggle("two", second.checked);
      const found = await Promise.all(shown.map((choice, side) => panels[side].show(choice)));
      if (shown === choices) together.textContent = compare(shown, found);
    }

    function move(next) {
      choices = next;
      history.pushState(null, "", toAddress(choices));
      show();
    }

    second.addEventListener("change", () =>
      move(second.checked ? [choices[0], choices[0]] : choices.slice(0, 1)));
    window.addEventListener("popstate", () => {
      choices = fromAddress(index);
      show();
    });
    root.replaceChildren(
      make("label", { class: "second" }, second, "Set a second choice beside the first"), together,
      make("div", { class: "panels" }, ...panels.map((panel) => panel.element)));
    show();
  }

  function compare([a, b], [first, second]) {
    const sameUnits = b && ["regularizer", "strength", "seed", "layer"].every((f) => a[f] === b[f]);
    if (!sameUnits || !first?.labels || !second?.labels) return "";
    const value = agreement(first.labels, second.labels).toFixed(3);
    return `Agreement of the two assignments (element-centric similarity): ${value}.`;
  }

  const root = document.getElementById("explorer");
  load("index").then((index) => {
    if (index.settings.length) start(root, index);
    else root.replaceChildren(make("p", {}, "There are no results to explore: they are made by make sweep."));
  }, (error) => root.replaceChildren(make("p", { role: "alert" }, `${error.message}.`)));
})();
