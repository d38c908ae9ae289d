/* One view: what is loaded for a choice, and what it is called. */
"use strict";
((explorer) => {
  const { load, number } = explorer;
  const { settingOf, titleOf } = explorer.choice;

  const [measureName, sideOf] = [/ \(.*/, /.*\(|\)/g].map((rest) =>
    (index, measure) => index.titles.measure[measure].replace(rest, ""));

  function wayName(index, { measure, similarity }) {
    const name = measureName(index, measure);
    return similarity === "raw" ? name : `${name}, normalised`;
  }

  function networkName(index, { regularizer, strength, seed, layer }) {
    const setting = regularizer === "untrained" ? "untrained"
      : `${titleOf(index, "regularizer", regularizer)} ${titleOf(index, "strength", strength)}`;
    return `${setting}, seed ${seed}, layer ${layer}`;
  }

  // What a choice shows.

  const nameOf = (index, choice) => `${settingOf(index, choice).name}-${choice.seed}`;

  const isExample = (index, choice) =>
    settingOf(index, choice).examples.includes(Number(choice.seed));

  /* All that is shown of a choice, but for its units. */
  async function loadView(index, choice) {
    const name = nameOf(index, choice);
    const { layer, measure, similarity, convention } = choice;
    const [network, matrices] = await Promise.all([load(name),
      isExample(index, choice) ? load(`${name}-h${layer}-${convention}`) : undefined]);
    const view = network.views[[layer, measure, similarity, convention].join("/")];
    const isBest = choice.search === "best" && view.q_best !== undefined;
    const labels = explorer.decodeLabels(isBest ? view.labels_best : view.labels);
    return { choice, network, view, labels, sizes: explorer.countSizes(labels),
      q: isBest ? view.q_best : view.q, retest: isBest ? undefined : view.retest,
      color: index.colors[measure], stored: matrices?.[`${measure}/${similarity}`] };
  }

  async function loadUnits(index, choice) {
    if (!isExample(index, choice)) return undefined;
    const data = await load(`${nameOf(index, choice)}-h${choice.layer}-units`);
    data.decoded ??= explorer.decodeFields(data.fields);
    return data;
  }

  function describe(index, { choice, sizes, labels, q }) {
    const side = sideOf(index, choice.measure);
    const unused = labels.filter((module) => module < 0).length;
    const modules = sizes.length === 1 ? "one module" : `${sizes.length} modules`;
    return `${side[0].toUpperCase()}${side.slice(1)}: ${modules}${unused ? `, ${explorer.units(unused)} unused` : ""}, `
      + `Q = ${number(q, 3)}.`;
  }

  /* Units by their module, and within it by their module in the other sorting. */
  function orderBy(labels, others = labels) {
    const last = (module) => module < 0 ? Infinity : module;
    return labels.map((_, unit) => unit).sort((a, b) => Math.sign(last(labels[a]) - last(labels[b]))
      || Math.sign(last(others[a]) - last(others[b])) || a - b);
  }

  explorer.view = { measureName, sideOf, wayName, networkName, describe, isExample, loadView, loadUnits, orderBy };
})(window.modlibExplorer);
