// Reads OTLP with Langfuse's own source: node read.cjs CHECKOUT BUNDLE FILE…
// Prints, for each file, what its two ways of reading spans make of them. Queues, databases and Redis are left out.
const { build } = require("esbuild");
const { readFileSync } = require("node:fs");
const path = require("node:path");

const [checkout, bundle, ...files] = process.argv.slice(2);
const shared = path.join(checkout, "packages/shared/src");

const SERVER = `
export * from "./server/ingestion/types";
export * from "./server/ingestion/extractToolsBackend";
export const LangfuseInternalTraceEnvironment = {};
export const redis = null;
const quiet = () => {};
export const logger = { debug: quiet, info: quiet, warn: quiet, error: console.error };
const span = { setAttribute: quiet, addEvent: quiet };
export const instrumentAsync = async (_options, work) => work(span);
export const instrumentSync = (_options, work) => work(span);
export const recordIncrement = quiet, recordDistribution = quiet, traceException = quiet;
export const getS3EventStorageClient = quiet, QueueJobs = {};`;
const ROOT = `export * from "./domain/observations"; export class ForbiddenError extends Error {}`;
const NOTHING = `export const env = {}, OtelIngestionQueue = {}, convertDateToClickhouseDateTime = String;`;
const MAIN = `
export { OtelIngestionProcessor } from "./packages/shared/src/server/otel/OtelIngestionProcessor";
export { $root } from "./web/src/pages/api/public/otel/otlp-proto/generated/root";`;

const STUBS = [
  [/^\.\.\/?$/, SERVER],
  [/^\.\.\/\.\.\/?$/, ROOT],
  [/(\/env|otelIngestionQueue|clickhouse\/client)$/, NOTHING],
];
const stubs = {
  name: "stubs",
  setup(bundler) {
    bundler.onResolve({ filter: /^\.\./ }, ({ path: wanted, importer }) => {
      const at = STUBS.findIndex(([pattern]) => pattern.test(wanted));
      return at >= 0 && importer.includes("/server/otel/") ? { path: String(at), namespace: "stub" } : undefined;
    });
    bundler.onLoad({ filter: /.*/, namespace: "stub" }, ({ path: at }) => ({
      contents: STUBS[Number(at)][1],
      loader: "ts",
      resolveDir: shared,
    }));
  },
};

async function main() {
  await build({
    stdin: { contents: MAIN, resolveDir: checkout, loader: "ts" },
    bundle: true,
    platform: "node",
    format: "cjs",
    outfile: bundle,
    nodePaths: (process.env.NODE_PATH ?? "").split(path.delimiter),
    tsconfigRaw: {},
    logLevel: "error",
    plugins: [stubs],
  });
  const { OtelIngestionProcessor, $root } = require(bundle);
  const Export = $root.opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;
  const found = [];
  for (const file of files) {
    const { resourceSpans } = Export.toObject(Export.decode(readFileSync(file)), { longs: String });
    const settings = { projectId: "p", publicKey: "k", sdkName: "", sdkVersion: "", ingestionVersion: "4" };
    const processor = new OtelIngestionProcessor(settings);
    const queued = JSON.parse(JSON.stringify(resourceSpans)); // as its worker gets them
    found.push({ spans: processor.processToEvent(resourceSpans), events: await processor.processToIngestionEvents(queued) });
  }
  console.log(JSON.stringify(found));
}

main();
