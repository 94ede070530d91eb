import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { parseSpiffeBundle } from '../../src/agent/federation/index.js';
import { JsonWriter } from '../../src/agent/sds/rest/json-writer.js';
import { parsePoll } from '../../src/agent/sds/rest/rest-codec.js';
import { COMMANDS, readConfig } from '../../src/config/index.js';
import { IdentityError } from '../../src/errors/index.js';
import { JwksFile } from '../../src/pki/token-keys/jwks-file.js';
import type { KeySet } from '../../src/pki/token-keys/key-set.js';
import { TOKEN_ALGORITHMS } from '../../src/pki/token-keys/verification-keys.js';
import { silentLogger } from '../../src/telemetry/index.js';
import { below, mutated, oneOf, type Random } from '../hostile/conversations.js';
import { bundleKey, spiffeBundle } from '../support/spiffe-bundle.js';
import { TestCa } from '../support/test-ca.js';
import { TokenIssuer } from '../support/test-tokens.js';
import { mutatedJson } from './json-inputs.js';
import { secrets, watches } from './kubernetes.js';
import type { Fault, FuzzTarget } from './target.js';

/** What is said of one text: `accepted`, a code, or what is wrong. */
type Outcome = { readonly end: string; readonly fault?: Fault };

export interface Reader {
  readonly seeds: readonly string[];
  /** Names and values that mean something to it. */
  readonly words: readonly string[];
  read(bytes: Buffer, directory: string): Outcome | Promise<Outcome>;
}

/** Polls of SDS in ProtoJSON. What is accepted says the same to `JSON.parse`, and its names survive being written. */
const polls: Reader = {
  seeds: [
    '{"resource_names":["default","ROOTCA"],"version_info":"1","type_url":"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"}',
    '{"node":{"id":"a","metadata":{"b":[1,{"c":null}]}},"resourceNames":["ROOTCA"],"versionInfo":"","typeUrl":null,"error_detail":{"code":3}}',
  ],
  words: ['resource_names', 'resourceNames', 'version_info', 'versionInfo', 'type_url', 'typeUrl', 'node', 'ROOTCA'],
  read(bytes) {
    const { names, version } = parsePoll(bytes);
    const request = JSON.parse(bytes.toString());
    const meant = [...new Set<string>(request.resource_names ?? request.resourceNames ?? [])];
    if (names.join('\n') !== meant.join('\n')) return { end: 'accepted', fault: 'read other names than JSON.parse' };
    if (version !== (request.version_info ?? request.versionInfo ?? ''))
      return { end: 'accepted', fault: 'read another version' };
    const written = names.filter((name) => JSON.parse(new JsonWriter().text(name).finish().toString()) !== name);
    return written.length === 0 ? { end: 'accepted' } : { end: 'accepted', fault: 'wrote another name' };
  },
};

const issuers = (['ES256', 'RS256', 'ES384', 'EdDSA'] as const).map((alg) => new TokenIssuer({ alg }));
const tokens = await Promise.all(
  issuers.map(async (issuer) => ({ alg: issuer.alg, text: await issuer.sign(issuer.claims(), { kid: undefined }) })),
);

function isVerified(keys: KeySet, alg: string, token: string): boolean {
  const end = token.lastIndexOf('.');
  const signature = Buffer.from(token.slice(end + 1), 'base64url');
  return [...keys.candidates({ alg, kid: undefined })].some((key) => {
    try {
      return key.verifies(alg, token.slice(0, end), signature);
    } catch {
      return false;
    }
  });
}

/** Key sets. One that verifies a token does so with `jose`, too; none verifies what nobody has signed. */
const keySets: Reader = {
  seeds: [
    ...issuers.map(({ jwks }) => JSON.stringify(jwks)),
    JSON.stringify({ keys: issuers.flatMap(({ jwks }) => jwks.keys) }),
  ],
  words: [
    'keys',
    'kty',
    'crv',
    'x',
    'y',
    'n',
    'e',
    'd',
    'kid',
    'alg',
    'use',
    'key_ops',
    'verify',
    'oct',
    'P-384',
    'Ed448',
    'AQ',
  ],
  async read(bytes, directory) {
    const path = join(directory, 'jwks.json');
    writeFileSync(path, bytes);
    const keys = await (await JwksFile.open({ path, issuers: [], logger: silentLogger, now: () => 0 })).keys();
    for (const alg of TOKEN_ALGORITHMS) {
      if (isVerified(keys, alg, 'a.b.AAAA')) return { end: 'key set', fault: 'verified what nobody has signed' };
    }
    const verified = tokens.filter(({ alg, text }) => isVerified(keys, alg, text));
    for (const { text } of verified) {
      const others = await byJose(JSON.parse(bytes.toString()), text);
      if (others !== undefined) return { end: 'key set', fault: `verified by us, and not by jose: ${others}` };
    }
    return { end: verified.length > 0 ? 'key set that verifies' : 'key set' };
  },
};

