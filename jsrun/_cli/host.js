// What the command line adds to a runtime, in its bootstrap script: `args`, `env`, a console whose reader is waited for.
// What it needs is bound as `__jsrun_host__` afterwards, before the program runs.
{
  // Messages that may be under way before the reader has to catch up; the runtime drops those beyond 1000.
  const BATCH = 256;
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
}
