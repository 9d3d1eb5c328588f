// `URL`, with the methods that the script of Blobs adds to it.

(function () {
const { core } = __bootstrap;

core.loadExtScript("ext:deno_web/09_file.js");
const { URL, URLSearchParams } = core.loadExtScript("ext:deno_web/00_url.js");

return { __proto__: null, URL, URLSearchParams };
})();
