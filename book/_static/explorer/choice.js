/* What can be chosen in the module explorer, and how a choice stands in the address. A choice is an
   object with a value, always text, for each of FIELDS. The address holds one or two choices after
   the sign #, the fields of the second with "other-" before their names and only where they differ
   from the first; the units that are marked; and the order in which units stand. */
"use strict";
((explorer) => {
  const NETWORK = ["regularizer", "strength", "seed", "layer"];
  const WAY = ["measure", "similarity", "convention", "search"];
  const FIELDS = [...NETWORK, ...WAY];
  const SIDES = ["", "other-"];
  const LABELS = {
    regularizer: "Regulariser", strength: "Strength", seed: "Seed", layer: "Layer",
    measure: "Measure", similarity: "Similarity", convention: "Convention", search: "Search",
  };
  const TITLES = {
    similarity: { raw: "raw", normalized: "normalised" },
    search: { paper: "the paper’s", best: "best" },
  };
  const ORDERS = ["own", "first", "second"];

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

  const titleOf = (index, field, value) => field === "strength" ? explorer.strengthText(value)
    : (TITLES[field] ?? index.titles[field])?.[value] ?? value;

  const nearest = (values, wanted) => values.reduce((best, value) =>
    Math.abs(value - wanted) < Math.abs(best - wanted) ? value : best);

  /* The choice that comes nearest to what is asked for among those that exist. */
  function complete(index, asked) {
    const first = { regularizer: "dropout", strength: "0.5" };
    const choice = {};
    for (const field of FIELDS) {
      const values = valuesOf(index, field, choice);
      const value = asked[field] ?? first[field];
      if (values.includes(value)) choice[field] = value;
      else choice[field] = field === "strength" && value >= 0 ? nearest(values, value) : values[0];
    }
    return choice;
  }

  const sameNetwork = (a, b) => NETWORK.every((field) => a[field] === b[field]);

  /* The view on which the page opens: the index names it. */
  function openingView(index) {
    const { first, second, units = [], ...where } = index.opening;
    const fields = Object.fromEntries(Object.entries(where).map(([field, value]) => [field, String(value)]));
    const choose = ([measure, normalized]) =>
      complete(index, { ...fields, measure, similarity: normalized ? "normalized" : "raw" });
    const measures = Object.keys(index.titles.measure);
    return { choices: [choose(first ?? [measures[0], false]), choose(second ?? [measures.at(-1), false])],
      mode: "ways", units, order: "own", figure: null };
  }

  /* What the address asks for: after #, or in an older form after ?. */
  function askedOf({ hash, search }) {
    for (const text of [hash, search]) {
      const query = new URLSearchParams(text.slice(1));
      if (SIDES.some((side) => FIELDS.some((field) => query.has(side + field)))) return query;
    }
    return null;
  }

  const unitsOf = (text) => (text ?? "").split(",").filter((unit) => /^\d+$/.test(unit)).map(Number).slice(0, 2);

  function fromAddress(index, address) {
    const query = askedOf(address);
    if (!query) return openingView(index);
    const [first, other] = SIDES.map((side) => Object.fromEntries(FIELDS
      .filter((field) => query.has(side + field)).map((field) => [field, query.get(side + field)])));
    const choices = [complete(index, first)];
    if (Object.keys(other).length) choices.push(complete(index, { ...choices[0], ...other }));
    const order = ORDERS.find((name) => name === query.get("order")) ?? "own";
    const mode = choices.length < 2 ? "one" : sameNetwork(...choices) ? "ways" : "networks";
    return { choices, mode, order, units: unitsOf(query.get("units")), figure: query.get("figure") };
  }

  function toAddress({ choices: [first, other], mode, units, order, figure }) {
    const query = new URLSearchParams(FIELDS.map((field) => [field, first[field]]));
    for (const field of other ? FIELDS : []) {
      if (mode === "networks" || field === "measure" || other[field] !== first[field]) {
        query.set(`other-${field}`, other[field]);
      }
    }
    if (units.length) query.set("units", units.join());
    if (order !== "own") query.set("order", order);
    if (figure) query.set("figure", figure);
    return `#${query.toString().replaceAll("%2C", ",")}`;
  }

  explorer.choice = { NETWORK, WAY, FIELDS, LABELS, TITLES, settingOf, valuesOf, titleOf, complete,
    sameNetwork, askedOf, fromAddress, toAddress };
})(window.modlibExplorer);
