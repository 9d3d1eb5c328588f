// For the build, after all scripts ran: takes off deno_core's tables what none that may run later names. Every isolate would hold it in vain.
((Deno, isNamed) => {
  const parts = Deno.core.loadExtScript("ext:jsrun_web/parts.js");
  const { core, primordials } = parts.bootstrap;
  delete parts.bootstrap;
  for (const table of [primordials, core, core.ops, Deno.core, Deno.core.ops]) {
    for (const [name, { configurable }] of Object.entries(Object.getOwnPropertyDescriptors(table))) {
      if (configurable && !isNamed(name)) {
        delete table[name];
      }
    }
  }
  Object.freeze(primordials);
  Object.freeze(Deno.core);
})
