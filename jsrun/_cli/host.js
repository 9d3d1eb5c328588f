// What the command line adds to a runtime: `args`, `env`, a console whose reader is waited for, and timers that are
// counted. Evaluates to a function that installs them and returns another one: a promise of the moment when no timer is
// left.
(given) => {
  "use strict";

  const { args, env, drain } = given;

  // Messages that may be under way before the reader has to catch up; the runtime drops those beyond 1000.
  const BATCH = 256;
  let sent = 0;
  for (const name of Object.keys(console)) {
    const plain = console[name];
    console[name] = {
      [name](...given) {
        plain(...given);
        if (++sent >= BATCH) {
          sent = 0;
          drain();
        }
      },
    }[name];
  }

  const define = (name, value) =>
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  define("args", args);
  if (env !== null) {
    define("env", Object.freeze({ __proto__: null, ...env }));
  }

  const { setTimeout, setInterval, clearTimeout, clearInterval } = globalThis;
  const live = new Set();
  let wake = null;
  const ended = (id) => {
    if (live.delete(id) && live.size === 0) {
      wake?.();
    }
  };
  const counted = {
    setTimeout(callback, ...rest) {
      if (typeof callback !== "function") {
        return setTimeout(callback, ...rest);
      }
      const id = setTimeout(function (...given) {
        try {
          Reflect.apply(callback, this, given);
        } finally {
          ended(id);
        }
      }, ...rest);
      live.add(id);
      return id;
    },
    setInterval(...given) {
      const id = setInterval(...given);
      live.add(id);
      return id;
    },
    clearTimeout(id) {
      clearTimeout(id);
      ended(id);
    },
    clearInterval(id) {
      clearInterval(id);
      ended(id);
    },
  };
  Object.assign(globalThis, counted);

  return async function idle() {
    do {
      if (live.size > 0) {
        await new Promise((resolve) => {
          wake = resolve;
        });
      }
      // What the last callback's promises still do comes first: they may set another timer.
      await new Promise((resolve) => setTimeout(resolve, 0));
    } while (live.size > 0);
  };
};
