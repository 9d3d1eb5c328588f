// What test files of the Web platform find beside the platform itself: where they are, and somebody who hears their results.
(({ directory, search }) => {
  const location = new URL(`${directory}${search}`, "https://web-platform.test/");
  const named = (name, value) => Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  named("location", location);
  named("GLOBAL", { isWindow: () => false, isWorker: () => true, isShadowRealm: () => false });
  // A page resolves addresses against its own; a runtime has none.
  const { fetch } = globalThis;
  named("fetch", (input, init) => fetch(typeof input === "string" ? new URL(input, location) : input, init));
})
