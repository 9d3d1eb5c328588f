// The JavaScript half of the REPL: shows values as the console does, and finds names to complete without running
// getters. Evaluates to a function that installs it; what the user's code does to the globals later changes nothing here.
(token) => {
  "use strict";

  const { debug } = console;
  const { getOwnPropertyDescriptor, getOwnPropertyNames, getPrototypeOf, defineProperty } = Object;
  const { isArray } = Array;
  const { isView } = ArrayBuffer;
  const box = Object;
  const LexicalName = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;
  const isName = RegExp.prototype.test.bind(LexicalName);
  const globalEval = eval;
  const NOTHING = Symbol("nothing");

  let last;
  const show = (value) => {
    const underscore = getOwnPropertyDescriptor(globalThis, "_");
    // A `_` that is not ours any more is left alone.
    if (value !== undefined && (underscore === undefined || (underscore.configurable && underscore.value === last))) {
      last = value;
      defineProperty(globalThis, "_", { value, writable: true, configurable: true, enumerable: false });
    }
    debug(`${token}%o`, value);
  };
  defineProperty(globalThis, "__jsrun_show__", { value: show });

  // What a property holds; NOTHING where only a getter could tell.
  const read = (holder, name) => {
    for (let object = box(holder); object !== null; object = getPrototypeOf(object)) {
      const property = getOwnPropertyDescriptor(object, name);
      if (property !== undefined) {
        return "value" in property ? property.value : NOTHING;
      }
    }
    return NOTHING;
  };

  // A variable of `let`, `const` or `class`, which is no property of the global object.
  const variable = (name) => {
    if (!isName(name) || name in globalThis) {
      return NOTHING;
    }
    try {
      return (0, globalEval)(name);
    } catch {
      return NOTHING;
    }
  };

  const namesOf = (holder) => {
    const found = new Set();
    let object = box(holder);
    if (isArray(object) || isView(object) || typeof holder === "string") {
      // Its own names are the indices.
      found.add("length");
      object = getPrototypeOf(object);
    }
    for (; object !== null; object = getPrototypeOf(object)) {
      for (const name of getOwnPropertyNames(object)) {
        if (isName(name)) {
          found.add(name);
        }
      }
    }
    return [...found];
  };

  const complete = (path, variables) => {
    if (path.length === 0) {
      return [...getOwnPropertyNames(globalThis).filter(isName), ...variables.filter((name) => variable(name) !== NOTHING)];
    }
    let value = path[0] in globalThis ? read(globalThis, path[0]) : variable(path[0]);
    for (const name of path.slice(1)) {
      if (value === NOTHING || value === null || value === undefined) {
        return [];
      }
      value = read(value, name);
    }
    return value === NOTHING || value === null || value === undefined ? [] : namesOf(value);
  };

  return { show, complete };
};
