// The page service of npm_libraries.py. It finds the three npm libraries and Python's `slugify` and `lookup` as globals.

const pageSchema = {
  type: "object",
  required: ["title", "author", "published", "markdown"],
  additionalProperties: false,
  properties: {
    title: { type: "string", minLength: 1, maxLength: 80 },
    author: { type: "string", pattern: "^[a-z]+$" },
    published: { type: "string", format: "date" },
    markdown: { type: "string" },
  },
};

// The global is a namespace; the class of the same name is inside.
const validator = ZSchema.ZSchema.create({ safe: true });
const templates = Handlebars.create();
// Handlebars adds an options object to the arguments of a helper: Python gets the text alone.
templates.registerHelper("slugify", (text) => slugify(text));

const layout = templates.compile(`<article id="{{slugify title}}">
<h1>{{title}}</h1>
<p>by {{author.name}}, {{published}}</p>
{{{body}}}</article>`);

// Validate, wait for Python, render the Markdown, fill the template.
async function renderPage(page) {
  const { valid, err } = validator.validate(page, pageSchema);
  if (!valid) {
    return { problems: err.details.map(({ path, message }) => `${path} ${message}`) };
  }
  // An exception of the Python coroutine arrives as an Error that carries the Python class name.
  const author = await lookup(page.author).catch((error) => ({ name: `nobody known (${error.name})` }));
  const body = marked.parse(page.markdown);
  return { html: layout({ ...page, author, body }), author: author.name };
}
