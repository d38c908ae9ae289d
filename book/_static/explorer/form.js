/* Controls of the module explorer. */
"use strict";
((explorer) => {
  const { make } = explorer;
  const { NETWORK, LABELS, valuesOf, titleOf } = explorer.choice;
  const { measureName, sideOf } = explorer.view;

  function makeControl(field, id) {
    const label = make("label", { for: id }, LABELS[field]);
    if (field !== "strength") return make("div", { class: `choice ${field}` }, label, make("select", { id, name: field }));
    const shown = make("output", { for: id });
    return make("div", { class: "choice strength" }, label,
      make("input", { id, name: field, type: "range", min: 0, step: 1 }), shown);
  }

  function radios(legend, name, titles) {
    return make("fieldset", { class: `choice ${name}` }, make("legend", {}, legend),
      ...Object.entries(titles).map(([value, title]) => make("label", {},
        make("input", { type: "radio", name, value, id: `explorer-${name}-${value}` }), title)));
  }

  /* Some of the fields of one choice. The slider of strength counts the strengths there are. */
  class Form {
    constructor(index, fields, side, changed) {
      Object.assign(this, { index, fields });
      this.element = make("form", { class: fields === NETWORK ? "network" : "way" },
        ...fields.map((field) => makeControl(field, `explorer-${side ? "other-" : ""}${field}`)));
      this.element.addEventListener("submit", (event) => event.preventDefault());
      this.element.addEventListener("input", (event) => changed(this.read(), event.target.type === "range"));
    }

    read() {
      const found = Object.fromEntries(this.fields.map((field) => [field, this.element.elements[field].value]));
      if (this.strengths) found.strength = this.strengths[found.strength] ?? this.strengths.at(-1);
      return found;
    }

    sync(choice) {
      for (const field of this.fields) {
        const control = this.element.elements[field];
        const values = valuesOf(this.index, field, choice);
        if (field === "strength") this.slide(control, values, choice);
        else this.fill(control, field, values, choice[field]);
      }
    }

    slide(control, values, { regularizer, strength }) {
      this.strengths = values;
      control.max = values.length - 1;
      control.value = values.indexOf(strength);
      control.disabled = values.length < 2;
      const text = titleOf(this.index, "strength", strength);
      control.setAttribute("aria-valuetext", `${titleOf(this.index, "regularizer", regularizer)} ${text}`);
      control.nextElementSibling.textContent = text;
    }

    fill(control, field, values, value) {
      control.replaceChildren(...(field === "measure" ? this.measures(values) : values.map((each) =>
        make("option", { value: each }, titleOf(this.index, field, each)))));
      control.value = value;
    }

    /* In a group for each side. */
    measures(values) {
      const sides = new Set(values.map((measure) => sideOf(this.index, measure)));
      return [...sides].map((side) => make("optgroup", { label: side }, ...values
        .filter((measure) => sideOf(this.index, measure) === side)
        .map((measure) => make("option", { value: measure }, measureName(this.index, measure)))));
    }
  }

  explorer.form = { Form, radios };
})(window.modlibExplorer);
