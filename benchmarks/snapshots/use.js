// What a program does first with the three libraries: the result that every way to load them must give.
(() => {
  const page = markdownit().render("# Title\n\n* a *b*\n* `c`\n");
  const isUser = new Ajv().compile({ type: "object", required: ["name"], properties: { name: { type: "string" } } });
  return JSON.stringify([page.length, isUser({ name: "Ada" }), isUser({}), _.chunk([1, 2, 3], 2)]);
})()
