import { IdentityError } from '../../errors/index.js';
import { openingOption } from './node-options.js';

/** What Node.js itself says of the ways into the memory of this process that are open. */
interface NodeState {
  /** Where the inspector listens, opened by an option, a signal or code. */
  readonly inspectorUrl: string | undefined;
  /** When a diagnostic report is written, which holds the environment and the command line. */
  readonly reportsOn: readonly string[];
}

/** Asks Node.js. */
function nodeState(): NodeState {
  const { report, features } = process;
  const reportsOn = [
    ...(report?.reportOnSignal ? ['signal'] : []),
    ...(report?.reportOnFatalError ? ['fatal error'] : []),
    ...(report?.reportOnUncaughtException ? ['uncaught exception'] : []),
  ];
  // Loaded here and not imported: it takes a millisecond, and a Node.js that was built without it has no such module.
  const inspector = features.inspector ? process.getBuiltinModule('node:inspector') : undefined;
  return { inspectorUrl: inspector?.url(), reportsOn };
}

/**
 * Refuses to hold keys in a process whose memory is open: to a debugger, in a file of its heap, of its profile or of
 * its TLS keys. To be called before the first key is read or made. `options` are those of `process.execArgv` and of
 * `NODE_OPTIONS`; those that Node.js cannot be asked for must be known as harmless.
 * @throws IdentityError `ERR_CONFIG_INVALID` naming the option, or what is open.
 */
export function refuseOpenMemory(options: readonly string[], node: NodeState = nodeState()): void {
  const option = openingOption(options);
  if (option !== undefined) {
    throw refused(`got ${option.split('=', 1)[0]}, expected only options that are known to keep it closed`);
  }
  if (node.inspectorUrl !== undefined) throw refused('got an open inspector, expected none');
  if (node.reportsOn.length > 0) throw refused(`got diagnostic reports on ${node.reportsOn.join(', ')}, expected none`);
}

function refused(problem: string): IdentityError {
  return new IdentityError(
    'ERR_CONFIG_INVALID',
    `node options: ${problem}: this process holds private keys (see its command line and NODE_OPTIONS)`,
  );
}
