import type { SymptomId } from '../../symptoms/index.js';
import type { TlsContext } from './envoy-facts.js';
import { type Judgement, Rule } from './judgement.js';
import type { Part } from './leaf-rules.js';
import type { Side } from './side.js';

const transport = new Rule('transport');
const showing = new Rule('showing');
const verification = new Rule('verification');
const alpn = new Rule('ALPN');

/** The TLS contexts of an Envoy for its part. */
export function contextsOf({ envoy }: Side, part: Part): readonly TlsContext[] {
  return (envoy?.contexts ?? []).filter(({ side }) => side === part);
}

/** Where nothing is known of an Envoy: what one has by default, and the newest version, which it may have got. */
const BY_DEFAULT: TlsContext = {
  ...{ name: '', matchers: [], sni: '', choosesSni: true, alpn: [], chainSnis: [], chainAlpn: [] },
  params: { minVersion: undefined, maxVersion: 'TLSv1_3', ciphers: [], curves: [], signatures: [] },
  ...{ side: 'client', wantsClientCertificate: true, certificates: [], hasOwnCertificate: false, bundle: undefined },
  ...{ verifies: true, acceptsUntrusted: false, pins: { hashes: [], keys: [] } },
};

interface Pair {
  readonly ours: TlsContext;
  readonly theirs: TlsContext;
}

/** What both ends of a handshake have to agree on before a certificate is shown. */
interface Agreement {
  readonly rule: Rule;
  readonly symptom: SymptomId;
  agrees(pair: Pair, server: Side): boolean;
  text(context: TlsContext): string;
}

/** In the order in which a server looks at them. */
const AGREEMENTS: readonly Agreement[] = [
  {
    rule: new Rule('filter chain'),
    symptom: 'tls-filter-chain',
    agrees: ({ ours, theirs }) => isChosenBySni(ours, theirs) && isChosenByAlpn(ours, theirs),
    text: ({ side, sni, alpn, chainSnis, chainAlpn }) =>
      side === 'client'
        ? `SNI ${sni || 'none'}, ALPN ${listText(alpn)}`
        : `a filter chain for SNI ${listText(chainSnis, 'any')}, ALPN ${listText(chainAlpn, 'any')}`,
  },
  {
    rule: new Rule('TLS version'),
    symptom: 'tls-version',
    agrees: (pair) => highestOf(pair) >= Math.max(rangeOf(pair.ours).low, rangeOf(pair.theirs).low),
    text: (context) => `${lowestOf(context)} to ${newestOf(context)}`,
  },
  {
    rule: new Rule('cipher suite'),
    symptom: 'tls-cipher',
    agrees: haveCipher,
    text: ({ params: { ciphers } }) => `cipher suites ${listText(ciphers, 'of Envoy by default')}`,
  },
  {
    rule: new Rule('key exchange'),
    symptom: 'tls-curves',
    agrees: ({ ours, theirs }) => haveCommon(curvesOf(ours), curvesOf(theirs)),
    text: (context) => `curves ${listText(curvesOf(context))}`,
  },
];

/** Whether some TLS context of the client agrees with one of the server: only where one of both is known. */
export function judgeTls(client: Side, server: Side): Judgement[] {
  const [ours, theirs] = [contextsOf(client, 'client'), contextsOf(server, 'server')];
  const plain = [judgePlain(client, 'client'), judgePlain(server, 'server')].filter((one) => one !== undefined);
  if (plain.length > 0 || (ours.length === 0 && theirs.length === 0)) return plain;
  let pairs = (ours.length === 0 ? [BY_DEFAULT] : ours).flatMap((mine) =>
    (theirs.length === 0 ? [{ ...BY_DEFAULT, side: 'server' as const }] : theirs).map((other) => ({
      ours: mine,
      theirs: other,
    })),
  );
  const judgements: Judgement[] = [];
  for (const { rule, symptom, agrees, text } of AGREEMENTS) {
    const left = pairs.filter((pair) => agrees(pair, server));
    const told = [
      ...ours.map((one) => `${client.label}'s Envoy: ${text(one)}${placeText(one)}`),
      ...theirs.map((one) => `${server.label}'s Envoy: ${text(one)}${placeText(one)}`),
    ].join('; ');
    if (left.length === 0) return [...judgements, rule.fail(symptom, told)];
    judgements.push(rule.ok(told));
    pairs = left;
  }
  const isWithoutAlpn = pairs.every(({ ours: { alpn: mine }, theirs: { alpn: other } }) => {
    return mine.length > 0 && other.length > 0 && !haveCommon(mine, other);
  });
  if (!isWithoutAlpn) return judgements;
  const offers = pairs.map(({ ours: mine, theirs: other }) => `${listText(mine.alpn)} against ${listText(other.alpn)}`);
  return [
    ...judgements,
    alpn.warn('tls-alpn', `client and server have no protocol in common: ${[...new Set(offers)].join('; ')}`),
  ];
}

/** An Envoy that is known, and has no TLS for this part. */
function judgePlain(side: Side, part: Part): Judgement | undefined {
  const { envoy, label } = side;
  // Of an Envoy that is known by its certificates alone, nothing can be said.
  if (envoy === undefined || !envoy.isWhole || contextsOf(side, part).length > 0) return undefined;
  const place = part === 'client' ? 'cluster' : 'listener';
  const others = envoy.contexts.length;
  const swapped = others > 0 ? `; it has TLS in the other direction: is ${label} the ${otherOf(part)}?` : '';
  return transport.fail('envoy-plain-text', `no ${place} of ${label}'s Envoy has a TLS context${swapped}`);
}

function otherOf(part: Part): Part {
  return part === 'client' ? 'server' : 'client';
}

