/* Going back and forth in a training: of each group the look at, or before, the chosen step. */
(function () {
  "use strict";
  const slider = document.getElementById("look-step");
  if (!slider) { return; }
  const steps = slider.dataset.steps.split(",").map(Number);
  const groups = Array.from(document.querySelectorAll("[data-by-step]"), (group) =>
    Array.from(group.children).filter((child) => child.dataset.step !== undefined));
  const back = document.getElementById("look-back");
  const on = document.getElementById("look-on");
  function show(place) {
    const chosen = Math.min(Math.max(place, 0), steps.length - 1);
    slider.value = String(chosen);
    groups.forEach(function (looks) {
      const before = looks.filter((look) => Number(look.dataset.step) <= steps[chosen]);
      const shown = before[before.length - 1] || looks[0];
      looks.forEach((look) => { look.hidden = look !== shown; });
    });
    back.setAttribute("aria-disabled", String(chosen === 0)); // a disabled button would lose the focus
    on.setAttribute("aria-disabled", String(chosen === steps.length - 1));
    slider.setAttribute("aria-valuetext", document.querySelector("#look-words [data-step]:not([hidden])").textContent);
  }
  slider.addEventListener("input", () => show(Number(slider.value)));
  back.addEventListener("click", () => show(Number(slider.value) - 1));
  on.addEventListener("click", () => show(Number(slider.value) + 1));
  show(steps.length - 1);
})();
