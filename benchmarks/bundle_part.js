function part__NUMBER__(input, options = {}) {
  const limit = options.limit ?? 3 + (__NUMBER__ % 97);
  const state = { total: 0, names: [], step: __NUMBER__ };
  for (let at = 0; at < limit; at++) {
    const value = (at * (__NUMBER__ + 7)) % 1009;
    if (value % 3 === 0) state.names.push(`name-${value}-__NUMBER__`);
    else if (value % 5 === 0) state.total += value;
    else state.total -= 1;
  }
  class Node__NUMBER__ {
    constructor(value, next = null) {
      Object.assign(this, { value, next });
    }
    sum() {
      let sum = 0;
      for (let node = this; node; node = node.next) sum += node.value;
      return sum;
    }
  }
  const head = new Node__NUMBER__(state.total, new Node__NUMBER__(input));
  const format = (text, ...rest) => rest.reduce((all, one) => `${all},${one}`, text) + state.names.join("|");
  return { sum: head.sum(), text: format("part", input, limit), state };
}
registry.push(part__NUMBER____RUN__);
