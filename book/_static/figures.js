// Figures are loaded when a reader comes near them, so that a page is there soon. Once it is, the
// rest of those that are shown is fetched too: who prints or saves it, or goes offline, misses none.
"use strict";

function fetchShown() {
  for (const image of document.querySelectorAll("img[loading=lazy]"))
    if (image.getClientRects().length) image.loading = "eager";
}

// Paper is white, and gets the images for light pages.
addEventListener("beforeprint", () => {
  for (const image of document.querySelectorAll("img.in-light")) image.loading = "eager";
});

addEventListener("load", () => {
  fetchShown();
  const change = { attributeFilter: ["data-theme"] };
  new MutationObserver(fetchShown).observe(document.documentElement, change);
});
