// What the command line adds to a runtime, as its bootstrap script: `args`, `env`, a console whose reader is waited for,
// and timers that are counted. What it needs is bound as `__jsrun_host__` afterwards, before the program runs.
{
  // Messages that may be under way before the reader has to catch up; the runtime drops those beyond 1000.
  const BATCH = 256;
  const { Promise, setTimeout, setInterval, clearTimeout, clearInterval } = globalThis;
  const { apply } = Reflect;
  const { defineProperty } = Object;

  let known;
  const host = () => {
    if (known === undefined) {
      known = globalThis.__jsrun_host__;
      delete globalThis.__jsrun_host__;
    }
    return known;
  };

  const hidden = { configurable: true, enumerable: false };
  for (const name of ["args", "env"]) {
    defineProperty(globalThis, name, {
      ...hidden,
      get: () => host()[name],
      set: (value) => defineProperty(globalThis, name, { ...hidden, value, writable: true }),
    });
  }

  let sent = 0;
  for (const name of Object.keys(console)) {
    const plain = console[name];
    console[name] = {
      [name](...given) {
        plain(...given);
        if (++sent >= BATCH) {
          sent = 0;
          host().drain();
        }
      },
    }[name];
  }

  const live = new Set();
  let wake = null;
  const ended = (id) => {
    if (live.delete(id) && live.size === 0) {
      wake?.();
    }
  };
  Object.assign(globalThis, {
    setTimeout(callback, ...rest) {
      if (typeof callback !== "function") {
        return setTimeout(callback, ...rest);
      }
      const id = setTimeout(function (...given) {
        try {
          apply(callback, this, given);
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
  });

  // A promise of the moment when no timer is left.
  const idle = async () => {
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
  defineProperty(globalThis, "__jsrun_idle__", { value: idle });
}
