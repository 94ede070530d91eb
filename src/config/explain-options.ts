import { type Kind, oneOf, path, sanMatcher, text } from './kinds.js';
import { type ConfigOf, listOf, optional, required, withDefault } from './option.js';
import type { StatusAddressOption } from './status-address.js';
import { ownStatusAddress } from './status-options.js';

/** A page of this machine, or a path: of a Unix socket or of a file, which is seen when it is read. */
export type PageSource = { readonly address: StatusAddressOption } | { readonly path: string };

/** Without a slash, what ends in a port is an address. */
const ADDRESS = /^(?:\[[^\]]*\]|[^/[\]]*):\d+$/;

const pageSource: Kind<PageSource> = {
  placeholder: 'HOST:PORT|PATH',
  expected:
    'a port of this machine (127.0.0.1:PORT, [::1]:PORT or localhost:PORT), the path of a Unix socket, or a file with the JSON',
  parse(value, files) {
    if (ADDRESS.test(value)) {
      const address = ownStatusAddress.parse(value, files);
      return address && { address };
    }
    const found = path.parse(value.replace(/^unix:/, ''), files);
    return found === undefined ? undefined : { path: found };
  },
};

function sideOptions(label: 'a' | 'b', part: 'client' | 'server') {
  const name = label.toUpperCase();
  return {
    page: required(pageSource, {
      flag: label,
      description: `the ${part}: the --status-address of its agent on this machine, or a file that sidecert status --output json has written; the ${label === 'a' ? 'first' : 'second'} argument without a flag`,
    }),
    identity: optional(text, {
      flag: `${label}-identity`,
      description: `which identity of ${name} is meant, where its agent has several: a SPIFFE ID or the uid of a pod`,
    }),
    expects: listOf(sanMatcher, [], {
      flag: `${label}-expects`,
      description: `which SPIFFE IDs ${name} accepts, in place of what its agent and its Envoy say`,
    }),
    envoy: optional(pageSource, {
      flag: `${label}-envoy`,
      description: `the admin pages of the Envoy of ${name} on this machine, or a file of its /config_dump: what it accepts, which versions of TLS, which secrets it holds`,
    }),
  };
}

const [a, b] = [sideOptions('a', 'client'), sideOptions('b', 'server')];

/** `sidecert explain`. */
export const EXPLAIN_OPTIONS = {
  a: a.page,
  b: b.page,
  aIdentity: a.identity,
  bIdentity: b.identity,
  aExpects: a.expects,
  bExpects: b.expects,
  aEnvoy: a.envoy,
  bEnvoy: b.envoy,
  output: withDefault(oneOf(['text', 'json']), 'text', {
    flag: 'output',
    short: 'o',
    description: 'text for people, or all judgements as JSON',
  }),
};

export type ExplainConfig = ConfigOf<typeof EXPLAIN_OPTIONS>;
