// Debugs a runtime through chrome-remote-interface: `node debug.js PORT ID`. Prints what it saw as one line of JSON.

const CDP = require("chrome-remote-interface");

async function main(port, id) {
  const targets = await CDP.List({ port });
  const target = targets.find((one) => one.id === id);
  const version = await CDP.Version({ port });
  // Without `local`, it asks the server for the protocol.
  const client = await CDP({ port, target });
  const { Debugger, HeapProfiler, Profiler, Runtime } = client;
  const seen = { title: target.title, version: version["Protocol-Version"], logged: [] };
  Runtime.consoleAPICalled(({ args }) => seen.logged.push(args[0].value));

  await Runtime.enable();
  await Debugger.enable();
  await Debugger.setBreakpointByUrl({ url: "area.js", lineNumber: 1 });
  let paused = Debugger.paused();
  await Runtime.runIfWaitingForDebugger();

  const stop = await paused;
  const [frame] = stop.callFrames;
  seen.stopped = [frame.functionName, frame.location.lineNumber];
  const { object } = frame.scopeChain.find((scope) => scope.type === "local");
  const { result: members } = await Runtime.getProperties({ objectId: object.objectId });
  seen.width = members.find((member) => member.name === "width").value.value;

  paused = Debugger.paused();
  await Debugger.stepOver();
  const next = await paused;
  seen.stepped = next.callFrames[0].location.lineNumber;
  const { result } = await Debugger.evaluateOnCallFrame({ callFrameId: next.callFrames[0].callFrameId, expression: "product" });
  seen.product = result.value;
  await Debugger.resume();

  await Profiler.enable();
  await Profiler.setSamplingInterval({ interval: 100 });
  await Profiler.start();
  await Runtime.evaluate({ expression: "function hot() { const end = Date.now() + 100; while (Date.now() < end); } hot(); console.log('hot')" });
  const { profile } = await Profiler.stop();
  seen.profiled = profile.nodes.some((node) => node.callFrame.functionName === "hot");

  let text = "";
  HeapProfiler.addHeapSnapshotChunk(({ chunk }) => {
    text += chunk;
  });
  await HeapProfiler.takeHeapSnapshot({ reportProgress: false });
  const snapshot = JSON.parse(text);
  seen.snapshot = snapshot.snapshot.node_count > 1000 && snapshot.strings.length > 1000;

  await Profiler.startPreciseCoverage({ callCount: true, detailed: true });
  await Runtime.evaluate({ expression: "function covered() {} covered(); covered()" });
  const { result: scripts } = await Profiler.takePreciseCoverage();
  const functions = scripts.flatMap((script) => script.functions);
  seen.covered = functions.find((one) => one.functionName === "covered").ranges[0].count;

  await client.close();
  return seen;
}

main(Number(process.argv[2]), process.argv[3]).then(
  (seen) => console.log(JSON.stringify(seen)),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
