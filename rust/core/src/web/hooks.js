// Takes deno_web's private hooks (`Symbol.for("Deno...")`) off everything user code can reach. The ones for inspection stay, under Node's symbol.

(function () {
const { primordials } = __bootstrap;

const {
  FunctionPrototypeCall,
  ObjectDefineProperty,
  ObjectGetOwnPropertySymbols,
  ObjectKeys,
  ReflectDeleteProperty,
  ReflectGetOwnPropertyDescriptor,
  ReflectGetPrototypeOf,
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

/** Off the exports of a script, and what they inherit from. */
function forgetHooks(exports) {
  const seen = new SafeSet();
  const visit = (object) => {
    while (object !== null && (typeof object === "object" || typeof object === "function") && !seen.has(object)) {
      seen.add(object);
      const symbols = ObjectGetOwnPropertySymbols(object);
      for (let index = 0; index < symbols.length; index++) {
        const key = symbols[index];
        if (key === inspection) {
          rename(object);
        }
        if (StringPrototypeStartsWith(SymbolKeyFor(key) ?? "", "Deno.")) {
          ReflectDeleteProperty(object, key);
        }
      }
      object = ReflectGetPrototypeOf(object);
    }
  };
  const names = ObjectKeys(exports);
  for (let index = 0; index < names.length; index++) {
    const { value } = ReflectGetOwnPropertyDescriptor(exports, names[index]);
    visit(value);
    if (typeof value === "function") {
      visit(ReflectGetOwnPropertyDescriptor(value, "prototype")?.value ?? null);
    }
  }
}

return { __proto__: null, forgetHooks };
})();
