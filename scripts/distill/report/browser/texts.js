"use strict";
/* Texts: what a model wrote, as text, and its mathematics as MathML. Nothing that it wrote becomes an element but
   through Temml, which is not trusted with links, images, classes or styles of its own. */

const texts = (() => {
  const MATH_LONGEST = 4000; // characters; a longer one is shown as it was written
  const MATH_MOST = 600; // of one text
  // In pairs of dollars no space stands inside and no digit behind, so that prices are none.
  const FENCES = /\\\[([^]+?)\\\]|\\\(([^]+?)\\\)|\$\$([^]+?)\$\$|\$(?![\s$])((?:\\.|[^$\\\n])+?)(?<!\s)\$(?!\d)|(\\boxed\s*\{)/g;

  /* Return the place behind the brace that closes the one before `start`; -1 where none does. */
  function closing(text, start) {
    for (let at = start, depth = 1; at < text.length && at < start + MATH_LONGEST; at++) {
      if (text[at] === "\\") at++;
      else if (text[at] === "{") depth++;
      else if (text[at] === "}" && --depth === 0) return at + 1;
    }
    return -1;
  }

  /* Return the parts of a text: {text}, or {text, tex, display} where it is mathematics. */
  function split(text) {
    const parts = [];
    let end = 0, match;
    FENCES.lastIndex = 0;
    while ((match = FENCES.exec(text)) && parts.length < 2 * MATH_MOST) {
      const stop = match[5] ? closing(text, FENCES.lastIndex) : FENCES.lastIndex;
      if (stop < 0) continue;
      const whole = text.slice(match.index, stop);
      const tex = match[1] ?? match[2] ?? match[3] ?? match[4] ?? whole;
      if (tex.length > MATH_LONGEST) continue;
      if (match.index > end) parts.push({ text: text.slice(end, match.index) });
      parts.push({ text: whole, tex, display: match[1] !== undefined || match[3] !== undefined });
      FENCES.lastIndex = end = stop;
    }
    if (end < text.length) parts.push({ text: text.slice(end) });
    return parts;
  }

  /* Return an element of a formula; of one that cannot be read, its source. */
  function formula(tex, source, display) {
    const element = document.createElement("span");
    element.className = "math";
    try {
      temml.render(tex, element, { displayMode: display, throwOnError: true, trust: false, maxExpand: 200, maxSize: [20, 20] });
      element.title = source;
    } catch {
      element.textContent = source;
    }
    return element;
  }

  /* Fill an element with a text, its mathematics rendered unless it shall be `raw`. */
  function fill(element, text, raw) {
    const parts = raw ? [{ text }] : split(text);
    element.replaceChildren(...parts.map((part) => part.tex === undefined ? document.createTextNode(part.text)
      : formula(part.tex, part.text, part.display)));
  }

  /* Return an element of an answer, which is LaTeX without fences. */
  function answer(tex) {
    const element = tex === "" || tex.length > MATH_LONGEST ? document.createElement("span") : formula(tex, tex, false);
    if (!element.firstChild) element.textContent = tex;
    element.classList.add("answer");
    return element;
  }

  return { split, fill, answer };
})();
