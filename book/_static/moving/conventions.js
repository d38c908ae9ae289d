/* Printed or released: a small layer of two groups, and what each convention makes of it. */
"use strict";
(() => {
  const { bright, count, define, line, make, number, onWidth, pace, radios, slider, sortedMatrix } =
    modlibMoving;
  const { best, modularityMatrix, nModules, toAdjacency } = modlibModules;
  const CONVENTIONS = ["printed", "released"];

  /* Activations [inputs][units]: what a group has in common, and what is a unit's own. */
  function activations(data, correlation, factor) {
    const [shared, own] = [Math.sqrt(correlation), Math.sqrt(1 - correlation)];
    return data.own.map((row, k) => row.map((value, i) =>
      (data.strong[i] ? factor : 1) * (shared * data.common[k][data.groups[i]] + own * value)));
  }

  /* Similarity by covariance: the absolute value inside the mean over inputs, or outside. */
  function similarity(hidden, convention) {
    const n = hidden[0].length;
    const means = hidden[0].map((_, i) =>
      hidden.reduce((sum, row) => sum + row[i], 0) / hidden.length);
    const away = hidden.map((row) => row.map((value, i) => value - means[i]));
    const inside = convention === "printed" ? Math.abs : (value) => value;
    return Array.from({ length: n }, (_, i) => Array.from({ length: n }, (__, j) =>
      Math.abs(away.reduce((sum, row) => sum + inside(row[i] * row[j]), 0) / away.length)));
  }

  /* Divided by the larger similarity of the two with themselves, or by the geometric mean. */
  function normalized(S, convention) {
    const scale = convention === "printed" ? Math.max : (a, b) => Math.sqrt(a) * Math.sqrt(b);
    return S.map((row, i) => row.map((value, j) => value / (scale(S[i][i], S[j][j]) || 1)));
  }

  /* All that is shown of one convention. */
  function compute(data, { correlation, factor, normalize }, convention) {
    const raw = similarity(activations(data, correlation, factor), convention);
    const S = normalize ? normalized(raw, convention) : raw;
    const { labels, q } = best(modularityMatrix(toAdjacency(S)));
    return { S, labels, q };
  }

  /* Element-centric similarity of two assignments. */
  function agreement(a, b) {
    const size = (labels, label) => labels.filter((other) => other === label).length;
    return a.reduce((sum, label, i) => {
      const both = a.filter((other, j) => other === label && b[j] === b[i]).length;
      return sum + both / Math.max(size(a, label), size(b, b[i]));
    }, 0) / a.length;
  }

  /* What the modules are. */
  function meaning(data, labels) {
    const strong = data.strong.map(Number);
    const crossed = data.groups.map((group, i) => 2 * group + strong[i]);
    const agree = (other) => agreement(labels, other) > 1 - 1e-9;
    if (nModules(labels) === 1) return "all units together";
    if (agree(data.groups)) return "the two groups";
    if (agree(strong)) return "the strong and the weak units";
    if (agree(crossed)) return "the strong and the weak units of each group";
    return `neither: they agree with the groups to ${number(agreement(labels, data.groups))}, with `
      + `strong and weak to ${number(agreement(labels, strong))}`;
  }

  function draw(live, data) {
    const state = { correlation: data.start.correlation, factor: data.start.factor, normalize: true };
    const told = line();
    const panels = CONVENTIONS.map((convention) => {
      const title = make("h3");
      const matrix = make("div", { class: "matrix" });
      return { convention, title, matrix, drawMatrix: sortedMatrix(matrix) };
    });
    const names = data.groups.map((group, i) => (data.strong[i] ? "AB" : "ab")[group]);
    live.append(
      make("div", { class: "controls" },
        slider("Contrast: correlation within the groups", {
          max: 100, step: 5, value: Math.round(100 * state.correlation), say: (v) => number(v / 100),
        }, (value) => { state.correlation = value / 100; show(); }),
        slider("Scale: strong units are", {
          max: data.factors.length - 1, value: data.factors.indexOf(state.factor),
          say: (i) => `${data.factors[i]} ×`,
        }, (i) => { state.factor = data.factors[i]; show(); }),
        radios("Similarity", { raw: "raw", normalized: "normalised" }, "normalized",
          (value) => { state.normalize = value === "normalized"; show(); })),
      told,
      make("div", { class: "pair" }, ...panels.map(({ title, matrix }) => make("div", {}, title, matrix))));
    let width = 0;

    function show(duration = pace()) {
      const found = panels.map(({ convention }) => compute(data, state, convention));
      const words = panels.map(({ convention, title, drawMatrix }, i) => {
        const { S, labels, q } = found[i];
        const modules = nModules(labels);
        title.textContent = `As ${convention}: Q = ${number(q)}, ${count(modules, "module")}`;
        const top = Math.max(...S.flatMap((row, a) => row.filter((_, b) => a !== b)));
        if (width) {
          drawMatrix({
            labels, names, size: Math.min(320, width),
            text: `Similarity of every two units as ${convention}, sorted by module`,
            color: (a, b) => bright(S[a][b] / (top || 1)),
          }, duration);
        }
        return `As ${convention}, Q is ${number(q)} and the best `
          + `${modules === 1 ? "module is" : `${modules} modules are`} ${meaning(data, labels)}.`;
      });
      told.textContent = words.join(" ");
    }

    onWidth(panels[0].matrix, (found) => { width = found; show(0); });
    show(0);
  }

  window.modlibConventions = { compute }; // for tests
  define("conventions", draw);
})();
