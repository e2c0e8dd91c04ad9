// The step-through: reads the table of steps, folds it away, and shows one step at a time.
// Everything happens inside this output's own element, so that several on a page do not meet.
(() => {
  "use strict";
  const root = document.currentScript && document.currentScript.closest(".steps");
  if (!root || root.dataset.ready) return;
  root.dataset.ready = "true";

  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  // Read the table

  const rows = [...root.querySelectorAll("details > table > tbody > tr")];
  const figures = [...root.querySelectorAll(".steps-sources > figure")];
  const CELL = "this cell"; // the name of a cell's own lines
  const names = {}; // of calls

  const steps = rows.map((row, i) => {
    const stack = row.dataset.stack.split(" ").map((text) => {
      const [call, source, lines] = text.split(".");
      const [first, last] = lines.split("-").map(Number);
      return { call, source: Number(source), first, last: last || first };
    });
    const here = stack[stack.length - 1];
    const loops = (row.dataset.loops || "").split(" ").filter(Boolean).map((text) => {
      const [source, line, entry, iteration] = text.split(".");
      return {
        id: source + "." + line, source: Number(source), line: Number(line), entry,
        iteration: parseInt(iteration), atHead: iteration.endsWith("h"),
      };
    });
    const name = row.cells[1].querySelector("span");
    names[here.call] = name ? name.textContent : CELL;
    const note = row.cells[3].querySelector(":scope > p");
    const variables = [...row.cells[3].querySelectorAll(":scope > div")].map((div) => ({
      name: div.querySelector("b").textContent,
      kind: div.querySelector("i").textContent,
      value: [...div.children].slice(2),
      gone: !div.querySelector("code, table") && div.querySelector("i").textContent === "deleted",
    }));
    return { i, stack, here, loops, variables, kind: row.dataset.kind || "line", note: note ? note.textContent : "" };
  });
  if (!steps.length) return;

  const iterations = {}; // how many a loop made each time it was entered
  for (const step of steps)
    for (const loop of step.loops)
      iterations[loop.entry] = Math.max(iterations[loop.entry] || 0, loop.iteration - (loop.atHead ? 1 : 0));

  // Which steps there is a stop at: of a folded loop the last of each iteration

  const folded = new Set();
  const allLoops = [...new Set(steps.flatMap((step) => step.loops.map((loop) => loop.id)))];
  let stops = steps;

  const isStop = (step) => {
    const next = steps[step.i + 1];
    return !next || !step.loops.some((loop) => folded.has(loop.id) &&
      next.loops.some((other) => other.entry === loop.entry && other.iteration === loop.iteration));
  };
  const foldedLoop = (step) => step.loops.find((loop) => folded.has(loop.id));

  // The page

  const button = (label, sign, action) => {
    const element = make("button", { type: "button", title: label, onclick: action }, sign);
    element.setAttribute("aria-label", label);
    return element;
  };
  const go = (to) => show(Math.min(Math.max(to, 0), stops.length - 1));
  const at = () => Number(slider.value);
  const first = button("First step", "|◀", () => go(0));
  const previous = button("Previous step", "◀", () => go(at() - 1));
  const next = button("Next step", "▶", () => go(at() + 1));
  const last = button("Last step", "▶|", () => go(stops.length - 1));
  const slider = make("input", { type: "range", min: 0, value: 0, oninput: () => show(at()) });
  slider.setAttribute("aria-label", "Step of " + root.dataset.title);
  const count = make("output", {});
  const says = make("p", { className: "steps-says" });
  says.setAttribute("aria-live", "polite");
  const bar = make("div", { className: "steps-bar" }, first, previous, slider, next, last, count);
  const foldAll = make("input", { type: "checkbox", onchange: () => fold(allLoops, foldAll.checked) });
  if (allLoops.length) bar.append(make("label", { title: "One stop for each iteration" }, foldAll, "fold loops"));

  const path = make("p", { className: "steps-path" });
  const frames = make("div", {});
  const right = make("div", {}, path, frames);
  const left = root.querySelector(".steps-sources");
  const panes = make("div", { className: "steps-panes" });
  const caption = root.querySelector(".steps-caption");
  root.insertBefore(bar, caption);
  root.insertBefore(says, caption);
  root.insertBefore(panes, caption);
  panes.append(left, right);

  const all = root.querySelector("details");
  all.open = false;
  all.classList.add("steps-all");
  const scroller = make("div", { tabIndex: 0 });
  scroller.setAttribute("role", "region");
  scroller.setAttribute("aria-label", "All steps as a table");
  scroller.append(all.querySelector("table"));
  all.append(scroller);
  root.classList.add("steps-done");
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Step through " + root.dataset.title + ", with the arrow keys");

  const lineOf = (source, number) => {
    const figure = figures[source];
    return figure && figure.querySelector("pre").children[number - Number(figure.dataset.first)];
  };

  const foldButtons = allLoops.map((id) => {
    const [source, line] = id.split(".").map(Number);
    const element = button("Fold the loop at line " + line, "fold", () => fold([id], !folded.has(id)));
    const place = lineOf(source, line);
    if (place) place.insertBefore(element, place.lastChild.splitText(place.lastChild.length - 1)); // before the line's end
    return { id, element };
  });

  function fold(ids, yes) {
    const step = stops[at()];
    for (const id of ids) yes ? folded.add(id) : folded.delete(id);
    foldAll.checked = folded.size === allLoops.length;
    foldAll.indeterminate = folded.size > 0 && !foldAll.checked;
    for (const { id, element } of foldButtons) {
      element.setAttribute("aria-pressed", folded.has(id));
      element.textContent = folded.has(id) ? "folded" : "fold";
    }
    stops = steps.filter(isStop);
    slider.max = stops.length - 1;
    show(stops.findIndex((stop) => stop.i >= step.i));
  }

  // One step

  function show(position) {
    slider.value = position;
    const step = stops[position];
    const before = position ? stops[position - 1].i : -1;
    slider.setAttribute("aria-valuetext", "step " + (step.i + 1) + " of " + steps.length);
    count.textContent = step.i + 1 + " / " + steps.length;
    for (const [element, off] of [[first, !position], [previous, !position],
      [next, position === stops.length - 1], [last, position === stops.length - 1]])
      off ? element.setAttribute("aria-disabled", "true") : element.removeAttribute("aria-disabled");
    showCode(step);
    const changed = showVariables(step, before);
    say(step, changed);
  }

  function showCode(step) {
    for (const line of left.querySelectorAll("pre > span[class^=steps-]")) {
      line.removeAttribute("class");
      line.removeAttribute("aria-current");
    }
    figures.forEach((figure, i) => figure.classList.toggle("steps-here", i === step.here.source));
    const mark = (place, name) => {
      for (let n = place.first; n <= place.last; n++) {
        const line = lineOf(place.source, n);
        if (line) line.className = name + (n > place.first ? " steps-more" : "");
      }
    };
    const following = steps[step.i + 1];
    if (following && following.here.source === step.here.source)
      mark({ ...following.here, last: following.here.first }, "steps-next");
    const loop = foldedLoop(step);
    if (loop) {
      for (const other of steps.slice(0, step.i + 1))
        if (other.loops.some((round) => round.entry === loop.entry && round.iteration === loop.iteration))
          for (const place of other.stack) if (place.source === step.here.source) mark(place, "steps-loop");
    }
    mark(step.here, step.kind === "error" ? "steps-now steps-failed" : "steps-now");
    const current = lineOf(step.here.source, step.here.first);
    if (!current) return;
    current.setAttribute("aria-current", "step");
    const box = current.parentElement; // scroll the code, never the page
    if (current.offsetTop < box.scrollTop) box.scrollTop = current.offsetTop - 20;
    const below = current.offsetTop + current.offsetHeight - box.clientHeight;
    if (below > box.scrollTop) box.scrollTop = below + 20;
  }

  // All variables of a call after a step, and which of them are new or changed since the stop before

  function variablesOf(call, upTo, before) {
    const found = new Map();
    for (const step of steps.slice(0, upTo + 1)) {
      if (step.here.call !== call) continue;
      for (const variable of step.variables) {
        if (variable.gone) { found.delete(variable.name); continue; }
        const since = step.i > before;
        const old = found.get(variable.name);
        const news = since ? (!old || old.news === "new" ? "new" : "changed") : "";
        found.set(variable.name, { ...variable, news });
      }
    }
    return found;
  }

  function tableOf(found) {
    if (!found.size) return make("p", { className: "steps-empty" }, "no variables yet");
    const body = make("tbody", {});
    for (const { name, kind, value, news } of found.values()) {
      const head = make("th", { scope: "row" }, name);
      if (news) head.append(make("small", {}, news));
      const [text, grid] = ["code", "table"].map((tag) => value.filter((node) => node.matches(tag)).map((node) => node.cloneNode(true)));
      const cell = make("td", {}, ...text, make("i", {}, kind), ...grid);
      if (grid.length) label(grid[0], name);
      body.append(make("tr", { className: news ? "steps-changed" : "" }, head, cell));
    }
    return make("table", { className: "steps-frame" }, body);
  }

  function label(grid, name) {
    grid.setAttribute("aria-label", "the numbers of " + name);
    for (const row of grid.rows)
      for (const cell of row.cells)
        cell.title = name + "[" + (grid.rows.length > 1 ? row.rowIndex + ", " : "") + cell.cellIndex + "] = " + cell.textContent;
  }

  const opened = new Set(); // callers whose variables the reader looks at

  function showVariables(step, before) {
    const callers = step.stack.slice(0, -1).reverse();
    const nameOf = (place) => names[place.call] || figures[place.source].querySelector("figcaption").textContent;
    path.textContent = callers.length
      ? step.stack.map((place) => nameOf(place) + ", line " + place.first).join(" › ")
      : "variables after line " + step.here.first;
    const found = variablesOf(step.here.call, step.i, before);
    const table = tableOf(found);
    const outer = callers.map((place) => {
      const inner = variablesOf(place.call, step.i, steps.length);
      const box = make("details", { className: "steps-callers", open: opened.has(place.call) },
        make("summary", {}, "called from " + nameOf(place) + ", line " + place.first), tableOf(inner));
      box.ontoggle = () => (box.open ? opened.add(place.call) : opened.delete(place.call));
      return box;
    });
    frames.replaceChildren(table, ...outer);
    const height = right.offsetHeight; // never shrink: what is below should not jump
    if (height > (parseFloat(right.style.minHeight) || 0)) right.style.minHeight = Math.min(height, 420) + "px";
    return [...found.values()].filter((variable) => variable.news);
  }

  function say(step, changed) {
    const short = (text) => (text.length > 60 ? text.slice(0, 59) + "…" : text);
    const valueOf = (variable) => (variable.value.length ? short(variable.value[0].textContent) : variable.kind);
    const what = changed.map((variable) => variable.name + " = " + valueOf(variable));
    const gone = step.variables.filter((variable) => variable.gone).map((variable) => variable.name + " is deleted");
    const name = names[step.here.call];
    const head = name === CELL ? "" : "in " + name + ", ";
    const loop = foldedLoop(step) || step.loops[step.loops.length - 1];
    let round = "";
    if (loop && loop.atHead && loop.iteration > iterations[loop.entry])
      round = "the loop at line " + loop.line + " ends after " + iterations[loop.entry] + " iterations";
    else if (loop) round = "iteration " + loop.iteration + " of " + iterations[loop.entry];
    const facts = [step.note, ...what, ...gone].filter(Boolean);
    if (!facts.length && !round.startsWith("the loop")) facts.push("no variable changes");
    says.dataset.kind = step.kind;
    says.replaceChildren(
      make("strong", {}, "Step " + (step.i + 1) + " of " + steps.length + ", " + head + "line " + step.here.first + ": "),
      facts.join("; "), round ? (facts.length ? " (" + round + ")" : round) : "");
  }

  // Keys: the slider knows the arrow keys by itself, the rest of the player learns them here. JupyterLab takes
  // keys first, at the document ("x" would cut the cell); the window comes before that. Keys with Ctrl, Alt or
  // Shift stay JupyterLab's.

  function onKey(event) {
    if (!root.contains(event.target)) return window.removeEventListener("keydown", onKey, true);
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.key === "Escape") return;
    event.stopPropagation();
    const moves = { ArrowLeft: at() - 1, ArrowRight: at() + 1, Home: 0, End: stops.length - 1 };
    if (!(event.key in moves) || event.target === slider || all.contains(event.target)) return;
    event.preventDefault();
    go(moves[event.key]);
  }
  root.addEventListener("focusin", () => window.addEventListener("keydown", onKey, true));
  root.addEventListener("focusout", () => window.removeEventListener("keydown", onKey, true));
  panes.addEventListener("click", (event) => {
    if (!event.target.closest("button, summary") && !String(getSelection())) slider.focus({ preventScroll: true });
  });

  fold([], true);
  show(0);
})();
