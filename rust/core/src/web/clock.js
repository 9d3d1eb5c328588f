// `performance`, whose time begins when an isolate does.

(function () {
const { core } = __bootstrap;

const performance = core.loadExtScript("ext:deno_web/15_performance.js");
const { host } = core.loadExtScript("ext:jsrun_web/host.js");

/** In an isolate that starts, and in one that has started. */
function begin() {
  if (host() !== null) {
    performance.setTimeOrigin();
  }
}

begin();

return { __proto__: null, ...performance, begin };
})();