/** Why `jose` takes this token from none of the keys, each asked alone: it takes none where several fit. */
async function byJose({ keys }: JSONWebKeySet, token: string): Promise<string | undefined> {
  let reason = 'no key';
  for (const key of keys) {
    try {
      await jwtVerify(token, createLocalJWKSet({ keys: [key] }));
      return undefined;
    } catch (error) {
      reason = String(error);
    }
  }
  return reason;
}

/** All but the longest lists that an option expects. */
const MAX_PROBLEM_CHARS = 4000;

/** Files of settings: each problem is told, in a line that has an end. */
const settings: Reader = {
  seeds: [
    '{"socket":"./sds.sock","caAddress":"localhost:15012","caRoot":"root.pem","tokenFile":"token","namespace":"foo","serviceAccount":"sleep"}',
    '{"mode":"node","socket":"./a","caAddress":["a:1","[::1]:2"],"caRoot":"b","ttl":"1h","rest":"keys","allowedUids":"0-9"}',
  ],
  words: ['socket', 'mode', 'ttl', 'federatedBundle', 'example.org=a', 'keyType', 'ec-p384', '1ns', '1e9h', 'toString'],
  read(bytes) {
    const files = { read: () => bytes, whyUnreadable: () => undefined };
    const result = readConfig(COMMANDS.agent, { args: ['--config', 'x.json'], environment: {}, files });
    if (result.kind !== 'invalid') return { end: 'settings' };
    const longest = Math.max(...result.problems.map(({ length }) => length));
    return { end: 'problems', ...(longest > MAX_PROBLEM_CHARS && { fault: `a problem of ${longest} characters` }) };
  },
};

const certified = [TestCa.root('one'), TestCa.root('two')];

/** Bundles of other trust domains. What is accepted has roots, each of which stands in the document. */
const bundles: Reader = {
  seeds: [
    String(spiffeBundle(certified, { sequence: 5, refreshHint: 300 })),
    String(spiffeBundle(certified.slice(0, 1))),
    JSON.stringify({ keys: [...certified.map(bundleKey), { kty: 'EC', use: 'jwt-svid', kid: 'a' }] }),
  ],
  words: ['keys', 'use', 'x509-svid', 'jwt-svid', 'x5c', 'kty', 'x', 'spiffe_sequence', 'spiffe_refresh_hint', '1e3'],
  read(bytes) {
    const { roots } = parseSpiffeBundle(bytes);
    const text = bytes.toString().replaceAll('\\', '');
    const others = roots.list().filter(({ raw }) => !text.includes(raw.toString('base64').slice(0, 40)));
    if (roots.size === 0) return { end: 'bundle', fault: 'accepted a bundle without a root' };
    return { end: 'bundle', ...(others.length > 0 && { fault: 'made a root of its own' }) };
  },
};

const MAX_MUTATED_CHARS = 5000;

const READERS = [polls, polls, keySets, bundles, settings, secrets, watches];

function inputFor(random: Random, { seeds, words }: Reader): Buffer {
  let text: string = oneOf(random, seeds);
  if (random() < 0.02) return Buffer.from(text);
  // To look for the tokens of what has become large takes longer than to read it.
  for (let count = 1 + below(random, 3); count > 0 && text.length < MAX_MUTATED_CHARS; count -= 1) {
    text = mutatedJson(random, text, words);
  }
  const bytes = Buffer.from(text);
  return random() < 0.3 && bytes.length > 0 ? mutated(random, bytes) : bytes;
}

/**
 * JSON from outside, but for tokens, which are a target of their own: SDS over REST, key sets, bundles of other trust
 * domains, files of settings, what an API server of Kubernetes answers.
 */
export const json: FuzzTarget = {
  name: 'json',
  maxInputMs: 100,
  maxGrownMb: 30,
  testRuns: 1000,
  open() {
    const directory = mkdtempSync(join(tmpdir(), 'sidecert-fuzz-'));
    const met: Record<string, number> = {};
    const count = ({ end, fault }: Outcome, bytes: Buffer): Fault => {
      met[end] = (met[end] ?? 0) + 1;
      return fault === undefined ? undefined : `${fault}: ${bytes.subarray(0, 2000)}`;
    };
    return {
      met,
      async run(random) {
        const reader = oneOf(random, READERS);
        const bytes = inputFor(random, reader);
        try {
          return count(await reader.read(bytes, directory), bytes);
        } catch (error) {
          if (error instanceof IdentityError && error.code !== 'ERR_INTERNAL') return count({ end: error.code }, bytes);
          return `threw ${error instanceof Error ? error.stack : String(error)}: ${bytes.subarray(0, 2000)}`;
        }
      },
      async close() {
        rmSync(directory, { recursive: true });
      },
    };
  },
};
