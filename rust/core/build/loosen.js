// For the build, before deno_core's scripts run: what they would make large or freeze stays small or open, for lean.js. The functions that see to it
// are V8's own again when those scripts have ended.
(() => {
  const { defineProperty, freeze, hasOwn, setPrototypeOf } = Object;
  const { fill } = Array.prototype;
  const { apply, defineProperty: define } = Reflect;
  let primordials = null;
  let done = false;

  Reflect.defineProperty = (object, name, property) => define(object, name, { __proto__: null, ...property, configurable: true });

  Object.freeze = (object) => {
    if (done) {
      return freeze(object);
    }
    if (hasOwn(object, "uncurryThis")) {
      primordials = object;
      Array.prototype.fill = fill;
      Object.freeze = freeze;
      Reflect.defineProperty = define;
      primordials.ReflectDefineProperty = define;
      return object;
    }
    if (hasOwn(object, "loadExtScript")) {
      done = true;
      primordials.ArrayPrototypeFill = primordials.uncurryThis(fill);
      primordials.ObjectFreeze = freeze;
      // An isolate takes these off when it has used them: off its own, not off the snapshot's.
      for (const name of ["__setImmediateInfo", "__setTickInfo", "__setTimerInfo"]) {
        defineProperty(object, name, { configurable: false });
      }
      return object;
    }
    return freeze(object);
  };

  // 4,096 places for the promises of async ops, null while they are empty: only those in use.
  const places = new Proxy({ __proto__: null }, { __proto__: null, get: (taken, at) => taken[at] ?? null });
  Array.prototype.fill = function (...args) {
    return !done && this.length === 4096 ? places : apply(fill, this, args);
  };

  // 2,048 places for Node's ticks, of which there are none: an array that grows.
  defineProperty(globalThis, "__infra", {
    configurable: true,
    set(infra) {
      const { FixedQueue } = infra;
      infra.FixedQueue = function () {
        const queue = new FixedQueue();
        queue.head.list.length = 0;
        setPrototypeOf(queue.head.list, null);
        return queue;
      };
      defineProperty(globalThis, "__infra", { configurable: true, writable: true, value: infra });
    },
  });
})();
