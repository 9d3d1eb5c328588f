// What a busy cycle calls: host functions, a stream that is read here, a stream that is made here.
({
  async hosted(count) {
    let sum = 0;
    for (let n = 0; n < count; n++) sum += await later(plain(n));
    return sum;
  },
  async total(stream) {
    let sum = 0;
    for await (const n of stream) sum += n;
    return sum;
  },
  count(chunks) {
    let n = 0;
    return new ReadableStream({
      pull(controller) {
        if (n === chunks) controller.close();
        else controller.enqueue(n++);
      },
    });
  },
});
