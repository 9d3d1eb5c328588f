// Gives Object.prototype an accessor for every name in `names`, reads every global, and takes the accessors away again. What they were handed is in
// `globalThis.caught`: scripts of the platform that are loaded meanwhile must not hand out what is theirs.
((names) => {
  const caught = [];
  // With these the scripts would not get far.
  const kept = ["value", "writable", "enumerable", "configurable", "get", "set", "constructor", "then", "defaultValue"];
  const added = names.filter((name) => !(name in Object.prototype) && !kept.includes(name));
  for (const name of added) {
    Object.defineProperty(Object.prototype, name, {
      configurable: true,
      get() { caught.push(this); return undefined; },
      set(value) {
        caught.push(this, value);
        Object.defineProperty(this, name, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
      },
    });
  }
  const failed = [];
  for (const name of Reflect.ownKeys(globalThis)) {
    try { globalThis[name]; } catch (error) { failed.push(`${String(name)}: ${error}`); }
  }
  console.log({}, "%c styled", "color: red");
  crypto.randomUUID();
  for (const name of added) delete Object.prototype[name];
  globalThis.caught = caught;
  return { added: added.length, caught: caught.length, failed };
})
