// Takes deno_web's private hooks (`Symbol.for("Deno...")`) off everything user code can reach. The ones for inspection stay, under Node's symbol.

import { primordials } from "ext:core/mod.js";

const {
  ArrayPrototypeForEach,
  FunctionPrototypeCall,
  ObjectDefineProperty,
  ObjectKeys,
  ReflectDeleteProperty,
  ReflectGetPrototypeOf,
  ReflectOwnKeys,
  SafeSet,
  StringPrototypeStartsWith,
  SymbolFor,
  SymbolKeyFor,
} = primordials;

const inspection = SymbolFor("Deno.privateCustomInspect");
const published = SymbolFor("nodejs.util.inspect.custom");

function rename(object) {
  const show = object[inspection];
  ObjectDefineProperty(object, published, {
    __proto__: null,
    value(_depth, options, inspect) {
      return FunctionPrototypeCall(show, this, inspect, options);
    },
    writable: true,
    configurable: true,
  });
}

export function forgetHooks(...groups) {
  const seen = new SafeSet();
  const visit = (object) => {
    if (object === null || (typeof object !== "object" && typeof object !== "function") || seen.has(object)) {
      return;
    }
    seen.add(object);
    ArrayPrototypeForEach(ReflectOwnKeys(object), (key) => {
      if (key === inspection) {
        rename(object);
      }
      if (typeof key === "symbol" && StringPrototypeStartsWith(SymbolKeyFor(key) ?? "", "Deno.")) {
        ReflectDeleteProperty(object, key);
      }
    });
    visit(ReflectGetPrototypeOf(object));
  };
  ArrayPrototypeForEach(groups, (group) =>
    ArrayPrototypeForEach(ObjectKeys(group), (name) => {
      visit(group[name]);
      visit(group[name]?.prototype);
    }));
}
