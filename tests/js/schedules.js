// What the steps of a schedule use.
globalThis.list = (...items) => items;
globalThis.count = (chunks) => {
  let n = 0;
  return new ReadableStream({
    pull(controller) {
      if (n === chunks) controller.close();
      else controller.enqueue(n++);
    },
  });
};
globalThis.total = async (items) => {
  let sum = 0;
  for await (const item of items) sum += item;
  return sum;
};
0;
