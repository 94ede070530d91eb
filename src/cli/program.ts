import { isDeepStrictEqual } from 'node:util';
import {
  COMMANDS,
  type CommandName,
  type CommandSpec,
  type ConfigOf,
  type ConfigSources,
  commandHelp,
  istioCommandLine,
  overview,
  readConfig,
  type Schema,
} from '../config/index.js';
import { IdentityError } from '../errors/index.js';
import { type LogLevel, redact } from '../telemetry/index.js';
import { nearest } from '../text/index.js';
import {
  type ReadSettings,
  runAgent,
  runBootstrap,
  runCitadel,
  runDemoCommand,
  runFleetCommand,
  runHealth,
  runInjector,
  runVersion,
} from './commands.js';
import { configSources, Exit, helpColumns, print, printError } from './process.js';
import type { Reread } from './reload.js';

/**
 * Runs one command line to its end and resolves with the exit code: 0 well, 1 failed, 2 not understood.
 */
export async function runProgram(args: readonly string[]): Promise<number> {
  const [name, ...rest] = oneName(args);
  switch (name) {
    case 'agent':
      return rest[0] === 'proxy' ? runAsIstioAgent(rest) : run('agent', COMMANDS.agent, configSources(rest), runAgent);
    case 'pilot-agent':
      return runAsIstioAgent(rest);
    case 'citadel':
      return run('citadel', COMMANDS.citadel, configSources(rest), runCitadel);
    case 'bootstrap':
      return run('bootstrap', COMMANDS.bootstrap, configSources(rest), runBootstrap);
    case 'kube-inject':
      return run('kube-inject', COMMANDS['kube-inject'], configSources(rest), async (config) => {
        // Loaded only here: it reads files in ways that a probe has no use for.
        const { runKubeInject } = await import('./kube-inject.js');
        return runKubeInject(config);
      });
    case 'injector':
      return run('injector', COMMANDS.injector, configSources(rest), runInjector);
    case 'demo':
      return run('demo', COMMANDS.demo, configSources(rest), runDemoCommand);
    case 'fleet':
      return run('fleet', COMMANDS.fleet, configSources(rest), runFleetCommand);
    case 'health':
      return run('health', COMMANDS.health, configSources(rest), runHealth);
    case 'doctor':
      return run('doctor', COMMANDS.doctor, configSources(rest), async (config) => {
        const { runDoctor } = await import('./doctor-command.js');
        return runDoctor(config);
      });
    case 'status':
      return run('status', COMMANDS.status, configSources(rest), async (config) => {
        const { runStatus } = await import('./status-command.js');
        return runStatus(config);
      });
    case 'policy check':
      return run(name, COMMANDS[name], configSources(rest), async (config) => {
        const { runPolicyCheck } = await import('./policy-command.js');
        return runPolicyCheck(config);
      });
    case 'policy test':
      return run(name, COMMANDS[name], configSources(rest), async (config) => {
        const { runPolicyTest } = await import('./policy-command.js');
        return runPolicyTest(config);
      });
    case 'trail verify':
      return run(name, COMMANDS[name], configSources(rest), async (config) => {
        const { runTrailVerify } = await import('./trail-command.js');
        return runTrailVerify(config);
      });
    case 'certs list':
      return run(name, COMMANDS[name], configSources(rest), async (config) => {
        const { runCertsList } = await import('./certs-command.js');
        return runCertsList(config);
      });
    case 'certs show':
      return run(name, COMMANDS[name], configSources(rest), async (config) => {
        const { runCertsShow } = await import('./certs-command.js');
        return runCertsShow(config);
      });
    case 'log-level':
      return run('log-level', COMMANDS['log-level'], configSources(rest), async (config) => {
        const { runLogLevel } = await import('./log-level-command.js');
        return runLogLevel(config);
      });
    case 'migrate':
      return run('migrate', COMMANDS.migrate, configSources(rest), async (config) => {
        const { runMigrate } = await import('./migrate-command.js');
        return runMigrate(config);
      });
    case 'explain':
      return run('explain', COMMANDS.explain, configSources(rest), async (config) => {
        const { runExplain } = await import('./explain-command.js');
        return runExplain(config);
      });
    case 'version':
    case '--version':
      return run('version', COMMANDS.version, configSources(rest), runVersion);
    case 'help':
    case '--help':
    case '-h':
      print(overview(helpColumns()));
      return Exit.ok;
    default:
      printError(`sidecert: got ${unknownCommand(name)}\n`);
      return Exit.usage;
  }
}

