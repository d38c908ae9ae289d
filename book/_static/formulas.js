// A formula that is wider than its column can be scrolled, and so it is reached by the Tab key.
"use strict";

function reachWide() {
  for (const formula of document.querySelectorAll("mjx-container[display=true]"))
    if (formula.scrollWidth > formula.clientWidth) formula.tabIndex = 0;
    else formula.removeAttribute("tabindex");
}

addEventListener("load", async () => {
  await window.MathJax?.startup?.promise;
  reachWide();
  addEventListener("resize", reachWide);
});
