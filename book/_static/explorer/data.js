/* Data of the module explorer. Each file calls modlibExplorer(name, data); it is loaded as a script
   when it is needed, since a page that is opened from disk may not use fetch. The parts of the
   explorer are no ES modules for the same reason: each adds to modlibExplorer what others use. */
"use strict";
(() => {
  const FOLDER = new URL("data/", document.currentScript.src);
  const FIRST_LETTER = 48; // of labels: module 0; the sign before it marks unused units

  const loading = new Map();
  const arrived = new Map();
  const explorer = (name, data) => arrived.set(name, data);
  window.modlibExplorer = explorer;

  explorer.load = (name) => {
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
  };

  explorer.decode = (base64, Type) => Type.from(atob(base64), (letter) => letter.charCodeAt(0));

  explorer.decodeLabels = (text) => Array.from(text, (letter) => letter.charCodeAt(0) - FIRST_LETTER);

  /* The matrix as one row after the other, its diagonal missing. */
  explorer.decodeMatrix = ({ bytes, max }, n) => {
    const packed = explorer.decode(bytes, Uint8Array);
    const matrix = new Float64Array(n * n).fill(NaN);
    for (let i = 0, next = 0; i < n; i++) {
      for (let j = i + 1; j < n; j++, next++) {
        matrix[i * n + j] = matrix[j * n + i] = max * (packed[next] / 255) ** 4;
      }
    }
    return matrix;
  };

  /* What each unit sees, one array for each. */
  explorer.decodeFields = ({ bytes, steps, inputs }) => {
    const packed = explorer.decode(bytes, Int8Array);
    return steps.map((step, unit) =>
      Float64Array.from(packed.subarray(unit * inputs, (unit + 1) * inputs), (value) => step * value));
  };
})();
