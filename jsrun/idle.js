// Timers that are counted, as a bootstrap script: a host can wait until none is set, and clear those that are.
{
  const { Promise, setTimeout, setInterval, clearTimeout, clearInterval } = globalThis;
  const { apply } = Reflect;
  const { defineProperty } = Object;

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
  const clear = () => {
    for (const id of [...live]) {
      clearTimeout(id);
      ended(id);
    }
  };
  // A promise of a moment that no timer of the program's has to do with.
  const pause = (milliseconds) =>
    new Promise((resolve) => {
      setTimeout(resolve, milliseconds);
    });
  defineProperty(globalThis, "__jsrun_idle__", { value: idle });
  defineProperty(globalThis, "__jsrun_clear_timers__", { value: clear });
  defineProperty(globalThis, "__jsrun_pause__", { value: pause });
}
