/* Takes the answers of an audit: by mouse or keys, kept in this browser, saved as a file. */
(function () {
  "use strict";
  const main = document.getElementById("content");
  const audit = main.dataset.audit;
  const store = "cellwright-audit-" + audit;
  const items = Array.from(document.querySelectorAll(".item"));
  const by = (id) => document.getElementById(id);
  const answers = { fields: {}, cells: {} };
  const done = [];
  let at = 0;

  function kept() {
    try { return JSON.parse(localStorage.getItem(store)); } catch (error) { return null; }
  }
  function keep() {
    try { localStorage.setItem(store, JSON.stringify({ answers: answers, at: at })); }
    catch (error) { by("unkept").hidden = false; }
  }
  const group = (item) => answers[item.dataset.kind + "s"];
  const answerOf = (item) => group(item)[item.dataset.number];
  function isJudged(item) {
    const given = answerOf(item);
    return given !== undefined && given.state !== "open";
  }
  function fieldOf(item) {
    return answerOf(item) || { state: "open", missed: [], wrong: [] };
  }
  function change(item, value) {
    done.push([item, JSON.stringify(answerOf(item))]);
    group(item)[item.dataset.number] = value;
    by("how").open = false;
    keep();
    draw();
  }
  function say(text) { by("said").textContent = text; }
  const title = (item) => item.querySelector("h2").textContent;

  /* What is shown. */
  function svg(name, attributes) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    return made;
  }
  function draw() {
    const item = items[at];
    const kind = item.dataset.kind;
    items.forEach((one) => { one.hidden = one !== item; });
    document.querySelectorAll("fieldset").forEach((set) => { set.hidden = set.dataset.for !== kind; });
    const given = kind === "cell" ? answerOf(item) : fieldOf(item).state;
    document.querySelectorAll("fieldset:not([hidden]) [data-answer]").forEach(function (button) {
      button.setAttribute("aria-pressed", String(button.dataset.answer === given));
    });
    if (kind === "field") { drawMarks(item); }
    const judged = items.filter(isJudged).length;
    by("progress").value = judged;
    by("so-far").textContent = judged + " of " + items.length;
    by("finished").hidden = judged < items.length;
    by("back").disabled = at === 0;
    by("on").disabled = at === items.length - 1;
    by("undo").disabled = done.length === 0;
  }
  function drawMarks(item) {
    const field = fieldOf(item);
    const size = Number(item.dataset.width) / 60;
    const marks = item.querySelector(".marks");
    marks.replaceChildren();
    field.missed.forEach(function ([x, y]) {
      ["mark around", "mark"].forEach((name) => marks.append(svg("circle", { class: name, cx: x, cy: y, r: size })));
    });
    item.querySelectorAll(".asked").forEach((path) => path.classList.toggle("is-wrong", field.wrong.includes(Number(path.dataset.place))));
    by("missed").textContent = field.missed.length;
    by("wrong").textContent = field.wrong.length;
  }
  function go(place, focus) {
    at = Math.max(0, Math.min(items.length - 1, place));
    keep();
    draw();
    const field = items[at].querySelector("svg[tabindex]");
    if (focus && field) { field.focus(); } else { items[at].querySelector("h2").focus({ preventScroll: true }); }
  }
  function next(focus) {
    if (at < items.length - 1) { go(at + 1, focus); } else { draw(); }
  }

  /* Answers. */
  function answer(name) {
    const item = items[at];
    const button = document.querySelector('fieldset:not([hidden]) [data-answer="' + name + '"]');
    if (!button) { return; }
    const focus = document.activeElement instanceof SVGElement;
    const value = item.dataset.kind === "cell" ? name : Object.assign({}, fieldOf(item), { state: name });
    change(item, value);
    say(title(item) + ": " + button.textContent.replace(/^\s*\S+\s+/, ""));
    next(focus);
  }
  function mark(item, x, y) {
    const field = fieldOf(item);
    const near = Number(item.dataset.width) / 50;
    const old = field.missed.findIndex(([a, b]) => Math.hypot(a - x, b - y) < near);
    const point = new DOMPoint(x, y);
    const path = Array.from(item.querySelectorAll(".asked")).find((one) => one.isPointInFill(point));
    const other = Array.from(item.querySelectorAll(".other")).some((one) => one.isPointInFill(point));
    let missed = field.missed, wrong = field.wrong;
    if (old >= 0) {
      missed = missed.filter((_, place) => place !== old);
      say("Mark taken away");
    } else if (path) {
      const place = Number(path.dataset.place);
      const was = wrong.includes(place);
      wrong = was ? wrong.filter((one) => one !== place) : wrong.concat(place);
      say(was ? "Outline is not wrong" : "Outline is wrong");
    } else if (other) {
      say("The middle of this cell lies outside of the field: it does not count");
      return;
    } else {
      missed = missed.concat([[Math.round(x * 10) / 10, Math.round(y * 10) / 10]]);
      say("Missed cell marked");
    }
    change(item, { state: "open", missed: missed, wrong: wrong });
  }
  function takeBack() {
    if (!done.length) { return; }
    const [item, before] = done.pop();
    if (before === undefined) { delete group(item)[item.dataset.number]; }
    else { group(item)[item.dataset.number] = JSON.parse(before); }
    go(items.indexOf(item), item.dataset.kind === "field" && document.activeElement instanceof SVGElement);
    say(title(item) + ": taken back");
  }

  /* Fields: the mouse, or a cross that arrow keys move. */
  items.forEach(function (item) {
    const width = Number(item.dataset.width), height = Number(item.dataset.height);
    item.querySelector(".look").style.setProperty("--shape", width / height);
    if (item.dataset.kind !== "field") { return; }
    const sheet = item.querySelector("svg");
    const cross = { x: width / 2, y: height / 2 };
    function place() {
      const arm = width / 40;
      item.querySelector(".cross").setAttribute("d", "M" + (cross.x - arm) + " " + cross.y + "h" + 2 * arm + "M" + cross.x + " " + (cross.y - arm) + "v" + 2 * arm);
    }
    place();
    sheet.addEventListener("click", function (event) {
      const box = sheet.getBoundingClientRect();
      mark(item, (event.clientX - box.left) * width / box.width, (event.clientY - box.top) * height / box.height);
    });
    sheet.addEventListener("keydown", function (event) {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (way) {
        const step = width / (event.shiftKey ? 10 : 80);
        cross.x = Math.max(0, Math.min(width, cross.x + way[0] * step));
        cross.y = Math.max(0, Math.min(height, cross.y + way[1] * step));
        place();
      } else if (event.key === " ") {
        mark(item, cross.x, cross.y);
      } else { return; }
      event.preventDefault();
      event.stopPropagation();
    });
  });

  document.querySelectorAll("[data-answer]").forEach((button) => button.addEventListener("click", () => answer(button.dataset.answer)));
  by("back").addEventListener("click", () => go(at - 1));
  by("on").addEventListener("click", () => go(at + 1));
  by("undo").addEventListener("click", takeBack);
  by("brightness").addEventListener("input", (event) => main.style.setProperty("--brightness", event.target.value / 100));
  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.id === "brightness") { return; }
    const cell = items[at].dataset.kind === "cell";
    const numbers = cell ? { 1: "right", 2: "merged", 3: "split", 4: "false", 5: "wrong_type", 6: "unsure" } : { 6: "unsure" };
    if (numbers[event.key]) { answer(numbers[event.key]); }
    else if (event.key === "ArrowLeft") { go(at - 1); }
    else if (event.key === "ArrowRight") { go(at + 1); }
    else if (event.key === "z" || event.key === "Z") { takeBack(); }
    else if (event.key === "Enter" && !cell && !/^(BUTTON|SUMMARY|A)$/.test(event.target.tagName)) { answer("done"); }
    else { return; }
    event.preventDefault();
  });

  /* The file. */
  by("save").addEventListener("click", function () {
    const content = { format: "cellwright-audit-answers", version: 1, audit: audit, fields: answers.fields, cells: answers.cells };
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(content, null, 1) + "\n"], { type: "application/json" }));
    link.download = "answers.json";
    link.click();
    window.setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    say("Saved as answers.json, with the downloads of this browser");
  });

  const before = kept();
  if (before && before.answers) {
    Object.assign(answers.fields, before.answers.fields);
    Object.assign(answers.cells, before.answers.cells);
    at = Math.max(0, Math.min(items.length - 1, Number(before.at) || 0));
  } else { by("how").open = true; }
  keep();
  draw();
})();
