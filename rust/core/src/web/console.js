// `console`: formatted by deno_web's inspector, sent to the host with its level. Silent where the host does not listen.

(function () {
const { core, primordials } = __bootstrap;

const {
  ArrayPrototypeForEach,
  ArrayPrototypeSlice,
  DateNow,
  FunctionPrototypeBind,
  MapPrototypeDelete,
  MapPrototypeGet,
  MapPrototypeSet,
  NumberPrototypeToFixed,
  ObjectCreate,
  ObjectDefineProperty,
  ObjectKeys,
  ObjectPrototype,
  ReflectApply,
  SafeMap,
  StringPrototypeRepeat,
  StringPrototypeReplace,
  StringPrototypeReplaceAll,
  Symbol,
  SymbolToStringTag,
} = primordials;

const inspector = core.loadExtScript("ext:deno_web/01_console.js");
const { host } = core.loadExtScript("ext:jsrun_web/host.js");

// Method to level.
const LEVELS = {
  __proto__: null,
  debug: "debug",
  log: "log",
  info: "info",
  warn: "warning",
  error: "error",
};

// Debuggers hear of every call as well, with the caller as its place: no frame of this file is between.
function inspectConsole() {
  ArrayPrototypeForEach(ObjectKeys(core.v8Console), (name) => {
    const heard = core.v8Console[name];
    const own = console[name];
    if (typeof heard !== "function") {
      return;
    }
    const value = typeof own === "function" ? FunctionPrototypeBind(core.callConsole, console, heard, own) : heard;
    ObjectDefineProperty(value, "name", { __proto__: null, value: name, configurable: true });
    ObjectDefineProperty(console, name, {
      __proto__: null,
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  });
}

const counts = new SafeMap();
const clocks = new SafeMap();
let depth = 0;

function send(level, args) {
  const lent = host();
  if (lent === null || lent.print === undefined) {
    return;
  }
  let text = inspector.inspectArgs(args, { __proto__: null, colors: false });
  if (depth > 0) {
    const margin = StringPrototypeRepeat("  ", depth);
    text = margin + StringPrototypeReplaceAll(text, "\n", `\n${margin}`);
  }
  lent.print(level, text, args);
}

const label = (given) => (given === undefined ? "default" : `${given}`);
const elapsed = (since) => `${NumberPrototypeToFixed(DateNow() - since, 0)} ms`;

const methods = {
  __proto__: null,
  assert(condition = false, ...args) {
    if (condition) {
      return;
    }
    if (typeof args[0] === "string") {
      send("error", [`Assertion failed: ${args[0]}`, ...ArrayPrototypeSlice(args, 1)]);
    } else {
      send("error", ["Assertion failed", ...args]);
    }
  },
  clear() {
    depth = 0;
  },
  count(given = undefined) {
    const name = label(given);
    const count = (MapPrototypeGet(counts, name) ?? 0) + 1;
    MapPrototypeSet(counts, name, count);
    send("info", [`${name}: ${count}`]);
  },
  countReset(given = undefined) {
    if (!MapPrototypeDelete(counts, label(given))) {
      send("warning", [`Count for '${label(given)}' does not exist`]);
    }
  },
  dir(value = undefined, options = undefined) {
    send("log", [inspector.inspect(value, { __proto__: null, ...options, colors: false })]);
  },
  dirxml(...args) {
    send("log", args);
  },
  group(...args) {
    if (args.length > 0) {
      send("log", args);
    }
    depth = depth < 64 ? depth + 1 : depth;
  },
  groupCollapsed(...args) {
    methods.group(...args);
  },
  groupEnd() {
    depth = depth > 0 ? depth - 1 : 0;
  },
  table(value = undefined) {
    send("log", [value]);
  },
  time(given = undefined) {
    const name = label(given);
    if (MapPrototypeGet(clocks, name) !== undefined) {
      send("warning", [`Timer '${name}' already exists`]);
      return;
    }
    MapPrototypeSet(clocks, name, DateNow());
  },
  timeLog(given = undefined, ...args) {
    const since = MapPrototypeGet(clocks, label(given));
    if (since === undefined) {
      send("warning", [`Timer '${label(given)}' does not exist`]);
      return;
    }
    send("info", [`${label(given)}: ${elapsed(since)}`, ...args]);
  },
  timeEnd(given = undefined) {
    methods.timeLog(given);
    MapPrototypeDelete(clocks, label(given));
  },
  trace(...args) {
    const text = args.length > 0 ? inspector.inspectArgs(args, { __proto__: null, colors: false }) : "";
    const error = new primordials.Error(text);
    primordials.ErrorCaptureStackTrace(error, methods.trace);
    send("error", [StringPrototypeReplace(error.stack, "Error", "Trace")]);
  },
};
ArrayPrototypeForEach(["debug", "log", "info", "warn", "error"], (name) => {
  methods[name] = { [name](...args) {
    send(LEVELS[name], args);
  } }[name];
});

// A namespace object: its prototype is an empty object.
const console = ObjectCreate(ObjectCreate(ObjectPrototype));
ArrayPrototypeForEach(primordials.ObjectKeys(methods), (name) => {
  ObjectDefineProperty(console, name, {
    __proto__: null,
    value: methods[name],
    writable: true,
    enumerable: true,
    configurable: true,
  });
});
ObjectDefineProperty(console, SymbolToStringTag, { __proto__: null, value: "console", configurable: true });

return { __proto__: null, console, inspectConsole };
})();
