// Makes a hostile value out of a list of numbers: the same list, the same value. Each choice takes the next number; an empty list chooses the first of everything.
(numbers) => {
  let at = 0;
  let made = 0;
  const seen = [];
  const next = () => (at < numbers.length ? numbers[at++] : 0);
  const pick = (list) => list[next() % list.length];

  // What a getter, a trap or a method does when it is called.
  const deeds = [
    (value) => value,
    () => { throw new Error("hostile"); },
    () => { throw null; },
    () => { throw Symbol("thrown"); },
    () => undefined,
    () => null,
    () => -1,
    () => 2 ** 53,
    () => "text",
    () => Symbol.iterator,
    () => ["a", "a", Symbol()],
    () => ({ length: 4294967295, done: false, value: 1 }),
    () => seen[next() % (seen.length || 1)],
    (value) => { for (const other of seen) if (Array.isArray(other)) other.length = 0; return value; },
    (value) => { for (const other of seen) if (other instanceof ArrayBuffer && !other.detached) other.transfer(); return value; },
    (value) => { for (const other of seen) if (other instanceof Map || other instanceof Set) other.clear(); return value; },
    (value) => { const first = seen[0]; if (first && typeof first === "object") { try { delete first.b; first.late = made++; } catch {} } return value; },
    () => { const deep = () => deep() + 1; return deep(); },
    () => new Proxy({}, { get() { throw 1; }, ownKeys() { throw 2; }, getPrototypeOf() { throw 3; } }),
    () => Array(10).fill(0).map(() => "x".repeat(1000)),
  ];
  const deed = (value) => { const act = pick(deeds); return () => act(value); };

  const leaves = [
    () => 0, () => -0, () => NaN, () => 2 ** 53 + 2, () => 1e308, () => -(2n ** 200n), () => 0n, () => "", () => "\ud800x\udfff", () => "é\0\uffff",
    () => undefined, () => null, () => true, () => Symbol("s"), () => Symbol.for("t"), () => () => 1, () => class Named {}, () => new Date(NaN), () => new Date(8.64e15),
    () => /(?<a>x)[\p{L}--[a-z]]/v, () => new RegExp("\ud800", "y"), () => new WeakMap(), () => new WeakSet(), () => new WeakRef({}), () => globalThis, () => Reflect,
    () => (function* () { yield 1; throw 2; })(), () => (async function* () { throw 1; })(), () => Promise.resolve(1), () => new Promise(() => {}),
    () => Object(Symbol("boxed")), () => Object(1n), () => new String("boxed"), () => new Boolean(false), () => Array(4294967295), () => Array(5e6),
    () => ({ length: 2 ** 53 - 1 }), () => [, 1, , ], () => new Int8Array(0), () => new Float16Array([1, NaN]), () => new BigUint64Array([2n ** 64n - 1n]),
    () => (function () { return arguments; })(1, 2), () => Intl, () => new Intl.NumberFormat(), () => Math, () => new AggregateError([new Error("x")], "y"), () => Iterator.from([1]),
  ];

  const buffer = () => {
    const store = pick([
      () => new ArrayBuffer(8), () => new ArrayBuffer(8, { maxByteLength: 64 }), () => new SharedArrayBuffer(8), () => new ArrayBuffer(0),
      () => { const gone = new ArrayBuffer(8); gone.transfer(); return gone; },
      () => new SharedArrayBuffer(8, { maxByteLength: 16 }),
    ])();
    seen.push(store);
    try {
      const view = pick([() => store, () => new Uint8Array(store), () => new Float64Array(store, 0, 1), () => new DataView(store), () => new Uint16Array(store, 2)])();
      if (next() % 3 === 0 && store.resizable) store.resize(1);
      if (next() % 3 === 0 && store instanceof ArrayBuffer && !store.detached) store.transfer();
      return view;
    } catch { return store; }
  };

  const names = ["a", "b", "0", "4294967294", "length", "then", "toJSON", "constructor", "__proto__", "message", "stack", "cause", "name", "raw", "\ud800", ""];
  const traps = ["get", "has", "ownKeys", "getOwnPropertyDescriptor", "getPrototypeOf", "isExtensible", "set", "defineProperty", "apply", "construct"];
  const symbols = [Symbol.toPrimitive, Symbol.toStringTag, Symbol.iterator, Symbol.asyncIterator, Symbol.species, Symbol.isConcatSpreadable, Symbol.unscopables, Symbol.hasInstance];

  const containers = [
    (depth) => { const list = []; seen.push(list); for (let i = next() % 4; i >= 0; i--) list.push(make(depth)); return list; },
    (depth) => { const object = {}; seen.push(object); for (let i = next() % 4; i >= 0; i--) Object.defineProperty(object, pick(names), { value: make(depth), enumerable: true, configurable: true, writable: true }); return object; },
    (depth) => { const map = new Map(); seen.push(map); for (let i = next() % 3; i >= 0; i--) map.set(make(depth), make(depth)); return map; },
    (depth) => { const set = new Set(); seen.push(set); for (let i = next() % 3; i >= 0; i--) set.add(make(depth)); return set; },
    () => buffer(),
    () => seen[next() % (seen.length || 1)],
    // Getters that lie.
    (depth) => { const object = { a: make(depth) }; seen.push(object); for (let i = next() % 3; i >= 0; i--) { try { Object.defineProperty(object, pick(names), { get: deed(make(depth)), enumerable: true, configurable: true }); } catch {} } object.z = 1; return object; },
    (depth) => { const list = [make(depth), 1, 2]; seen.push(list); Object.defineProperty(list, next() % 4, { get: deed(make(depth)), enumerable: true, configurable: true }); return list; },
    // Methods that the language calls.
    (depth) => { const object = make(depth); if (object === null || typeof object !== "object") return object; try { for (const symbol of symbols) if (next() % 3 === 0) Object.defineProperty(object, symbol, { get: next() % 2 ? deed(object) : undefined, configurable: true, ...(next() % 2 ? {} : { get: () => deed(1) }) }); } catch {} return object; },
    (depth) => ({ toJSON: deed(make(depth)), toString: deed(1), valueOf: deed(2), then: next() % 2 ? deed(3) : 5 }),
    // Classes that inherit from what is built in.
    (depth) => { const Base = pick([Array, Map, Set, Date, RegExp, Uint8Array, ArrayBuffer, Error, Promise, Function, Object]); const lie = deed(make(depth));
      class Evil extends Base { static get [Symbol.species]() { return lie(); } get size() { return lie(); } get flags() { return lie(); } get source() { return lie(); } get message() { return lie(); } get byteLength() { return lie(); } }
      try { const evil = Base === Promise ? new Evil(() => {}) : new Evil(); seen.push(evil); return evil; } catch { return Evil; } },
    // Errors.
    (depth) => { const error = new (pick([Error, TypeError, RangeError, SyntaxError]))("x"); seen.push(error); for (const name of ["message", "stack", "name", "cause"]) { const how = next() % 4; if (how === 1) error[name] = make(depth); else if (how === 2) Object.defineProperty(error, name, { get: deed(make(depth)), configurable: true }); } return error; },
    // Proxies.
    (depth) => { let target = make(depth); if (target === null || (typeof target !== "object" && typeof target !== "function")) target = { target }; const handler = {}; for (const trap of traps) if (next() % 3 === 0) { const act = pick(deeds); handler[trap] = (...args) => (act === deeds[0] ? Reflect[trap](...args) : act(args[0])); } const proxy = new Proxy(target, handler); seen.push(proxy); return proxy; },
    (depth) => { let target = make(depth); if (target === null || (typeof target !== "object" && typeof target !== "function")) target = []; const { proxy, revoke } = Proxy.revocable(target, next() % 2 ? {} : { get(_, name) { revoke(); return name === "length" ? 3 : undefined; } }); if (next() % 2) revoke(); return proxy; },
    // Prototypes.
    (depth) => { const object = make(depth); try { Object.setPrototypeOf(object, pick([null, Array.prototype, Map.prototype, Date.prototype, Uint8Array.prototype, Error.prototype, Promise.prototype, make(depth)])); } catch {} return object; },
    (depth) => Object.freeze([make(depth)]),
    // Deep, and shared without end.
    () => { let deep = []; for (let i = next() % 3 ? 50 : 3000; i > 0; i--) deep = next() % 2 ? [deep] : { deep }; return deep; },
    () => { let wide = ["x"]; for (let i = next() % 40; i > 0; i--) wide = [wide, wide]; return wide; },
    (depth) => { const stream = new ReadableStream({ start(c) { c.enqueue(make(depth)); if (next() % 2) c.error(make(depth)); else c.close(); } }); if (next() % 2) stream.getReader(); return stream; },
  ];

  function make(depth) {
    if (depth <= 0 || next() % 4 === 0) {
      try { return pick(leaves)(); } catch { return undefined; }
    }
    return pick(containers)(depth - 1);
  }
  return make(4);
}
