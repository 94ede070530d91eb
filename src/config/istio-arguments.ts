import type { ForeignArguments } from './foreign-variables.js';
import type { OptionSpec, Schema } from './option.js';

/** What Istio calls a proxy; the security part of its agent is the same for both. */
const PROXIES = ['sidecar', 'router'];

/** Flags of Istio's agent that its table of variables knows. */
const TAKEN = ['log_output_level'];

export type IstioCommandLine =
  | { readonly kind: 'proxy'; readonly args: readonly string[]; readonly foreignArguments: ForeignArguments }
  | { readonly kind: 'invalid'; readonly problem: string };

/**
 * Takes the command line of Istio's agent apart, from `proxy` on: `proxy sidecar --domain x --proxyLogLevel=warning`.
 * Flags of our own may stand among them. What is of Envoy, of xDS or of the mesh is ignored, and named.
 */
export function istioCommandLine(schema: Schema, given: readonly string[]): IstioCommandLine {
  const [command, ...rest] = given;
  if (command !== 'proxy') return { kind: 'invalid', problem: `got ${JSON.stringify(command ?? '')}, expected proxy` };
  const role = rest[0]?.startsWith('-') === false ? rest.shift() : undefined;
  if (role !== undefined && !PROXIES.includes(role)) {
    return { kind: 'invalid', problem: `proxy: got ${JSON.stringify(role)}, expected one of ${PROXIES.join(', ')}` };
  }
  const own = new Map(Object.values(schema).map((option) => [option.flag, option]));
  const args: string[] = [];
  const values: Record<string, string> = {};
  const ignored: string[] = [];
  while (rest.length > 0) {
    const argument = rest.shift() ?? '';
    const [, name = '', inline] = /^--?([^=]*)(?:=([\s\S]*))?$/.exec(argument) ?? [];
    if (isOwn(name, own)) {
      args.push(argument, ...(inline === undefined && own.get(name)?.shape !== 'switch' ? takeValue(rest) : []));
    } else if (argument.startsWith('-')) {
      const [value = ''] = inline === undefined ? takeValue(rest) : [inline];
      if (TAKEN.includes(name)) values[`--${name}`] = value;
      else ignored.push(`--${name}`);
    }
  }
  return { kind: 'proxy', args, foreignArguments: { values, ignored } };
}

function isOwn(name: string, own: ReadonlyMap<string, OptionSpec<unknown>>): boolean {
  return own.has(name) || ['config', 'help', 'h'].includes(name);
}

/** What follows a flag that has no value of its own with it. */
function takeValue(rest: string[]): string[] {
  return rest[0] === undefined || rest[0].startsWith('-') ? [] : rest.splice(0, 1);
}