/** (Envoy, `FilterChainMatch.server_names`: exact, or `*.` before the end of a name) */
function isChosenBySni({ sni, choosesSni }: TlsContext, { chainSnis }: TlsContext): boolean {
  if (chainSnis.length === 0 || choosesSni) return true;
  const name = sni.toLowerCase();
  return chainSnis.some((one) => (one.startsWith('*.') ? name.endsWith(one.slice(1)) : one.toLowerCase() === name));
}

function isChosenByAlpn(ours: TlsContext, { chainAlpn }: TlsContext): boolean {
  return chainAlpn.length === 0 || ours === BY_DEFAULT || haveCommon(ours.alpn, chainAlpn);
}

/** In their order. */
const VERSIONS = ['TLSv1_0', 'TLSv1_1', 'TLSv1_2', 'TLSv1_3'];
const TLS_1_3 = VERSIONS.indexOf('TLSv1_3');

/** (Envoy, `DEFAULT_MIN_VERSION` of both) */
function lowestOf({ params: { minVersion = 'TLSv1_2' } }: TlsContext): string {
  return minVersion;
}

/** (Envoy, `ClientContextConfigImpl::DEFAULT_MAX_VERSION`, and that of servers) */
function newestOf({ side, params: { maxVersion = side === 'client' ? 'TLSv1_2' : 'TLSv1_3' } }: TlsContext): string {
  return maxVersion;
}

function rangeOf(context: TlsContext): { low: number; high: number } {
  const [low, high] = [VERSIONS.indexOf(lowestOf(context)), VERSIONS.indexOf(newestOf(context))];
  return { low, high: high < 0 ? VERSIONS.length : high };
}

/** The version that both speak in the end. */
function highestOf({ ours, theirs }: Pair): number {
  return Math.min(rangeOf(ours).high, rangeOf(theirs).high);
}

/** (Envoy, `ServerContextConfigImpl::DEFAULT_CIPHER_SUITES`, and those of clients) */
const DEFAULT_CIPHERS = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
];

/** Suites are for TLS 1.2, where they name the kind of key of the server, too. (RFC 8446 §4.1.1) */
function haveCipher(pair: Pair, server: Side): boolean {
  if (highestOf(pair) >= TLS_1_3) return true;
  const ours = ciphersOf(pair.ours);
  const common = ciphersOf(pair.theirs).filter((one) => ours.includes(one));
  const kind = server.chain[0]?.certificate.publicKey.asymmetricKeyType;
  if (kind === undefined) return common.length > 0;
  return common.some((one) => one.includes('ECDSA') === (kind !== 'rsa'));
}

function ciphersOf({ params: { ciphers } }: TlsContext): readonly string[] {
  return ciphers.length === 0 ? DEFAULT_CIPHERS : ciphers;
}

/** (Envoy, `DEFAULT_CURVES`; newer ones have the hybrid, too) */
const DEFAULT_CURVES = ['X25519MLKEM768', 'X25519', 'P-256'];

function curvesOf({ params: { curves } }: TlsContext): readonly string[] {
  return curves.length === 0 ? DEFAULT_CURVES : curves;
}

function haveCommon(ours: readonly string[], theirs: readonly string[]): boolean {
  return ours.some((one) => theirs.includes(one));
}

function listText(list: readonly string[], none = 'none'): string {
  return list.length === 0 ? none : list.join(' ');
}

function placeText({ name }: TlsContext): string {
  return name === '' ? '' : ` (${name})`;
}

/** Whether the Envoy of a side shows a certificate, and that of its agent. */
export function judgeShowing(shown: Side, part: Part): Judgement | undefined {
  const contexts = contextsOf(shown, part);
  const [first] = contexts;
  const bySds = contexts.flatMap(({ certificates }) => certificates);
  const { label } = shown;
  if (first === undefined || bySds.some(({ file }) => file === undefined)) return undefined;
  const where = first.name === '' ? part : first.name;
  const files = bySds.map(({ name, file }) => `${name} from the file ${file}`);
  if (files.length > 0)
    return showing.warn(
      'envoy-own-files',
      `${where} of ${label}'s Envoy takes ${files.join(', ')}, not from its agent`,
    );
  if (!contexts.some(({ hasOwnCertificate }) => hasOwnCertificate)) {
    const text = `${where} of ${label}'s Envoy has no certificate in its TLS context`;
    return showing.fail('envoy-shows-none', text);
  }
  return showing.warn('envoy-own-files', `${where} of ${label}'s Envoy has a certificate of its own configuration`);
}

/** Whether the Envoy of the verifier verifies at all, and by the roots of its agent. */
export function judgeVerification(verifier: Side, part: Part): Judgement | undefined {
  const contexts = contextsOf(verifier, part);
  const { label } = verifier;
  const named = (some: readonly TlsContext[]): string => some.map(({ name }) => name).join(', ');
  const lax = contexts.filter(
    (one) => !one.verifies || one.acceptsUntrusted || (part === 'server' && !one.wantsClientCertificate),
  );
  if (contexts.length > 0 && lax.length === contexts.length) {
    return verification.warn('not-verified', `${label}'s Envoy does not verify its peer: ${named(lax)}`);
  }
  const own = contexts.filter(({ bundle }) => bundle === undefined || bundle.file !== undefined);
  if (contexts.length === 0 || own.length < contexts.length) return undefined;
  const files = own.flatMap(({ bundle }) => bundle?.file ?? []);
  const from = files.length > 0 ? `the file ${files.join(', ')}` : 'its own configuration';
  return verification.warn('envoy-own-roots', `${label}'s Envoy takes its roots from ${from}: ${named(own)}`);
}
