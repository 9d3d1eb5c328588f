// Collects what testharness.js says, so that results are there even when the file never ends.
(() => {
  const STATUS = ["PASS", "FAIL", "TIMEOUT", "NOTRUN", "PRECONDITION_FAILED"];
  const HARNESS = ["OK", "ERROR", "TIMEOUT", "PRECONDITION_FAILED"];
  const results = [];
  const ended = Promise.withResolvers();
  setup({ explicit_done: true });
  // Tests of interfaces ask what kind of global object this is; the nearest answer is a worker's. testharness.js was told of none.
  Object.defineProperty(globalThis, "DedicatedWorkerGlobalScope", {
    value: class DedicatedWorkerGlobalScope {
      static [Symbol.hasInstance](value) {
        return value === globalThis;
      }
    },
    configurable: true,
  });
  add_result_callback(({ name, status, message }) => results.push([name, STATUS[status], message]));
  add_completion_callback((_, { status, message }) => ended.resolve([HARNESS[status], message]));
  return { results: () => results, ended: () => ended.promise, loaded: () => done() };
})()
