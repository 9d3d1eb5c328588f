// Large arrays on their way to the host: what V8 compiles reads items and properties ten times as fast as the embedder's interface.

(function () {
const { primordials } = __bootstrap;
const { ObjectGetPrototypeOf, ObjectPrototype, SymbolAsyncIterator } = primordials;

/** Copies `count` items from `from` on. `batch` has one more place, for where it was when an item's getter threw. */
function fill(items, from, count, batch) {
  let index = 0;
  try {
    for (; index < count; index++) {
      batch[index] = items[from + index];
    }
  } catch (error) {
    batch[count] = index;
    throw error;
  }
}

/** How many of `count` objects, none of which is exotic, are plain and have just these names in this order. Runs no code of others. */
function fit(batch, start, count, names) {
  const width = names.length;
  for (let index = 0; index < count; index++) {
    const row = batch[start + index];
    const prototype = ObjectGetPrototypeOf(row);
    if ((prototype !== ObjectPrototype && prototype !== null) || SymbolAsyncIterator in row) {
      return index;
    }
    let known = 0;
    for (const name in row) {
      if (known === width || name !== names[known]) {
        return index;
      }
      known += 1;
    }
    if (known !== width) {
      return index;
    }
  }
  return count;
}

/**
 * Their values, row by row; in the place behind them, which one it was when a getter threw. Each name is read once, whatever getters do to the rows
 * meanwhile: what a row has lost since is undefined.
 */
function read(batch, start, count, names, values) {
  const width = names.length;
  let at = 0;
  try {
    for (let index = 0; index < count; index++) {
      const row = batch[start + index];
      const end = at + width;
      let known = 0;
      for (const name in row) {
        if (known === width || name !== names[known]) {
          break;
        }
        values[at] = row[name];
        known += 1;
        at += 1;
      }
      for (; at < end; at++) {
        values[at] = row[names[known]];
        known += 1;
      }
    }
  } catch (error) {
    values[count * width] = at;
    throw error;
  }
}

return { __proto__: null, fill, fit, read };
})();
