"use strict";
(() => {
  const tools = document.getElementById("tools");
  if (!tools) return;
  const tests = Array.from(document.querySelectorAll(".test"), row => ({row, text: null}));
  const buttons = Array.from(tools.querySelectorAll("[data-show]"));
  const search = document.getElementById("search");
  const unfold = document.getElementById("unfold");
  const count = document.getElementById("count");
  let show = "";

  const textOf = test => test.text ??= test.row.textContent.toLowerCase();

  function update() {
    const wanted = search.value.trim().toLowerCase();
    let shown = 0;
    for (const test of tests) {
      const fits = (!show || test.row.classList.contains(show)) && (!wanted || textOf(test).includes(wanted));
      test.row.hidden = !fits;
      shown += fits;
    }
    count.textContent = show || wanted ? `${shown} of ${tests.length} tests are shown` : "";
  }

  for (const button of buttons) {
    button.addEventListener("click", () => {
      show = button.dataset.show;
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
      update();
    });
  }
  search.addEventListener("input", update);
  unfold.addEventListener("click", () => {
    const opens = unfold.textContent === "unfold all";
    for (const each of document.querySelectorAll(".test details")) each.open = opens;
    unfold.textContent = opens ? "fold all" : "unfold all";
  });
  document.addEventListener("keydown", event => {
    if (event.key === "/" && document.activeElement !== search) {
      event.preventDefault();
      search.focus();
    } else if (event.key === "Escape" && document.activeElement === search) {
      search.value = "";
      update();
    }
  });
  tools.hidden = false;
})();
