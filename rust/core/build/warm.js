// For the build: loads every part, so that the code that this takes is kept compiled.
((setup, border, part) => {
  delete globalThis.part;
  setup({ __proto__: null, part, timers: new Uint32Array(3) });
  for (const script of [
    "deno_web/05_base64", "deno_web/08_text_encoding", "deno_web/09_file", "jsrun_web/console",
    "deno_web/10_filereader", "deno_web/13_message_port", "deno_web/14_compression", "deno_web/01_urlpattern", "jsrun_web/clock",
    "jsrun_web/crypto", "jsrun_web/fetch", "jsrun_web/formdata", "jsrun_web/rows", "jsrun_web/streams", "jsrun_web/url",
  ]) {
    border.load(`ext:${script}.js`);
  }
})(globalThis.__jsrun_setup__, globalThis.__jsrun_streams__, globalThis.part);
