/* The explorer: what is selected in the plot, in the picture or in the table is selected in all. */
(function () {
  "use strict";
  const root = document.getElementById("explorer");
  const source = document.getElementById("explorer-data");
  if (!root || !source) { return; }
  const $ = (name) => document.getElementById("explorer-" + name);
  const data = JSON.parse(source.textContent);
  const AMBER = "#ffc20a", CASING = "rgba(0,0,0,.55)", CHOSEN = "#ffffff";
  const SHADES = ["#4ba3dc", "#f08a4b", "#2fc196", "#dd92bb", "#f0b429", "#79c7f2"];
  const state = { picture: -1, cell: -1, image: null, labels: null, edges: null };
  let view = null, rows = null, ready = false;

  function element(name, attributes, text) {
    const made = document.createElement(name);
    Object.entries(attributes || {}).forEach(([key, value]) => made.setAttribute(key, value));
    if (text !== undefined) { made.textContent = text; }
    return made;
  }
  function bytes(text) { return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)); }
  async function inflated(text) {
    const stream = new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }
  /* Numbers come as planes of bytes: all first bytes, all second ones, and so on. */
  async function numbers(text, Kind) {
    const planes = await inflated(text), size = Kind.BYTES_PER_ELEMENT, n = planes.length / size;
    if (size === 1) { return new Kind(planes.buffer); }
    const mixed = new Uint8Array(planes.length);
    for (let plane = 0; plane < size; plane++) {
      for (let i = 0; i < n; i++) { mixed[i * size + plane] = planes[plane * n + i]; }
    }
    return new Kind(mixed.buffer);
  }
  function shown(value) {
    if (!Number.isFinite(value)) { return "–"; }
    if (value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-3)) { return value.toExponential(2); }
    return Number(value.toPrecision(4)).toLocaleString("en", { maximumSignificantDigits: 4 });
  }
  function title(feature) { return feature.unit ? feature.name + ", " + feature.unit : feature.name; }
  function group() { return data.groups[$("group").selectedIndex]; }
  function colourOf(code) { return data.groups.length && group().names.length <= SHADES.length ? SHADES[code] : AMBER; }
  function pictureOf(cell) { return data.pictures.findIndex((one) => cell >= one.start && cell < one.stop); }
  function named(picture) { return picture.frames > 1 ? picture.name + ", frame " + picture.frame : picture.name; }

  /* The picture: outlines are the borders between labels, drawn as lines, sharp at any size. */
  async function showPicture(at) {
    if (at === state.picture) { return; }
    state.picture = at;
    const picture = data.pictures[at];
    $("picture").selectedIndex = at;
    const image = new Image();
    image.src = picture.picture;
    const [flat] = await Promise.all([inflated(picture.labels), image.decode()]);
    if (state.picture !== at) { return; }
    state.image = image;
    state.labels = labelsOf(flat, picture.width, picture.height);
    state.places = new Map();
    for (let cell = picture.start; cell < picture.stop; cell++) { state.places.set(data.label[cell], cell); }
    state.edges = edges(picture);
    const facts = [picture.condition, picture.replicate && "replicate " + picture.replicate,
      (picture.stop - picture.start).toLocaleString("en") + " cells", picture.window];
    $("caption").textContent = named(picture) + (picture.part ? " (middle)" : "") + " · " + facts.filter(Boolean).join(" · ");
    $("canvas").setAttribute("aria-label", "Picture " + named(picture) + ", " + (picture.stop - picture.start) + " cells outlined. Arrow keys go from cell to cell.");
    draw();
    fillRows(picture);
  }
  /* A byte a pixel: 0 as above, 1 as to the left, 2 ground, 3 the next of the labels that follow. */
  function labelsOf(flat, w, h) {
    const labels = new Uint32Array(w * h), fresh = new Uint32Array(flat.slice(w * h).buffer);
    for (let p = 0, next = 0; p < w * h; p++) {
      const code = flat[p];
      if (code === 3) { labels[p] = fresh[next++]; } else if (code === 1) { labels[p] = labels[p - 1]; } else if (code === 0 && p >= w) { labels[p] = labels[p - w]; }
    }
    return labels;
  }
  /* Lines along the borders of each cell: [x0, y0, x1, y1, cell], runs along an axis joined. */
  function edges(picture) {
    const w = picture.width, h = picture.height, labels = state.labels, found = new Map();
    function put(label, x0, y0, x1, y1) {
      const cell = state.places.get(label);
      if (cell === undefined) { return; }
      if (!found.has(cell)) { found.set(cell, []); }
      found.get(cell).push(x0, y0, x1, y1);
    }
    function scan(outer, inner, at, line) {
      for (let a = 0; a <= outer; a++) {
        let start = 0, before = 0, after = 0;
        for (let b = 0; b <= inner; b++) {
          const one = b < inner && a > 0 ? at(a - 1, b) : 0, two = b < inner && a < outer ? at(a, b) : 0;
          if (b < inner && one === before && two === after) { continue; }
          if (before !== after && a > 0 && a < outer) {
            if (before) { put(before, ...line(a, start, b)); }
            if (after) { put(after, ...line(a, start, b)); }
          }
          start = b; before = one; after = two;
        }
      }
    }
    scan(h, w, (y, x) => labels[y * w + x], (y, from, to) => [from, y, to, y]);
    scan(w, h, (x, y) => labels[y * w + x], (x, from, to) => [x, from, x, to]);
    return found;
  }
  function trace(context, lines, k, dx, dy) {
    for (let i = 0; i < lines.length; i += 4) {
      context.moveTo((lines[i] - dx) * k, (lines[i + 1] - dy) * k);
      context.lineTo((lines[i + 2] - dx) * k, (lines[i + 3] - dy) * k);
    }
  }
  function stroke(context, cells, k, dx, dy, colour, width) {
    [[CASING, width + 1.6], [colour, width]].forEach(function ([ink, wide]) {
      context.beginPath();
      cells.forEach((cell) => trace(context, state.edges.get(cell) || [], k, dx, dy));
      context.strokeStyle = ink; context.lineWidth = wide; context.lineCap = "round";
      context.stroke();
    });
  }
  function bar(context, um) {
    const canvas = context.canvas, width = canvas.width, height = canvas.height;
    const ratio = width / (canvas.clientWidth || width), room = width * 0.25 * um.per;
    const power = 10 ** Math.floor(Math.log10(room));
    const length = [5, 2, 1].map((step) => step * power).find((one) => one <= room * 1.000001);
    const pixels = length / um.per, margin = 10 * ratio, thick = 4 * ratio, text = Number(length.toPrecision(2)) + " " + um.unit;
    context.font = 600 + " " + 12 * ratio + "px system-ui, sans-serif";
    const box = Math.max(pixels, context.measureText(text).width) + margin;
    context.fillStyle = "rgba(0,0,0,.62)";
    context.fillRect(width - margin / 2 - box, height - margin / 2 - 26 * ratio, box, 26 * ratio);
    context.fillStyle = "#fff";
    context.fillRect(width - margin / 2 - box / 2 - pixels / 2, height - margin / 2 - thick - 3 * ratio, pixels, thick);
    context.textAlign = "center";
    context.fillText(text, width - margin / 2 - box / 2, height - margin / 2 - thick - 7 * ratio);
  }
  /* Micrometres, or pixels of the picture, to a pixel of what is drawn. */
  function measure(picture, k) {
    return picture.um ? { per: picture.um / k, unit: "µm" } : { per: 1 / (picture.scale || 1) / k, unit: "px" };
  }
  function draw() {
    const picture = data.pictures[state.picture], canvas = $("canvas");
    if (!state.image) { return; }
    const ratio = window.devicePixelRatio || 1, wide = Math.max(60, Math.round(canvas.clientWidth * ratio));
    canvas.width = wide;
    canvas.height = Math.max(20, Math.round(wide * picture.height / picture.width));
    const k = wide / picture.width, context = canvas.getContext("2d");
    context.imageSmoothingEnabled = k < 3;
    context.drawImage(state.image, 0, 0, canvas.width, canvas.height);
    if ($("outlines").checked) {
      const by = new Map();
      state.edges.forEach(function (lines, cell) {
        const colour = data.groups.length ? colourOf(group().of[cell]) : AMBER;
        if (!by.has(colour)) { by.set(colour, []); }
        by.get(colour).push(cell);
      });
      by.forEach((cells, colour) => stroke(context, cells, k, 0, 0, colour, 1.2 * ratio));
    }
    if (state.edges.has(state.cell)) { stroke(context, [state.cell], k, 0, 0, CHOSEN, 3 * ratio); }
    bar(context, measure(picture, k));
  }

  /* The cell by itself, and all that is known of it. */
  function showCell() {
    const box = $("cell"), cell = state.cell, picture = data.pictures[state.picture];
    box.dataset.cell = cell;
    if (cell < 0) {
      box.replaceChildren(element("p", { class: "where" }, "No cell is selected."));
      return;
    }
    const told = element("div", { class: "told" });
    told.append(element("h3", {}, "Cell " + data.label[cell]));
    told.append(element("p", { class: "where" }, [named(picture), ...data.groups.map((one) => one.name + ": " + one.names[one.of[cell]])].join(" · ")));
    const list = element("dl");
    data.features.filter((feature) => Number.isFinite(feature.values[cell])).forEach(function (feature) {
      const item = element("div"), value = element("dd", {}, shown(feature.values[cell]));
      if (feature.unit) { value.append(" ", element("small", {}, feature.unit)); }
      item.append(element("dt", { title: feature.meaning }, feature.name), value);
      list.append(item);
    });
    told.append(list);
    const crop = element("canvas", { width: 416, height: 416, role: "img", "aria-label": "Cell " + data.label[cell] + ", enlarged" });
    box.replaceChildren(crop, told);
    enlarge(crop, picture, cell);
  }
  function enlarge(canvas, picture, cell) {
    const lines = state.edges.get(cell), context = canvas.getContext("2d");
    if (!lines) {
      canvas.replaceWith(element("p", { class: "where" }, "This cell is too small to be seen at the size of this picture."));
      return;
    }
    let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < lines.length; i += 2) {
      left = Math.min(left, lines[i]); right = Math.max(right, lines[i]);
      top = Math.min(top, lines[i + 1]); bottom = Math.max(bottom, lines[i + 1]);
    }
    const side = Math.max(24, 2 * Math.max(right - left, bottom - top)), k = canvas.width / side;
    const dx = (left + right - side) / 2, dy = (top + bottom - side) / 2;
    context.imageSmoothingEnabled = false;
    context.drawImage(state.image, -dx * k, -dy * k, picture.width * k, picture.height * k);
    if ($("outlines").checked) { stroke(context, [cell], k, dx, dy, AMBER, 2.5); }
    bar(context, measure(picture, k));
  }

  /* The plot. */
  function points() {
    const x = $("x").value, across = x === "" ? null : data.features[x].values, up = data.features[$("y").value].values;
    const of = data.groups.length ? group() : { names: ["cells"], of: new Uint8Array(data.n) };
    const step = Math.max(1, Math.ceil(data.n / data.mostPoints)), made = [];
    for (let i = 0; i < data.n; i += step) { put(made, i, across, up, of); }
    return made;
  }
  function put(made, i, across, up, of) {
    if (!Number.isFinite(up[i]) || (across && !Number.isFinite(across[i]))) { return; }
    // A fixed, even spread: multiples of the golden ratio.
    made.push({ i: i, x: across ? across[i] : 0, y: up[i], g: of.names[of.of[i]], j: (i * 0.6180339887) % 1 });
  }
  function selectedPoint() {
    const made = [], x = $("x").value;
    if (state.cell >= 0) {
      const of = data.groups.length ? group() : { names: ["cells"], of: new Uint8Array(data.n) };
      put(made, state.cell, x === "" ? null : data.features[x].values, data.features[$("y").value].values, of);
    }
    return made;
  }
  async function plot() {
    const box = $("plot"), style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--ink").trim(), soft = style.getPropertyValue("--soft").trim(), line = style.getPropertyValue("--line").trim();
    const x = $("x").value, spec = JSON.parse(JSON.stringify(data.plots[x === "" ? "strip" : "scatter"]));
    const up = title(data.features[$("y").value]), across = x === "" ? group().name : title(data.features[x]);
    const names = data.groups.length ? group().names : ["cells"];
    spec.layer.forEach(function (layer) { layer.encoding.y.title = up; layer.encoding.x.title = across; });
    const colour = spec.layer[0].encoding.color;
    const shades = SHADES.map((_, at) => style.getPropertyValue("--c" + at).trim());
    colour.scale = { domain: names, range: names.map((_, at) => shades[names.length > shades.length ? 0 : at]) };
    if (names.length > shades.length) { colour.legend = null; }
    if (x === "" || names.length < 2) { colour.legend = null; }
    if (x === "") { spec.layer.forEach((layer) => { layer.encoding.x.sort = names; layer.encoding.x.scale = { domain: names }; }); }
    spec.layer[1].encoding.color.value = ink;
    spec.datasets = { cells: points(), selected: selectedPoint() };
    spec.config = {
      background: null, font: "system-ui, sans-serif", view: { stroke: null },
      axis: { labelColor: soft, titleColor: ink, gridColor: line, domainColor: soft, tickColor: soft, titleFontWeight: 500, labelFontSize: 11, titleFontSize: 12 },
      legend: { labelColor: ink, symbolOpacity: 1, symbolSize: 80 },
    };
    spec.description = "Plot of " + up + " against " + across;
    const made = await vegaEmbed(box, spec, { ast: true, actions: false, tooltip: false, defaultStyle: false, renderer: "canvas", mode: "vega-lite", logLevel: vega.Error, loader: { load: () => Promise.reject(new Error("nothing is fetched")) } });
    view = made.view;
    root.view = view;
    view.addEventListener("click", function (event, item) {
      const near = item && item.datum && item.datum.i !== undefined ? item.datum.i : nearest(event);
      if (near !== undefined) { select(near); }
    });
    box.dataset.ready = "yes";
  }
  /* The drawn cell nearest to a click, within 14 pixels. */
  function nearest(event) {
    if ($("x").value === "") { return undefined; }
    const frame = $("plot").querySelector("canvas").getBoundingClientRect(), origin = view.origin();
    const px = event.clientX - frame.left - origin[0], py = event.clientY - frame.top - origin[1];
    const across = view.scale("x"), up = view.scale("y");
    let best, least = 14 ** 2;
    view.data("cells").forEach(function (one) {
      const far = (across(one.x) - px) ** 2 + (up(one.y) - py) ** 2;
      if (far < least) { least = far; best = one.i; }
    });
    return best;
  }

  /* The rows of a picture. */
  function fillRows(picture) {
    const made = [];
    for (let cell = picture.start; cell < picture.stop; cell++) {
      const row = { id: cell, label: data.label[cell] };
      data.features.forEach((feature, at) => { row["f" + at] = Number.isFinite(feature.values[cell]) ? feature.values[cell] : null; });
      made.push(row);
    }
    if (rows) { rows.replaceData(made).then(markRow); return; }
    const columns = [{ title: "Cell", field: "label" }, ...data.features.map((feature, at) => ({ title: title(feature), field: "f" + at, meaning: feature.meaning }))];
    const table = new Tabulator($("rows"), {
      data: made, height: "17rem", layout: "fitDataFill", selectableRows: 1,
      columns: columns.map((one) => ({
        title: one.title, field: one.field, sorter: "number", hozAlign: "right", headerHozAlign: "right",
        frozen: one.field === "label", headerSortStartingDir: one.field === "label" ? "asc" : "desc", sorterParams: { alignEmptyValues: "bottom" },
        titleFormatter: () => element("button", { type: "button", class: "sort", title: one.meaning || "Sort by " + one.title }, one.title),
        formatter: (cell) => document.createTextNode(one.field === "label" ? String(cell.getValue()) : shown(cell.getValue() === null ? NaN : cell.getValue())),
      })),
      headerSortClickElement: "header", placeholder: "No cell here",
      columnDefaults: { resizable: "header", maxInitialWidth: 220 },
    });
    table.on("rowClick", (event, row) => select(row.getData().id));
    table.on("tableBuilt", function () { rows = table; $("rows").dataset.ready = "yes"; markRow(); });
  }
  function markRow() {
    if (!rows) { return; }
    rows.deselectRow();
    const row = state.cell >= 0 && rows.getRow(state.cell);
    if (row) { row.select(); rows.scrollToRow(row, "center", false).catch(() => undefined); }
  }

  /* What is selected. */
  async function select(cell) {
    state.cell = cell;
    await showPicture(pictureOf(cell));
    draw();
    showCell();
    markRow();
    if (view) { view.data("selected", selectedPoint()).run(); }
  }
  async function step(by) {
    const picture = data.pictures[state.picture], n = picture.stop - picture.start;
    if (n) { await select(picture.start + ((Math.max(state.cell, picture.start) - picture.start + by + n) % n)); }
  }
  async function turnTo(at) {
    const n = data.pictures.length;
    await showPicture((at + n) % n);
    state.cell = -1;
    draw(); showCell(); markRow();
    if (view) { view.data("selected", []).run(); }
  }

  function options(box, names, first) {
    if (first !== undefined) { box.append(element("option", { value: "" }, first)); }
    names.forEach((name, at) => box.append(element("option", { value: at }, name)));
  }
  async function start() {
    if (ready) { return; }
    ready = true;
    if (typeof DecompressionStream === "undefined") {
      root.replaceChildren(element("p", { class: "note quiet" }, "This browser is too old for this part; the tables beside the report hold the same numbers."));
      return;
    }
    data.label = await numbers(data.labels, Uint32Array);
    await Promise.all(data.features.map(async (one) => { one.values = await numbers(one.data, Float32Array); }));
    await Promise.all(data.groups.map(async (one) => { one.of = await numbers(one.data, Uint8Array); }));
    options($("picture"), data.pictures.map(named));
    options($("group"), data.groups.map((one) => one.name));
    $("group").closest(".field").hidden = data.groups.length < 1;
    options($("x"), data.features.map((one) => one.name), data.groups.length ? "by group" : undefined);
    options($("y"), data.features.map((one) => one.name));
    $("x").value = data.features.length > 1 ? "0" : $("x").value;
    const bright = data.features.findIndex((one) => one.name.startsWith("intensity_mean"));
    $("y").value = bright > 0 ? String(bright) : data.features.length > 1 ? "1" : "0";
    $("picture").addEventListener("change", (event) => turnTo(event.target.selectedIndex));
    root.querySelectorAll("[data-step]").forEach((button) => button.addEventListener("click", () => turnTo(state.picture + Number(button.dataset.step))));
    $("group").addEventListener("change", function () { draw(); plot(); });
    $("x").addEventListener("change", plot);
    $("y").addEventListener("change", plot);
    $("outlines").addEventListener("change", function () { draw(); showCell(); });
    $("canvas").addEventListener("click", function (event) {
      const picture = data.pictures[state.picture], frame = event.target.getBoundingClientRect();
      const x = Math.floor((event.clientX - frame.left) / frame.width * picture.width);
      const y = Math.floor((event.clientY - frame.top) / frame.height * picture.height);
      const cell = state.places.get(state.labels[y * picture.width + x]);
      if (cell !== undefined) { select(cell); }
    });
    $("canvas").addEventListener("keydown", function (event) {
      const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (by) { event.preventDefault(); step(state.cell < 0 ? 0 : by); }
    });
    new ResizeObserver(draw).observe($("canvas").parentElement);
    new MutationObserver(plot).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", plot);
    await showPicture(0);
    showCell();
    if (data.features.length) { await plot(); } else { $("plot").parentElement.hidden = true; }
    root.dataset.ready = "yes";
  }
  /* Nothing is decoded before it comes near. */
  const watcher = new IntersectionObserver(function (entries) {
    if (entries.some((entry) => entry.isIntersecting)) { watcher.disconnect(); start(); }
  }, { rootMargin: "600px" });
  watcher.observe(root);
})();