/** The two words of `policy check` and its like as one name, and what follows them. */
function oneName(args: readonly string[]): readonly string[] {
  const [first = '', second, ...rest] = args;
  const isOfTwoWords = Object.keys(COMMANDS).some((name) => name.startsWith(`${first} `));
  return isOfTwoWords ? [second === undefined ? first : `${first} ${second}`, ...rest] : args;
}

function unknownCommand(name: string | undefined): string {
  const all = [...Object.keys(COMMANDS), 'help'];
  const [first = ''] = name?.split(' ') ?? [];
  const ofThisKind = all.filter((command) => command.startsWith(`${first} `));
  const commands = ofThisKind.length > 0 ? ofThisKind : all;
  const meant = name === undefined ? undefined : nearest(name, commands);
  const got = name === undefined ? 'no command' : JSON.stringify(redact(name));
  return `${got}, expected one of ${commands.join(', ')}${meant === undefined ? '' : `; did you mean ${meant}?`}`;
}

/** An agent by the command line of Istio's. */
async function runAsIstioAgent(args: readonly string[]): Promise<number> {
  const line = istioCommandLine(COMMANDS.agent.schema, args);
  if (line.kind === 'invalid') {
    complain('pilot-agent', line.problem);
    return Exit.usage;
  }
  const { foreignArguments } = line;
  return run('agent', COMMANDS.agent, { ...configSources(line.args), foreignArguments }, runAgent);
}

async function run<S extends Schema>(
  name: CommandName,
  command: CommandSpec<S>,
  sources: ConfigSources,
  action: (config: ConfigOf<S>, read: ReadSettings) => Promise<number>,
): Promise<number> {
  const result = readConfig(command, sources);
  switch (result.kind) {
    case 'help':
      print(commandHelp(name, helpColumns()));
      return Exit.ok;
    case 'invalid':
      for (const problem of result.problems) complain(name, problem);
      printError(`sidecert ${name} --help tells what can be set\n`);
      return Exit.usage;
    case 'ok':
      return action(result.config, {
        ignored: result.ignored,
        reread: () => reread(command, sources, result.config),
      }).catch((error: unknown) => failed(name, error));
    default:
      return result satisfies never;
  }
}

/** The settings as they are written now, beside those of the start. */
function reread<S extends Schema>(command: CommandSpec<S>, sources: ConfigSources, before: ConfigOf<S>): Reread {
  const result = readConfig(command, sources);
  if (result.kind !== 'ok') return { kind: 'invalid', problems: result.kind === 'invalid' ? result.problems : [] };
  const changed = Object.entries(command.schema).filter(
    ([key]) => !isDeepStrictEqual(Reflect.get(result.config, key), Reflect.get(before, key)),
  );
  const { logLevel = 'info' }: { readonly logLevel?: LogLevel } = result.config;
  return { kind: 'ok', logLevel, changed: changed.map(([, { flag }]) => flag) };
}

/** An error that we know speaks for itself, and so does one of the system; of any other the stack is what helps. */
function failed(name: string, error: unknown): number {
  if (error instanceof IdentityError) complain(name, `${error.code}: ${error.message}`);
  else if (error instanceof Error && 'syscall' in error) complain(name, error.message);
  else complain(name, error instanceof Error ? (error.stack ?? error.message) : String(error));
  return Exit.failed;
}

/**
 * A value is quoted in the complaint about it, and a user who took a flag for another may have given a token or a key.
 */
function complain(name: string, problem: string): void {
  printError(`sidecert ${name}: ${redact(problem)}\n`);
}
