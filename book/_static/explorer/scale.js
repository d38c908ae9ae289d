/* Agreement of two sortings, on its scale from chance to what one search agrees with itself. */
"use strict";
((explorer) => {
  const { make, number } = explorer;

  /* Two sortings with labels; each has retest, the agreement of two runs, where that is known. */
  function compare(a, b) {
    const found = { value: explorer.agreement(a.labels, b.labels), chance: explorer.chance(a.labels, b.labels) };
    const retests = [a.retest, b.retest];
    found.ceiling = retests.includes(undefined) ? 1 : (retests[0] + retests[1]) / 2;
    found.isMeasured = !retests.includes(undefined);
    const room = found.ceiling - found.chance;
    found.rescaled = room > 1e-9 ? (found.value - found.chance) / room : undefined;
    return found;
  }

  function told({ value, chance, ceiling, rescaled, isMeasured }) {
    const top = isMeasured ? `two runs of the search agree to ${number(ceiling, 2)}` : "equal sortings agree to 1";
    const place = rescaled === undefined ? "" : `, which is ${number(rescaled, 2)} of the way`;
    return `The two sortings agree to ${number(value, 3)}; chance gives ${number(chance, 2)}, `
      + `${top}${place}.`;
  }

  function mark(name, at, text, side) {
    const edge = at > 0.8 ? " end" : at < 0.2 ? " start" : "";
    return make("span", { class: `tick ${name} ${side}${edge}`, style: `left:${100 * at}%` },
      make("span", {}, `${text} ${number(at, 2)}`));
  }

  function draw(found) {
    const [low, high] = [found.chance, found.ceiling].map((at) => 100 * at);
    const range = make("span", { class: "range", style: `left:${low}%;width:${Math.max(0, high - low)}%` });
    return make("div", { class: "scale", "aria-hidden": "true" }, make("div", { class: "line" }, range,
      mark("value", found.value, "agreement", "above"),
      mark("chance", found.chance, "chance", "below"),
      mark("ceiling", found.ceiling, found.isMeasured ? "search with itself" : "equal", "below")));
  }

  explorer.scale = { compare, told, draw };
})(window.modlibExplorer);
