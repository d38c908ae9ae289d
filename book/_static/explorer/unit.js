/* A unit: what it sees, which classes it answers to, and what it does to the logits. */
"use strict";
((explorer) => {
  const { make, draw, number, signed } = explorer;
  const [WIDTH, HEIGHT] = [12, 40]; // of a bar at its most, in units of the drawing

  const largest = (rows) => rows.flat().reduce((top, value) => Math.max(top, Math.abs(value)), 0);
  const top = (values, sign) => values.reduce((best, value, at) =>
    sign * value > sign * values[best] ? at : best, 0);

  /* What is seen, as an image if the inputs are one. */
  function fieldOf(colors, field, most, text) {
    const side = Math.sqrt(field.length);
    if (!Number.isInteger(side)) return make("p", {}, "The inputs are no image.");
    const range = `from ${signed(Math.min(...field))} to ${signed(Math.max(...field))}`;
    return explorer.picture(colors, side, side, (pixel) => 0.5 + field[pixel] / (most || 1) / 2,
      `${text}: ${range}`);
  }

  /* A bar for each class, up or down from a line. */
  function bars(values, most, kind, text) {
    const isSigned = values.some((value) => value < 0) || kind === "effects";
    const zero = isSigned ? HEIGHT / 2 : HEIGHT;
    const picture = draw("svg", { role: "img", "aria-label": `${text}: ${values.map((value, at) =>
      `${at} ${signed(value)}`).join(", ")}`, viewBox: `0 0 ${WIDTH * values.length} ${HEIGHT + 11}` });
    for (const [at, value] of values.entries()) {
      const height = Math.abs(value) / (most || 1) * zero;
      picture.append(draw("rect", { class: value < 0 ? `${kind} below` : kind, x: at * WIDTH + 1.5,
        width: WIDTH - 3, y: value < 0 ? zero : zero - height, height }));
      picture.append(draw("text", { x: (at + 0.5) * WIDTH, y: HEIGHT + 9 }, String(at)));
    }
    picture.append(draw("path", { class: "zero", d: `M0 ${zero}H${WIDTH * values.length}` }));
    return picture;
  }

  const part = (name, content) => make("div", { class: "part" }, make("p", {}, name), content);

  function told(data, unit) {
    const [responses, effects] = [data.responses[unit], data.effects[unit]];
    if (!data.activity[unit]) return "responds to none of the images";
    return `answers most to ${top(responses, 1)}, raises ${top(effects, 1)} and lowers ${top(effects, -1)} most`;
  }

  function card(data, unit, units, modules, colors, isFirstLayer) {
    const of = (rows) => largest(units.map((each) => rows[each]));
    const most = of(data.decoded.map((field) => Array.from(field)));
    return make("section", { class: "unit", "aria-label": `Unit ${unit}` },
      make("h2", {}, `Unit ${unit}`), make("p", { class: "of" }, `${modules}; ${told(data, unit)}`),
      make("div", { class: "parts" },
        part(isFirstLayer ? "What it sees: its weights" : "What it sees through the layers before",
          fieldOf(colors, data.decoded[unit], most, `What unit ${unit} sees`)),
        make("div", { class: "both" },
          part("Mean response by digit", bars(data.responses[unit], of(data.responses), "responses",
            `Mean response of unit ${unit} by digit`)),
          part("What it does to each logit", bars(data.effects[unit], of(data.effects), "effects",
            `What unit ${unit} does to each logit`)))));
  }

  /* How alike two units are in what they see and in what they do, in words. */
  function likeness(data, [i, j]) {
    const word = (cosine) => cosine > 0.3 ? "alike" : cosine < -0.3 ? "opposite" : "unrelated";
    const [sees, does] = [data.decoded, data.effects].map((rows) => explorer.cosine(rows[i], rows[j]));
    return `What they see is ${word(sees)} (cosine ${number(sees, 2)}), `
      + `what they do is ${word(does)} (${number(does, 2)}).`;
  }

  /* For each module, the mean of what its units see. */
  function meanFields({ decoded }, labels, sizes) {
    const means = sizes.map(() => new Float64Array(decoded[0].length));
    labels.forEach((module, unit) => {
      if (module >= 0) decoded[unit].forEach((value, k) => { means[module][k] += value / sizes[module]; });
    });
    return means;
  }

  function gallery(data, labels, sizes, colors) {
    const means = meanFields(data, labels, sizes);
    const most = largest(means.map((mean) => Array.from(mean)));
    return make("div", { class: "images" }, ...means.map((mean, module) => make("figure", {},
      fieldOf(colors, mean, most, `Mean of what module ${module + 1} sees`),
      make("figcaption", {}, `${module + 1}: ${explorer.units(sizes[module])}`))));
  }

  explorer.unit = { card, told, likeness, gallery };
})(window.modlibExplorer);
