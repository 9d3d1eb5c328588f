// Tells two values apart that convert alike: their kind, and their contents in order.
function show(value) {
  const kind = Object.prototype.toString.call(value);
  if (typeof value !== "object" || value === null) return `${kind} ${Object.is(value, -0) ? "-0" : String(value)}`;
  if (value instanceof Date) return `${kind} ${value.getTime()}`;
  if (value instanceof RegExp) return `${kind} ${value}`;
  if (value instanceof Map || value instanceof Set || Array.isArray(value) || ArrayBuffer.isView(value)) {
    return `${kind} [${Array.from(value, show)}]`;
  }
  return `${kind} {${Object.entries(value).map(([key, item]) => `${key}: ${show(item)}`)}}`;
}
show;
