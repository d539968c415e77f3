"use strict";
/* The page: filters, the list of rows page by page, the problem that is chosen. The address says all of it. */

const view = (() => {
  const { make, words, said } = problem;
  const ROWS = 50;
  const PAIRS = { both: "both correct", first: "only the first correct", second: "only the second correct",
                  neither: "neither correct" };
  const at = (id) => document.getElementById(id);
  let index, state, run = 0;

  /* Return a label with the name that it stands for, by which files and tables call it. */
  const called = (label, name) => label === name ? name : `${label} (${name})`;
  const labelOf = (path) => index.arms.find((arm) => arm.path === path).label;

  const percent = (part, whole) => whole ? `${(100 * part / whole).toFixed(1)} %` : "none";

  /* Fill a select with [value, words] pairs; an option of no value stands for any. */
  function offer(name, pairs, chosen, any) {
    const field = at("filters").elements[name];
    const all = any === undefined ? pairs : [["", any], ...pairs];
    field.replaceChildren(...all.map(([value, text]) => make("option", { value }, text)));
    field.value = chosen || "";
    field.disabled = all.length < 2;
  }

  function levels(problems) {
    const found = [...new Set(problems.level.map((level) => level || filter.NO_LEVEL))];
    return found.sort((one, two) => one.localeCompare(two, "en", { numeric: true }));
  }

  /* Show a state in the form. */
  function fillForm(problems) {
    const { benchmarks, counted, words: { verdict } } = index;
    const names = benchmarks.map((each) => each.name);
    offer("benchmark", benchmarks.map(({ name, label, decoding }, place) => [String(place),
      names.indexOf(name) === names.lastIndexOf(name) ? called(label, name) : `${called(label, name)} (${decoding})`]),
      String(benchmarks.indexOf(filter.benchmarkOf(index, state))));
    const arms = filter.armsOf(index, state).map((arm) => [arm.path, called(arm.label, arm.path)]);
    offer("arm", [...arms, [filter.ALL, "all arms"]], state.arm);
    offer("other", arms.filter(([path]) => path !== state.arm && state.arm !== filter.ALL), state.other, "no other arm");
    const kinds = counted.flatMap((word) => [[word, words(word)], [`not_${word}`, `not ${words(word)}`]]);
    offer("counted", kinds, state.counted, "anything");
    offer("verdict", verdict.map((word) => [word, words(word)]), state.verdict, "any");
    offer("pair", state.other ? Object.entries(PAIRS) : [], state.pair, "whatever they are");
    offer("level", levels(problems).map((level) => [level, level]), state.level, "any");
    for (const name of ["min", "max", "search"]) at("filters").elements[name].value = state[name] || "";
    at("filters").elements.texts.checked = Boolean(state.texts);
  }

  /* Return the state that the form shows; what is looked at is left unless the arms stay. */
  function readForm() {
    const form = new FormData(at("filters"));
    const benchmark = index.benchmarks[Number(form.get("benchmark"))];
    const told = { benchmark: benchmark.name, decoding: benchmark.decoding, problem: state.problem, draw: state.draw };
    for (const name of ["arm", "other", "counted", "verdict", "pair", "level", "min", "max", "search", "texts"]) {
      told[name] = form.get(name) || undefined;
    }
    return told;
  }

  function go(next) {
    const address = filter.write(next);
    if (address === location.hash) show(); else location.hash = address;
  }

  function cellsOf(problems, [group, row], other, columns) {
    const place = columns.columns.problem[row];
    const column = (of, name, number) => of.columns[name][number];
    const verdictOf = (of, number) => words(index.words.verdict[column(of, "verdict", number)]);
    const arm = index.arms[index.groups[group].arm];
    const draw = column(columns, "draw", row);
    const chosen = { ...state, problem: problems.ids[place], draw: String(draw), ...(state.arm === filter.ALL && { arm: arm.path }) };
    const link = make("a", { href: filter.write(chosen) }, problems.ids[place]);
    const cells = [["problem", link], ...(state.arm === filter.ALL ? [["arm", arm.label]] : []),
      ["level", said(problems.level[place])], ["draw", draw], ["gold", problems.golds[place]],
      ["verdict", verdictOf(columns, row)], ["extracted", said(column(columns, "extracted", row))],
      ["tokens", said(column(columns, "response_tokens", row))]];
    const partner = other && filter.rowOf(other, place, draw);
    if (other) cells.push(["second verdict", partner === undefined ? "none" : verdictOf(other, partner)],
      ["second extracted", partner === undefined ? "none" : said(column(other, "extracted", partner))],
      ["second tokens", partner === undefined ? "none" : said(column(other, "response_tokens", partner))]);
    return cells;
  }

  /* Show one page of rows as a table, and links to the other pages. */
  function list(problems, rows, loaded, other) {
    const last = Math.max(0, Math.ceil(rows.length / ROWS) - 1);
    const page = Math.min(Number(state.page || 1) - 1 || 0, last);
    const shown = rows.slice(page * ROWS, (page + 1) * ROWS).map((row) => cellsOf(problems, row, other, loaded.get(row[0])));
    const isNumber = (name) => /tokens|draw/.test(name);
    const body = shown.map((cells) => make("tr", { role: "row" }, ...cells.map(([name, value]) => make("td", { role: "cell",
      class: isNumber(name) ? "n" : null, "data-label": name }, String(value.nodeType ? "" : value), value.nodeType ? value : ""))));
    const heads = (shown[0] || []).map(([name]) => make("th", { role: "columnheader", scope: "col",
      class: isNumber(name) ? "n" : null }, name));
    at("rows").replaceChildren(rows.length ? make("table", { role: "table", class: "cards" },
      make("caption", { class: "hidden" }, "Responses"), make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, ...heads)),
      make("tbody", { role: "rowgroup" }, ...body)) : make("p", { class: "soft" }, "Nothing to show."));
    const link = (to, text) => to < 0 || to > last ? make("span", { class: "soft" }, text)
      : make("a", { href: filter.write({ ...state, page: String(to + 1) }) }, text);
    const range = rows.length ? `rows ${page * ROWS + 1} to ${Math.min(rows.length, (page + 1) * ROWS)} of ${rows.length}` : "";
    at("pages").replaceChildren(link(0, "first"), link(page - 1, "previous"), make("span", {}, range),
      link(page + 1, "next"), link(last, "last"));
    at("pages").hidden = last === 0;
  }

  function tell(rows, loaded, total, pairs) {
    const { correct, tokens } = filter.figures(rows, loaded);
    const mean = tokens === null ? "" : `; ${tokens.toFixed(1)} tokens on average`;
    at("count").textContent = `${rows.length} of ${total} responses (${percent(rows.length, total)}), `
      + `${correct} of them correct (${percent(correct, rows.length)})${mean}.`;
    at("pairs").hidden = !pairs;
    at("pairs").textContent = pairs && `${labelOf(state.arm)} first, ${labelOf(state.other)} second: `
      + Object.entries(PAIRS).map(([name, text]) => `${pairs[name]} ${text}`).join(", ") + ".";
  }

  /* Return what is asked for after a search in the texts; null where another state came in between. */
  async function sought(problems, loaded, own) {
    const word = (state.search || "").toLowerCase();
    const found = filter.select(index, state, problems, loaded, word);
    if (!state.texts || !word) return found;
    const all = filter.select(index, state, problems, loaded, "");
    return filter.searchTexts(all, found, word, (read, whole) => {
      at("count").textContent = `Searching: ${read} of ${whole} responses read.`;
      return new Promise((resolve) => setTimeout(() => resolve(own === run), 0));
    });
  }

  async function load(path) {
    const numbers = path ? filter.groupsOf(index, state, path) : [];
    return new Map(await Promise.all(numbers.map(async (number) => [number, await browse.load(`rows-${number}`)])));
  }

  /* Show what the address asks for. */
  async function show() {
    const own = ++run;
    state = filter.read(index, location.hash);
    history.replaceState(null, "", filter.write(state));
    const problems = await browse.load(`problems-${filter.benchmarkOf(index, state).corpus}`);
    const [loaded, others] = await Promise.all([load(state.arm), load(state.other)]);
    if (own !== run) return;
    fillForm(problems);
    let rows = await sought(problems, loaded, own), pairs = null;
    if (own !== run || rows === null) return;
    const other = [...others.values()][0];
    if (other) ({ rows, pairs } = filter.paired(rows, state, loaded, other));
    const total = [...loaded.keys()].reduce((sum, number) => sum + index.groups[number].rows, 0);
    tell(rows, loaded, total, pairs);
    list(problems, rows, loaded, other);
    const isNew = at("problem").dataset.of !== [state.problem, state.draw, state.arm, state.other].join();
    if (isNew) {
      at("problem").dataset.of = [state.problem, state.draw, state.arm, state.other].join();
      problem.show(at("problem"), index, state, problems, state.arm === filter.ALL ? [] : [...loaded, ...others], null);
      if (state.problem && !at("problem").hidden) at("of-problem").focus();
    }
    document.documentElement.dataset.shown = location.hash; // for who waits for it
  }

  const failed = (error) => { at("count").textContent = `${error.message}; make the page again: snakemake report`; };

  async function start() {
    index = await browse.load("index");
    at("title").textContent = index.title;
    const shown = () => show().catch(failed);
    let timer;
    const change = () => { clearTimeout(timer); timer = setTimeout(() => go(readForm()), 0); };
    at("filters").addEventListener("change", change);
    at("filters").elements.search.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => go(readForm()), 250); });
    at("filters").addEventListener("submit", (event) => { event.preventDefault(); change(); });
    at("clear").addEventListener("click", () => go({ benchmark: state.benchmark, decoding: state.decoding, arm: state.arm }));
    window.addEventListener("hashchange", shown);
    await shown();
  }

  start().catch(failed);
  return {};
})();
