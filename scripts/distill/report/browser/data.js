"use strict";
/* Data: the index, and the problems, columns and texts that are loaded when they are asked for. A script of data calls
   `browse.add(kind, number, content)`; a page that was opened as a file may load nothing else. */

const browse = (() => {
  const PAGES_KEPT = 64;
  const parts = new Map(); // "rows-3" -> content
  const promised = new Map(); // "rows-3" -> promise of it
  const pages = []; // names of pages of texts, the oldest first

  function add(kind, number, content) {
    const names = { index: "index", texts: `texts-${number}-${content.page}` };
    parts.set(names[kind] || `${kind}-${number}`, content);
  }

  /* Return a promise of the content of data/NAME.js. */
  function load(name) {
    if (!promised.has(name)) promised.set(name, new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = `data/${name}.js`;
      script.onload = () => { script.remove(); resolve(parts.get(name)); };
      script.onerror = () => { script.remove(); forget(name); reject(new Error(`data/${name}.js cannot be read`)); };
      document.head.append(script);
    }));
    return promised.get(name);
  }

  function forget(name) {
    promised.delete(name);
    parts.delete(name);
  }

  /* Return the number of the page of a group's texts that holds a row. */
  function pageOf(columns, row) {
    let low = 0, high = columns.pages.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (columns.pages[middle] <= row) low = middle; else high = middle - 1;
    }
    return low;
  }

  /* Return a promise of the text of a row. Of the pages that were read the last ones are kept. */
  async function text(group, row) {
    const columns = await load(`rows-${group}`);
    const page = pageOf(columns, row);
    const name = `texts-${group}-${page}`;
    if (!promised.has(name) && pages.push(name) > PAGES_KEPT) forget(pages.shift());
    return (await load(name)).texts[row - columns.pages[page]];
  }

  /* Return where a row stands: [path of its table, its row there, how it was made, how it was graded]. */
  function fileOf(index, group, row) {
    const [path, start, made, graded] = index.groups[group].files.findLast((file) => file[1] <= row);
    return [path, row - start, made, graded];
  }

  return { add, load, text, fileOf };
})();
