// Walks everything that user code can reach from the global object: properties, symbols, getters, prototypes,
// and the objects a call site hands out. Returns every name on the way, with its path.
(() => {
  const seen = new Set();
  const found = [];
  const queue = [];

  function visit(value, path) {
    if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) return;
    seen.add(value);
    queue.push([value, path]);
  }

  function note(name, path) {
    found.push([String(name), path]);
  }

  visit(globalThis, "globalThis");
  for (const make of [
    () => (function* () {})(), () => (async function* () {})(), () => (async () => {})(), () => [][Symbol.iterator](),
    () => ""[Symbol.iterator](), () => new Map().entries(), () => new Set().values(), () => /a/[Symbol.matchAll]("a"),
    () => new Error("x"), () => Promise.resolve(), () => Object.getPrototypeOf(Uint8Array), () => new Intl.Segmenter().segment(""),
    () => async () => {}, () => async function* () {}, () => function* () {}, () => Promise.withResolvers(),
  ]) {
    try { visit(make(), String(make)); } catch { /* not in this engine */ }
  }

  const prepare = Error.prepareStackTrace;
  Error.prepareStackTrace = (error, sites) => sites;
  const sites = [];
  for (const raise of [
    () => { throw new Error("x"); }, () => null.x, () => JSON.parse("{"), () => [1].map(() => { throw new Error("y"); }),
    () => (typeof __host_op_sync__ === "function" ? __host_op_sync__(-1) : 0),
    () => (typeof hostThrows === "function" ? hostThrows() : 0),
  ]) {
    try { raise(); } catch (error) { if (Array.isArray(error.stack)) sites.push(...error.stack); }
  }
  Error.prepareStackTrace = prepare;
  const files = [];
  for (const [index, site] of sites.entries()) {
    files.push(String(site.getFileName()), String(site.getEvalOrigin()), String(site.getScriptNameOrSourceURL()));
    visit(site, `site ${index}`);
    visit(site.getThis(), `site ${index}.getThis()`);
    visit(site.getFunction(), `site ${index}.getFunction()`);
  }

  while (queue.length > 0) {
    const [holder, path] = queue.pop();
    try { visit(Object.getPrototypeOf(holder), `${path}.__proto__`); } catch { continue; }
    for (const key of Reflect.ownKeys(holder)) {
      const here = `${path}.${String(key)}`;
      note(typeof key === "symbol" ? key.description : key, here);
      let descriptor;
      try { descriptor = Reflect.getOwnPropertyDescriptor(holder, key); } catch { continue; }
      visit(descriptor.value, here);
      visit(descriptor.get, `${here}(get)`);
      visit(descriptor.set, `${here}(set)`);
      if (typeof descriptor.value === "function") note(descriptor.value.name, `${here}(name)`);
      if (descriptor.get) {
        try { visit(Reflect.apply(descriptor.get, holder, []), `${here}()`); } catch { /* wants another receiver */ }
      }
    }
  }
  return { found, files: [...new Set(files)], globals: Reflect.ownKeys(globalThis).map(String) };
})()
