import { COMMANDS, istioCommandLine, overview } from '../config/index.js';
import { redact } from '../telemetry/index.js';
import { nearest } from '../text/index.js';
import {
  runAgent,
  runBootstrap,
  runCitadel,
  runDemoCommand,
  runFleetCommand,
  runInjector,
  runLoadCaCommand,
  runVersion,
} from './commands.js';
import { runHealth } from './health-command.js';
import { configSources, Exit, helpColumns, print, printError } from './process.js';
import { complain, runCommand } from './run-command.js';

/**
 * Runs one command line to its end and resolves with the exit code: 0 well, 1 failed, 2 not understood.
 */
export async function runProgram(args: readonly string[]): Promise<number> {
  const [name, ...rest] = oneName(args);
  switch (name) {
    case 'agent':
      return rest[0] === 'proxy'
        ? runAsIstioAgent(rest)
        : runCommand('agent', COMMANDS.agent, configSources(rest), runAgent);
    case 'pilot-agent':
      return runAsIstioAgent(rest);
    case 'citadel':
      return runCommand('citadel', COMMANDS.citadel, configSources(rest), runCitadel);
    case 'bootstrap':
      return runCommand('bootstrap', COMMANDS.bootstrap, configSources(rest), runBootstrap);
    case 'kube-inject':
      return runCommand('kube-inject', COMMANDS['kube-inject'], configSources(rest), async (config) => {
        // Loaded only here: it reads files in ways that a probe has no use for.
        const { runKubeInject } = await import('./kube-inject.js');
        return runKubeInject(config);
      });
    case 'injector':
      return runCommand('injector', COMMANDS.injector, configSources(rest), runInjector);
    case 'demo':
      return runCommand('demo', COMMANDS.demo, configSources(rest), runDemoCommand);
    case 'fleet':
      return runCommand('fleet', COMMANDS.fleet, configSources(rest), runFleetCommand);
    case 'load-ca':
      return runCommand(name, COMMANDS[name], configSources(rest), runLoadCaCommand);
    case 'health':
      return runCommand('health', COMMANDS.health, configSources(rest), runHealth);
    case 'doctor':
      return runCommand('doctor', COMMANDS.doctor, configSources(rest), async (config) => {
        const { runDoctor } = await import('./doctor-command.js');
        return runDoctor(config);
      });
    case 'status':
      return runCommand('status', COMMANDS.status, configSources(rest), async (config) => {
        const { runStatus } = await import('./status-command.js');
        return runStatus(config);
      });
    case 'policy check':
      return runCommand(name, COMMANDS[name], configSources(rest), async (config) => {
        const { runPolicyCheck } = await import('./policy-command.js');
        return runPolicyCheck(config);
      });
    case 'policy test':
      return runCommand(name, COMMANDS[name], configSources(rest), async (config) => {
        const { runPolicyTest } = await import('./policy-command.js');
        return runPolicyTest(config);
      });
    case 'root status':
      return runCommand(name, COMMANDS[name], configSources(rest), async (config) => {
        const { runRootStatus } = await import('./root-command.js');
        return runRootStatus(config);
      });
    case 'root history':
      return runCommand(name, COMMANDS[name], configSources(rest), async (config) => {
        const { runRootHistory } = await import('./root-history.js');
        return runRootHistory(config);
      });
    case 'root stage':
      return runCommand(name, COMMANDS[name], configSources(rest), async (config) => {
        const { runRootStage } = await import('./root-command.js');
        return runRootStage(config);
      });
    case 'root activate':
    case 'root retire':
    case 'root abort':
      return runCommand(name, COMMANDS[name], configSources(rest), async (config) => {
        const { runRootStep } = await import('./root-command.js');
        return runRootStep(name === 'root activate' ? 'activate' : name === 'root retire' ? 'retire' : 'abort', config);
      });
    case 'revoke':
      return runCommand(name, COMMANDS[name], configSources(rest), async (config) => {
        const { runRevoke } = await import('./revoke-command.js');
        return runRevoke(config);
      });
    case 'trail verify':
      return runCommand(name, COMMANDS[name], configSources(rest), async (config) => {
        const { runTrailVerify } = await import('./trail-command.js');
        return runTrailVerify(config);
      });
    case 'certs list':
      return runCommand(name, COMMANDS[name], configSources(rest), async (config) => {
        const { runCertsList } = await import('./certs-command.js');
        return runCertsList(config);
      });
    case 'certs show':
      return runCommand(name, COMMANDS[name], configSources(rest), async (config) => {
        const { runCertsShow } = await import('./certs-command.js');
        return runCertsShow(config);
      });
    case 'log-level':
      return runCommand('log-level', COMMANDS['log-level'], configSources(rest), async (config) => {
        const { runLogLevel } = await import('./log-level-command.js');
        return runLogLevel(config);
      });
    case 'migrate':
      return runCommand('migrate', COMMANDS.migrate, configSources(rest), async (config) => {
        const { runMigrate } = await import('./migrate-command.js');
        return runMigrate(config);
      });
    case 'explain':
      return runCommand('explain', COMMANDS.explain, configSources(rest), async (config) => {
        const { runExplain } = await import('./explain-command.js');
        return runExplain(config);
      });
    case 'completion':
      return runCommand('completion', COMMANDS.completion, configSources(rest), async (config) => {
        const { runCompletion } = await import('./completion-command.js');
        return runCompletion(config);
      });
    case 'version':
    case '--version':
      return runCommand('version', COMMANDS.version, configSources(rest), runVersion);
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
  return runCommand('agent', COMMANDS.agent, { ...configSources(line.args), foreignArguments }, runAgent);
}
