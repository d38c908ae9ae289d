/* The numbers beside and behind the pictures. */
"use strict";
((explorer) => {
  const { make, number, percent } = explorer;

  /* A table whose first row and first column say what is in it. */
  function table(caption, heads, rows) {
    const cell = (value, at) => at ? make("td", {}, value) : make("th", { scope: "row" }, value);
    return make("table", { class: "explorer-table" }, make("caption", {}, caption),
      make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))),
      make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((value, at) => cell(String(value), at))))));
  }

  /* A part of the page that is made when it is opened, and anew when what it shows has changed. */
  class Behind {
    constructor(title) {
      this.place = make("div", { class: "behind", tabindex: "0", role: "region", "aria-label": title });
      this.element = make("details", {}, make("summary", {}, title), this.place);
      this.element.addEventListener("toggle", () => this.fill());
    }

    show(build) {
      this.build = build;
      this.isFresh = false;
      this.fill();
    }

    fill() {
      if (!this.element.open || this.isFresh || !this.build) return;
      this.place.replaceChildren(...this.build());
      this.isFresh = true;
    }
  }

  /* A number, what chance gives, and how seldom chance gives as much. */
  function besideChance(found, unit = "") {
    if (!found) return "not computed";
    const [value, mean, deviation, p] = found;
    const shown = `${number(value, 3)} against ${number(mean, 3)} ± ${number(deviation, 3)}${unit}`;
    return `${shown}; p ${p < 0.001 ? "< 0.001" : `= ${number(p, 3)}`}`;
  }

  function excess({ rotated }) {
    if (!rotated) return "not computed";
    return `${explorer.number(rotated[0] - rotated[1], 3).replace(/^(?=[\d])/, "+")}: ${besideChance(rotated)}`;
  }

  /* What is proven; a matrix of the other convention may have a proof where this one has none. */
  function proof({ view, network, choice }) {
    const { upper, optimal, verified } = view;
    const method = [choice.layer, choice.measure, choice.similarity].join("/");
    const other = Object.keys(network.views).find((key) =>
      key.startsWith(`${method}/`) && network.views[key].upper !== undefined);
    if (upper === undefined) return other ? `only as ${other.split("/").at(-1)}` : "none for this network";
    const checked = verified ? ", and the proof was checked" : "";
    return optimal ? `no Q above ${number(upper)}: the best search has the optimum${checked}`
      : `no Q above ${number(upper)}${checked}`;
  }

  const FACTS = {
    "Q, the paper’s search": ({ view }) => number(view.q),
    "Q, best search": ({ view }) => view.q_best === undefined ? "not searched for" : number(view.q_best),
    "Proof": proof,
    "Beyond rotations": ({ view }) => excess(view),
    "Specificity of damage": ({ view }) => besideChance(view.specificity, " bits"),
    "Sizes of modules": ({ sizes }) => sizes.join(", ") || "none",
    "Effective number": ({ sizes }) => explorer.effectiveNumber(sizes).toFixed(2),
    "Unused units": ({ labels }) => String(labels.filter((module) => module < 0).length),
    "Test accuracy": ({ network }) => `${(100 * network.test_accuracy).toFixed(2)} %`
      + (network.kept ? "" : ": too low for the analysis"),
  };

  const facts = (views, names) => table("What the modules are worth", ["", ...names],
    Object.entries(FACTS).map(([term, tell]) => [term, ...views.map(tell)]));

  const moduleName = (module) => module < 0 ? "unused" : String(module + 1);

  /* How many units go from each module of the one sorting to each of the other. */
  function flows(a, b, names) {
    const modules = (labels) => [...new Set(labels)].sort((x, y) => (x < 0) - (y < 0) || x - y);
    const both = (i, j) => a.filter((module, unit) => module === i && b[unit] === j).length;
    return table(`Units by module: ${names[0]} in rows, ${names[1]} in columns`,
      ["", ...modules(b).map(moduleName)],
      modules(a).map((i) => [moduleName(i), ...modules(b).map((j) => both(i, j))]));
  }

  function unitRows(views, names, data) {
    return table("Every unit", ["Unit", ...names.map((name) => `Module, ${name}`),
      ...(data ? ["Active", "What it does"] : [])],
    views[0].labels.map((_, unit) => [unit, ...views.map(({ labels }) => moduleName(labels[unit])),
      ...(data ? [percent(data.activity[unit]), explorer.unit.told(data, unit)] : [])]));
  }

  function matrix(values, order, name) {
    const n = order.length;
    const shown = (i, j) => i === j ? "" : values[i * n + j].toPrecision(3);
    return table(`Similarity of units, ${name}, in the order of the picture`, ["Unit", ...order],
      order.map((i) => [i, ...order.map((j) => shown(i, j))]));
  }

  function digits(data, units) {
    const classes = data.responses[0].map((_, digit) => digit);
    return table("Units that are pointed at, by digit", ["Digit", ...units.flatMap((unit) =>
      [`Mean response of ${unit}`, `What ${unit} does to the logit`])],
    classes.map((digit) => [digit, ...units.flatMap((unit) =>
      [data.responses[unit][digit], data.effects[unit][digit]])]));
  }

  explorer.table = { Behind, facts, flows, unitRows, matrix, digits, moduleName };
})(window.modlibExplorer);
