"use strict";
/* One problem: its statement and gold answer, all draws of one or two arms side by side, and how each was made. */

const problem = (() => {
  /* Return an element with attributes, and children that are elements or texts. */
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null));
    return element;
  }

  const words = (text) => text.replaceAll("_", " ");
  const said = (value) => value === null || value === undefined || value === "" ? "none" : String(value);

  function list(pairs) {
    const items = pairs.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]);
    return make("dl", {}, ...items);
  }

  /* Return a block that is filled when it is opened first. */
  function folded(title, isOpen, fill) {
    const block = make("details", {}, make("summary", {}, title));
    block.addEventListener("toggle", () => {
      if (block.open && !block.dataset.filled) {
        block.dataset.filled = "yes";
        Promise.resolve(fill(block)).catch((error) => block.append(make("p", { class: "down" }, error.message)));
      }
    });
    block.open = isOpen;
    return block;
  }

  /* Return what says how a file came about: program, code, recipe, versions. */
  function making(title, facts, folder) {
    const link = make("a", { href: encodeURI(`../../../${folder}/provenance.json`) }, `${folder}/provenance.json`);
    const versions = Object.entries(facts.versions).map(([name, version]) => `${name} ${version}`).join(", ");
    return make("div", {}, make("h4", {}, title), list([["program", facts.program], ["code", facts.code],
      ["versions", versions], ["record", link]]), make("pre", { class: "recipe", tabindex: "0",
      "aria-label": `recipe: ${title}` }, JSON.stringify(facts.recipe, null, 1)));
  }

  function made(index, group, row) {
    const [path, place, answered, graded] = browse.fileOf(index, group, row);
    const arm = index.arms[index.groups[group].arm];
    const folder = path.replace(/\/[^/]*$/, "");
    return [list([["file", path], ["row", String(place)]]), making("The response", index.made[answered], folder),
      making("Its verdict", index.made[graded], folder.replace("/responses/", "/verdicts/")),
      making("The model", index.made[arm.made], arm.model)];
  }

  /* Return the verdicts and counts of a row. */
  function facts(index, columns, row) {
    const column = (name) => columns.columns[name][row];
    const word = (name) => words(index.words.verdict[column(name)]);
    const judgement = column("judgement");
    const shown = [["rule", word("verdict")], ["matcher", word("matcher")], ["lenient", word("lenient")]];
    if (index.judged) shown.push(["judge", judgement === null ? "not asked" : index.words.judgement[judgement]]);
    const extracted = column("extracted");
    return list([["extracted", extracted === null ? "none" : texts.answer(extracted)], ...shown,
      ["method", said(column("method"))], ["ended by", index.words.finish[column("finish")]],
      ["tokens", `${said(column("response_tokens"))} after ${said(column("prompt_tokens"))} of the prompt`],
      ["seed", said(column("seed"))], ["engine", said(columns.engines[column("engine")])],
      ...(columns.errors[row] === undefined ? [] : [["error", columns.errors[row]]])]);
  }

  /* Return one draw; its text is read when it is opened. */
  function drawOf(index, group, columns, row, isOpen) {
    const { draw, verdict, response_tokens: tokens } = columns.columns;
    const title = `Draw ${draw[row]}: ${words(index.words.verdict[verdict[row]])}, ${said(tokens[row])} tokens`;
    return folded(title, isOpen, async (block) => {
      const text = make("div", { class: "text", dir: "auto" });
      const raw = make("input", { type: "checkbox" });
      const toggle = make("label", { class: "check" }, raw, " as it was written");
      block.append(facts(index, columns, row), toggle, text,
        folded("How it was made", false, (inner) => inner.append(...made(index, group, row))));
      const written = await browse.text(group, row);
      raw.addEventListener("change", () => texts.fill(text, written, raw.checked));
      texts.fill(text, written, false);
    });
  }

  /* Return all draws of an arm. */
  function side(index, group, columns, place, draw) {
    const arm = index.arms[index.groups[group].arm];
    const rows = [...columns.columns.problem.keys()].filter((row) => columns.columns.problem[row] === place);
    const correct = rows.filter((row) => filter.isCorrect(columns, row)).length;
    return make("section", { class: "side", "aria-label": arm.label }, make("h3", { title: arm.path }, arm.label),
      make("p", { class: "soft" }, `${correct} of ${rows.length} correct`),
      ...rows.map((row) => drawOf(index, group, columns, row, String(columns.columns.draw[row]) === draw)));
  }

  /* Return a table of all arms on this problem; a name there is compared with the first arm. */
  async function everybody(index, state, place, go) {
    const body = make("tbody");
    for (const number of filter.groupsOf(index, state, filter.ALL)) {
      const columns = await browse.load(`rows-${number}`);
      const arm = index.arms[index.groups[number].arm];
      const rows = [...columns.columns.problem.keys()].filter((row) => columns.columns.problem[row] === place);
      const correct = rows.filter((row) => filter.isCorrect(columns, row)).length;
      const answers = [...new Set(rows.map((row) => said(columns.columns.extracted[row])))];
      const link = arm.path === state.arm ? arm.label
        : make("a", { href: filter.write({ ...state, other: arm.path }), onclick: go, title: arm.path }, arm.label);
      body.append(make("tr", {}, make("th", { scope: "row" }, link), make("td", { class: "n" }, `${correct} of ${rows.length}`),
        make("td", {}, answers.join("; "))));
    }
    const heads = ["arm", "correct", "extracted"].map((name) => make("th", { scope: "col" }, name));
    return make("div", { class: "box", tabindex: "0", role: "group", "aria-label": "All arms on this problem" },
      make("table", {}, make("thead", {}, make("tr", {}, ...heads)), body));
  }

  /* Fill an element with the problem that a state names. */
  function show(element, index, state, problems, sides, go) {
    const place = problems.ids.indexOf(state.problem);
    element.hidden = place < 0;
    if (place < 0) return element.replaceChildren();
    const statement = make("div", { class: "text statement", dir: "auto" });
    texts.fill(statement, problems.problem[place], false);
    const about = [["gold", texts.answer(problems.golds[place])], ["gold answers", problems.gold],
      ["level", said(problems.level[place])], ["subject", said(problems.subject[place])]];
    element.replaceChildren(make("h2", { id: "of-problem", tabindex: "-1" }, `Problem ${state.problem}`), statement, list(about),
      folded("All arms on this problem", false, async (block) => block.append(await everybody(index, state, place, go))),
      make("div", { class: "sides" }, ...sides.map(([group, columns]) => side(index, group, columns, place, state.draw))));
    return element;
  }

  return { make, words, said, show };
})();
