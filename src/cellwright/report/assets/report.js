/* What the page can do with a script; without one it can be read all the same.
   Text goes into the page as text only: cells are copied nodes, never parsed again. */
(function () {
  "use strict";
  const page = document.documentElement;

  /* Colours: as the system has them, or as chosen here. */
  const theme = document.getElementById("theme");
  const themes = ["auto", "light", "dark"];
  const key = "cellwright-theme";
  function stored() {
    try { return localStorage.getItem(key); } catch (error) { return null; }
  }
  function setTheme(name) {
    if (name === "auto") { delete page.dataset.theme; } else { page.dataset.theme = name; }
    const shown = name[0].toUpperCase() + name.slice(1);
    document.getElementById("theme-name").textContent = shown;
    theme.setAttribute("aria-label", "Colours: " + shown);
    theme.value = name;
    try { localStorage.setItem(key, name); } catch (error) { /* a file may have no storage */ }
  }
  setTheme(themes.includes(stored()) ? stored() : "auto");
  theme.hidden = false;
  theme.addEventListener("click", function () {
    setTheme(themes[(themes.indexOf(theme.value) + 1) % themes.length]);
  });

  /* Tables: sorted by a click or by Enter on a heading, searched by typing. */
  function element(name, attributes, text) {
    const made = document.createElement(name);
    Object.entries(attributes || {}).forEach(([k, v]) => made.setAttribute(k, v));
    if (text !== undefined) { made.textContent = text; }
    return made;
  }
  function interactive(plain) {
    const heads = Array.from(plain.tHead.rows[0].cells);
    const kinds = heads.map((head) => head.dataset.kind);
    const bodies = Array.from(plain.tBodies[0].rows, (row) => Array.from(row.cells));
    const data = bodies.map(function (cells, index) {
      const row = { id: index, words: cells.map((cell) => cell.dataset.value || cell.textContent).join("\n").toLowerCase() };
      cells.forEach(function (cell, at) {
        const value = cell.dataset.value;
        row["c" + at] = kinds[at] === "number" ? (value === "" ? null : Number(value)) : value;
      });
      return row;
    });
    const columns = heads.map(function (head, at) {
      const number = kinds[at] === "number";
      return {
        title: head.textContent,
        field: "c" + at,
        hozAlign: number ? "right" : "left",
        headerHozAlign: number ? "right" : "left",
        frozen: at === 0 && window.innerWidth > 720,
        sorter: number ? "number" : "alphanum",
        sorterParams: { alignEmptyValues: "bottom" },
        headerSortStartingDir: number ? "desc" : "asc",
        titleFormatter: () => element("button", { type: "button", class: "sort", title: head.title || "Sort by " + head.textContent }, head.textContent),
        formatter: function (cell) {
          const source = bodies[cell.getRow().getData().id][at];
          const copy = element("span", source.title ? { title: source.title } : {});
          source.childNodes.forEach((node) => copy.appendChild(node.cloneNode(true)));
          return copy;
        },
      };
    });
    const box = plain.closest(".scroll");
    const grid = element("div", { class: "grid", id: plain.id + "-grid", "aria-label": plain.caption.textContent });
    const toolbar = element("div", { class: "toolbar" });
    const search = element("input", { type: "search", placeholder: "Search the table", "aria-label": "Search the table" });
    const status = element("select", { "aria-label": "Show rows with this status" });
    const shown = element("output", { "aria-live": "polite" });
    const statusAt = kinds.indexOf("badge");
    const found = statusAt < 0 ? [] : Array.from(new Set(data.map((row) => row["c" + statusAt])));
    status.appendChild(element("option", { value: "" }, "Every status"));
    found.forEach((name) => status.appendChild(element("option", { value: name }, name)));
    toolbar.append(search, status, shown);
    if (found.length < 2) { status.remove(); }
    box.before(toolbar, grid);
    box.classList.add("replaced");
    const table = new Tabulator(grid, {
      data: data,
      columns: columns,
      layout: "fitDataFill",
      maxHeight: "36rem",
      placeholder: "No row has all of this",
      headerSortClickElement: "header",
      columnDefaults: { resizable: "header", maxInitialWidth: 420 },
    });
    function say(rows) {
      shown.textContent = rows === data.length ? data.length.toLocaleString("en") + " rows"
        : rows.toLocaleString("en") + " of " + data.length.toLocaleString("en") + " rows";
    }
    function narrow() {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      table.setFilter((row) => words.every((word) => row.words.includes(word))
        && (status.value === "" || row["c" + statusAt] === status.value));
    }
    table.on("dataFiltered", (filters, rows) => say(rows.length));
    table.on("tableBuilt", function () {
      // The rows stand in a box that scrolls, which a grid may hold as a group of rows only.
      grid.querySelector(".tabulator-tableholder").setAttribute("role", "rowgroup");
      grid.querySelector(".tabulator-table").setAttribute("role", "presentation");
      say(data.length);
      grid.dataset.ready = "yes";
    });
    search.addEventListener("input", narrow);
    status.addEventListener("change", narrow);
  }
  page.classList.add("scripting");
  document.querySelectorAll("table[data-interactive]").forEach(interactive);

  /* Pictures: a click, or Enter, shows one large. */
  const dialog = element("dialog", { "aria-label": "Picture, enlarged" });
  document.body.appendChild(dialog);
  dialog.addEventListener("click", (event) => { if (event.target === dialog) { dialog.close(); } });
  function enlarge(frame) {
    const close = element("button", { type: "button", class: "tool close" }, "Close");
    close.addEventListener("click", () => dialog.close());
    const large = frame.cloneNode(true);
    ["role", "tabindex", "aria-label"].forEach((name) => large.removeAttribute(name));
    dialog.replaceChildren(close, large, frame.nextElementSibling.cloneNode(true));
    dialog.showModal();
  }
  document.querySelectorAll("[data-zoom]").forEach(function (frame) {
    frame.setAttribute("role", "button");
    frame.setAttribute("tabindex", "0");
    const bar = frame.querySelector(".scale text");
    frame.setAttribute("aria-label", "Enlarge: " + frame.querySelector("img").alt
      + (bar ? ", bar of " + bar.textContent : ""));
    frame.addEventListener("click", () => enlarge(frame));
    frame.addEventListener("keydown", function (event) {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); enlarge(frame); }
    });
  });
  /* One window of brightness for all: a line from each picture's own to the common one. */
  const same = document.getElementById("same-contrast");
  function filterOf(image, number) {
    const space = "http://www.w3.org/2000/svg", holder = document.createElementNS(space, "svg");
    const filter = document.createElementNS(space, "filter"), transfer = document.createElementNS(space, "feComponentTransfer");
    holder.setAttribute("class", "unseen");
    holder.setAttribute("aria-hidden", "true");
    filter.id = "same-contrast-" + number;
    filter.setAttribute("color-interpolation-filters", "sRGB");
    ["feFuncR", "feFuncG", "feFuncB"].forEach(function (name) {
      const line = document.createElementNS(space, name);
      line.setAttribute("type", "linear");
      line.setAttribute("slope", image.dataset.slope);
      line.setAttribute("intercept", image.dataset.intercept);
      transfer.append(line);
    });
    filter.append(transfer);
    holder.append(filter);
    document.body.append(holder);
    return "url(#" + filter.id + ")";
  }
  if (same) {
    const pictures = Array.from(document.querySelectorAll("img[data-slope]"), (image, number) => [image, filterOf(image, number)]);
    const show = () => pictures.forEach(([image, filter]) => { image.style.filter = same.checked ? filter : ""; });
    same.addEventListener("change", show);
    show();
  }
  const outlines = document.getElementById("outlines");
  document.addEventListener("keydown", function (event) {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target !== outlines;
    if (outlines && event.key === "o" && !typing && !event.ctrlKey && !event.metaKey) {
      outlines.checked = !outlines.checked;
    }
  });

  /* Paper shows what is folded, also where the style cannot unfold it. */
  let folded = [];
  window.addEventListener("beforeprint", function () {
    folded = Array.from(document.querySelectorAll("details:not([open])"));
    folded.forEach((one) => { one.open = true; });
  });
  window.addEventListener("afterprint", () => folded.forEach((one) => { one.open = false; }));

  /* Text to the clipboard. */
  document.querySelectorAll("[data-copy]").forEach(function (button) {
    const label = button.textContent;
    button.addEventListener("click", function () {
      const range = document.createRange();
      range.selectNodeContents(document.getElementById(button.dataset.copy));
      const selection = window.getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      // The older command works in files too, where the newer one is not allowed.
      button.textContent = document.execCommand("copy") ? "Copied" : "Selected: press Ctrl+C";
      window.setTimeout(() => { button.textContent = label; }, 2000);
    });
  });

  /* Where one is, in the bar on top. */
  const links = new Map(Array.from(document.querySelectorAll(".bar nav a"), (link) => [link.hash.slice(1), link]));
  const watcher = new IntersectionObserver(function (entries) {
    entries.forEach(function (entry) {
      const link = links.get(entry.target.id);
      if (!link || !entry.isIntersecting) { return; }
      links.forEach((other) => other.removeAttribute("aria-current"));
      link.setAttribute("aria-current", "true");
      const bar = link.parentElement, left = link.offsetLeft - bar.offsetLeft;
      const hidden = left + link.offsetWidth > bar.scrollLeft + bar.clientWidth - 40;
      if (left < bar.scrollLeft || hidden) { bar.scrollLeft = left - 40; }
    });
  }, { rootMargin: "-20% 0px -70% 0px" });
  document.querySelectorAll("main > section").forEach((section) => watcher.observe(section));
})();
