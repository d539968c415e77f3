"use strict";
/* Filters: what a page's address says, which arms a link of the report means, and the rows that pass. No element here. */

const filter = (() => {
  const KEYS = ["benchmark", "decoding", "arm", "other", "counted", "verdict", "pair", "level", "min", "max", "search",
                "texts", "page", "problem", "draw"];
  const ALL = "all";
  const NO_LEVEL = "none given";

  /* Return the arms of a student, by the words of a report's row: `dataset`, or `dataset (training)`. */
  function armsCalled(index, student, words, training) {
    const match = /^(.*?)(?: \((.*)\))?$/.exec(words.trim());
    return index.arms.filter((arm) => arm.student === student && arm.dataset === match[1]
      && (arm.dataset === "base" || !(match[2] || training) || arm.training === (match[2] || training)));
  }

  /* Return the two arms of a gap's row; of several seeds the first. */
  function ofGap(index, told) {
    const sides = told.plus && told.minus ? [told.plus, told.minus] : (told.arms || "").split(/ [-\u2212] /);
    const named = index.gaps.filter((gap) => gap.gap === told.gap && gap.student === told.student);
    const groups = named.flatMap((gap) => gap.groups.flat()).map((arm) => index.arms[arm]);
    const of = (words) => {
      const called = armsCalled(index, told.student, words, told.training);
      return called.find((arm) => groups.includes(arm)) || called[0];
    };
    if (sides.length === 2) return sides.map(of);
    return named.length ? named[0].groups.slice(0, 2).map((group) => index.arms[group[0]]) : [];
  }

  /* Return the state that an address asks for; a link of the report gives the columns of its row in place of an arm. */
  function read(index, hash) {
    const told = Object.fromEntries(new URLSearchParams(hash.replace(/^#/, "")));
    const state = Object.fromEntries(KEYS.filter((key) => told[key]).map((key) => [key, told[key]]));
    let arms = [];
    if (told.gap || told.plus || (told.arms && !told.arm)) arms = ofGap(index, told);
    else if (told.student && told.dataset) {
      arms = armsCalled(index, told.student, told.dataset, told.training);
      arms = arms.filter((arm) => !told.seed || String(arm.seed) === told.seed).slice(0, 1);
    }
    if (arms[0]) state.arm = arms[0].path;
    if (arms[1]) state.other = arms[1].path;
    const benchmark = benchmarkOf(index, state);
    state.benchmark = benchmark.name;
    state.decoding = benchmark.decoding;
    const here = armsOf(index, state).map((arm) => arm.path);
    if (state.arm !== ALL && !here.includes(state.arm)) state.arm = here[0];
    if (!here.includes(state.other) || state.other === state.arm || state.arm === ALL) delete state.other;
    if (!state.other) delete state.pair;
    if (!index.counted.includes((state.counted || "").replace(/^not_/, ""))) delete state.counted;
    if (!index.words.verdict.includes(state.verdict)) delete state.verdict;
    return state;
  }

  /* Return a state as an address. */
  function write(state) {
    return "#" + new URLSearchParams(KEYS.filter((key) => state[key]).map((key) => [key, state[key]]));
  }

  function benchmarkOf(index, state) {
    const called = index.benchmarks.filter((benchmark) => benchmark.name === state.benchmark);
    return called.find((benchmark) => benchmark.decoding === state.decoding) || called[0] || index.benchmarks[0];
  }

  function armsOf(index, state) {
    const place = index.benchmarks.indexOf(benchmarkOf(index, state));
    return index.groups.filter((group) => group.benchmark === place).map((group) => index.arms[group.arm]);
  }

  /* Return the numbers of the groups of an arm (or of all) on the state's benchmark. */
  function groupsOf(index, state, path) {
    const place = index.benchmarks.indexOf(benchmarkOf(index, state));
    return [...index.groups.keys()].filter((number) => {
      const group = index.groups[number];
      return group.benchmark === place && (path === ALL || index.arms[group.arm].path === path);
    });
  }

  /* Return key -> row of a group, the key being a problem and a draw. */
  const places = new WeakMap();
  function rowOf(columns, problem, draw) {
    if (!places.has(columns)) {
      const found = new Map();
      columns.columns.problem.forEach((each, row) => found.set(`${each}/${columns.columns.draw[row]}`, row));
      places.set(columns, found);
    }
    return places.get(columns).get(`${problem}/${draw}`);
  }

  const isCorrect = (columns, row) => (columns.columns.counted[row] & 1) === 1;

  function pairOf(columns, row, other) {
    const partner = rowOf(other, columns.columns.problem[row], columns.columns.draw[row]);
    if (partner === undefined) return null;
    const [first, second] = [isCorrect(columns, row), isCorrect(other, partner)];
    return first ? (second ? "both" : "first") : second ? "second" : "neither";
  }

  /* Return a test of rows of a group, by all but what two arms have in common. */
  function passing(index, state, problems, sought) {
    const isNegated = (state.counted || "").startsWith("not_");
    const bit = state.counted ? 1 << index.counted.indexOf(state.counted.replace(/^not_/, "")) : 0;
    const verdict = state.verdict ? index.words.verdict.indexOf(state.verdict) : -1;
    const least = state.min ? Number(state.min) : -Infinity;
    const most = state.max ? Number(state.max) : Infinity;
    const isBounded = Boolean(state.min || state.max);
    const holds = (text) => text !== null && text.toLowerCase().includes(sought);
    const found = problems.ids.map((id, place) => !sought || holds(id) || holds(problems.problem[place])
      || holds(problems.golds[place]));
    const isLeveled = problems.level.map((level) => !state.level || (level || NO_LEVEL) === state.level);
    return ({ columns }, row) => {
      const problem = columns.problem[row];
      const tokens = columns.response_tokens[row];
      return isLeveled[problem]
        && (!bit || ((columns.counted[row] & bit) !== 0) !== isNegated)
        && (verdict < 0 || columns.verdict[row] === verdict)
        && (!isBounded || (tokens !== null && tokens >= least && tokens <= most))
        && (found[problem] || holds(columns.extracted[row]));
    };
  }

  /* Return what passes, as pairs of group and row; `loaded` maps the number of a group to its columns. What is sought
     may stand in the problem, the gold answer or the extracted one. */
  function select(index, state, problems, loaded, sought) {
    const passes = passing(index, state, problems, sought);
    const rows = [];
    for (const [group, columns] of loaded) {
      for (let row = 0; row < columns.columns.problem.length; row++) if (passes(columns, row)) rows.push([group, row]);
    }
    return rows;
  }

  /* Return the counts of rows by what both arms make of them, and the rows of the pair that is asked for, if one is. */
  function paired(rows, state, loaded, other) {
    const pairs = { both: 0, first: 0, second: 0, neither: 0 };
    const kept = rows.filter(([group, row]) => {
      const pair = pairOf(loaded.get(group), row, other);
      if (pair) pairs[pair]++;
      return !state.pair || state.pair === pair;
    });
    return { pairs, rows: kept };
  }

  /* Return the figures of rows: how many, how many are correct, their mean number of tokens where all are known. */
  function figures(rows, loaded) {
    let correct = 0, tokens = 0, known = true;
    for (const [group, row] of rows) {
      const columns = loaded.get(group);
      if (isCorrect(columns, row)) correct++;
      const own = columns.columns.response_tokens[row];
      if (own === null) known = false; else tokens += own;
    }
    return { rows: rows.length, correct, tokens: known && rows.length ? tokens / rows.length : null };
  }

  /* Return those of `rows` that stand in `found`, or whose texts hold what is sought, in small or capital letters.
     `tell` hears how many were read, and may end the search: then it is null. */
  async function searchTexts(rows, found, sought, tell) {
    const isFound = new Set(found.map(String));
    const kept = [];
    for (let number = 0; number < rows.length; number++) {
      if (number % 100 === 0 && !(await tell(number, rows.length))) return null;
      const row = rows[number];
      if (isFound.has(String(row)) || (await browse.text(...row)).toLowerCase().includes(sought)) kept.push(row);
    }
    return kept;
  }

  return { ALL, NO_LEVEL, read, write, benchmarkOf, armsOf, groupsOf, rowOf, isCorrect, select, paired, figures, searchTexts };
})();
