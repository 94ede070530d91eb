import { describeHotPath, renderBootstrap, startAgent, startCitadel, startInjector, VERSION } from '../app/index.js';
import type {
  AgentConfig,
  BootstrapConfig,
  CitadelConfig,
  DemoConfig,
  FleetConfig,
  InjectorConfig,
  LoadCaConfig,
  VersionConfig,
} from '../config/index.js';
import { Field, type Logger } from '../telemetry/index.js';
import { addressText } from '../text/index.js';
import { ENDING_SIGNALS } from './ending-signals.js';
import { Exit, onReaderGone, print } from './process.js';
import type { ReadSettings } from './run-command.js';
import { serve } from './serve.js';

export function runAgent(config: AgentConfig, { ignored, reread }: ReadSettings): Promise<number> {
  return serve(
    config,
    (context) => {
      tellIgnored(ignored, context.logger);
      return startAgent(config, context);
    },
    reread,
  );
}

export function runCitadel(config: CitadelConfig, { ignored, reread }: ReadSettings): Promise<number> {
  return serve(
    config,
    (context) => {
      tellIgnored(ignored, context.logger);
      return startCitadel(config, context);
    },
    reread,
  );
}

/** What other programs' settings say and means nothing here. */
function tellIgnored(ignored: readonly string[], logger: Logger): void {
  const [ofOpenTelemetry, ofIstio] = [true, false].map((isTheirs) =>
    ignored.filter((name) => name.startsWith('OTEL_') === isTheirs).join(' '),
  );
  if (ofIstio) logger.warn('settings of istio are ignored', { [Field.detail]: ofIstio });
  if (ofOpenTelemetry) logger.warn('settings of opentelemetry are ignored', { [Field.detail]: ofOpenTelemetry });
}

export function runInjector(config: InjectorConfig): Promise<number> {
  return serve(config, (context) => startInjector(config, context));
}

export async function runBootstrap(config: BootstrapConfig): Promise<number> {
  print(await renderBootstrap(config));
  return Exit.ok;
}

export async function runVersion(config: VersionConfig): Promise<number> {
  const { node, openssl } = process.versions;
  print(`sidecert ${VERSION} (node ${node}, openssl ${openssl}, hot path ${await describeHotPath(config)})\n`);
  return Exit.ok;
}

/** Loaded only here: no other command needs the fleet. */
export async function runFleetCommand(config: FleetConfig): Promise<number> {
  const { FleetDisplay, runFleet, textReport, writeReports } = await import('../fleet/index.js');
  const stop = new AbortController();
  for (const signal of ENDING_SIGNALS) process.once(signal, () => stop.abort());
  onReaderGone(() => stop.abort());
  const display = new FleetDisplay((line) => print(`${line}\n`), process.stdout.isTTY ? print : undefined);
  const surroundings = { observer: display, signal: stop.signal, now: Date.now, random: Math.random };
  const run = await runFleet(config, surroundings);
  display.end();
  await writeReports(run, { json: config.jsonFile, html: config.htmlFile });
  print(`${textReport(run.report).join('\n')}\n`);
  return run.report.isClean ? Exit.ok : Exit.failed;
}

/** Loaded only here, as the fleet is. */
export async function runLoadCaCommand(config: LoadCaConfig): Promise<number> {
  const { CaLoadDisplay, caLoadText, runCaLoad, writeCaLoadReports } = await import('../fleet/index.js');
  const stop = new AbortController();
  for (const signal of ENDING_SIGNALS) process.once(signal, () => stop.abort());
  onReaderGone(() => stop.abort());
  const display = new CaLoadDisplay((line) => print(`${line}\n`), process.stdout.isTTY ? print : undefined);
  const { caAddress, caRootFile, caServerName, jsonFile, htmlFile, ...load } = config;
  const address = addressText(caAddress);
  const options = { ...load, ca: { address, rootFile: caRootFile, serverName: caServerName } };
  const report = await runCaLoad(options, {
    ...{ observer: display, signal: stop.signal, now: Date.now, random: Math.random },
  });
  display.end();
  await writeCaLoadReports(report, address, { json: jsonFile, html: htmlFile });
  print(`${caLoadText(report).join('\n')}\n`);
  return report.isClean ? Exit.ok : Exit.failed;
}

/** Loaded only here: no other command needs the demo. */
export async function runDemoCommand({ once, hotPath }: DemoConfig): Promise<number> {
  const { runDemo } = await import('../demo/index.js');
  const stop = new AbortController();
  for (const signal of ENDING_SIGNALS) process.on(signal, () => stop.abort());
  onReaderGone(() => stop.abort());
  return runDemo({
    once,
    hotPath,
    envoyPath: process.env.ENVOY_PATH,
    sidecertCommand: [process.execPath, process.argv[1] ?? ''],
    out: (line) => print(`${line}\n`),
    draw: print,
    isTerminal: process.stdout.isTTY,
    signal: stop.signal,
  });
}
