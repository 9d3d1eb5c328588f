// Timers of the HTML standard over deno_core's: coercion, nesting clamp, string callbacks, context of the caller.

(function () {
const { core, primordials } = __bootstrap;

const {
  MapPrototypeDelete,
  MapPrototypeGet,
  MapPrototypeGetSize,
  MapPrototypeSet,
  ReflectApply,
  SafeMap,
  indirectEval,
} = primordials;

const webidl = core.loadExtScript("ext:deno_webidl/00_webidl.js");

// From this nesting level on, a timer waits at least SHORTEST milliseconds.
const DEEPEST = 5;
const SHORTEST = 4;

const active = new SafeMap();
let nesting = 0;
// Where the host reads how many timers are set that run once, how many that repeat, and, third, whether JavaScript must not be stopped: deno_core's
// lists of timers must not be left half changed. The third is written in place, because a call could fail where the stack is full. An entry into
// JavaScript sets it to 0.
const unread = { __proto__: null, 0: 0, 1: 0, 2: 0 };
let figures = unread;

function tell(shared) {
  figures = shared ?? unread;
}

function changed(entry, by) {
  figures[entry.repeats ? 1 : 0] += by;
}

function start(callback, timeout, args, repeats) {
  if (typeof callback !== "function") {
    const code = webidl.converters.DOMString(callback);
    callback = () => indirectEval(code);
  }
  timeout = webidl.converters.long(timeout);
  const entry = { __proto__: null, timer: null, id: 0, level: nesting, repeats };
  const context = core.getAsyncContext();
  const run = () => {
    const outerContext = core.getAsyncContext();
    const outerNesting = nesting;
    try {
      core.setAsyncContext(context);
      nesting = entry.level + 1;
      if (!entry.repeats && MapPrototypeDelete(active, entry.id)) {
        changed(entry, -1);
      }
      ReflectApply(callback, globalThis, args);
    } finally {
      // Cleared by its own callback, an interval is not armed again.
      if (entry.repeats && MapPrototypeGet(active, entry.id) === entry) {
        entry.level = nesting;
        arm(entry, run, timeout);
      }
      nesting = outerNesting;
      core.setAsyncContext(outerContext);
    }
  };
  arm(entry, run, timeout);
  entry.id = entry.timer._timerId;
  MapPrototypeSet(active, entry.id, entry);
  changed(entry, 1);
  return entry.id;
}

function arm(entry, run, timeout) {
  const wait = entry.level >= DEEPEST && timeout < SHORTEST ? SHORTEST : timeout;
  figures[2] = 1;
  try {
    entry.timer = core.createTimer(run, wait, undefined, false, true);
  } finally {
    figures[2] = 0;
  }
}

function stop(id) {
  id = webidl.converters.long(id);
  const entry = MapPrototypeGet(active, id);
  if (entry !== undefined) {
    figures[2] = 1;
    try {
      core.cancelTimer(entry.timer);
    } finally {
      figures[2] = 0;
    }
    MapPrototypeDelete(active, id);
    changed(entry, -1);
  }
}

function count() {
  return MapPrototypeGetSize(active);
}

function setTimeout(callback, timeout = 0, ...args) {
  return start(callback, timeout, args, false);
}

function setInterval(callback, timeout = 0, ...args) {
  return start(callback, timeout, args, true);
}

function clearTimeout(id = 0) {
  stop(id);
}

function clearInterval(id = 0) {
  stop(id);
}

return { __proto__: null, clearInterval, clearTimeout, count, setInterval, setTimeout, tell };
})();
