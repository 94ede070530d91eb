import { X509Certificate } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { IssuingPolicy, readPolicyBytes } from '../../../src/citadel/policy/index.js';
import { TrustDomain } from '../../../src/pki/spiffe/index.js';
import { FLAG_TERMS, startCitadel } from '../../support/citadel.js';
import { foreignCsr } from '../../support/foreign-csr.js';
import { openHotPath } from '../../support/hot-path.js';

const hotPath = openHotPath();
const SLEEP = 'spiffe://cluster.local/ns/foo/sa/sleep';

async function policyOf(text: string): Promise<IssuingPolicy> {
  const context = { trustDomain: TrustDomain.parse('cluster.local'), serverNames: [] };
  const read = await readPolicyBytes(Buffer.from(text), context);
  if (read.kind === 'invalid') throw new Error(read.problems.join('; '));
  return new IssuingPolicy(FLAG_TERMS, read.rules);
}

const lifeOf = ([leaf = '']: readonly string[]): number => {
  const { validFrom, validTo } = new X509Certificate(leaf);
  // Leaves begin two minutes before they are issued.
  return (Date.parse(validTo) - Date.parse(validFrom)) / 1000 - 120;
};

const lives = [
  { name: 'the default of a rule', ttl: '{ default: 30m }', seconds: 0, want: 1800 },
  { name: 'a default of the flags above the maximum of a rule', ttl: '{ max: 1h }', seconds: 0, want: 3600 },
  { name: 'too long a life, clamped', ttl: '{ max: 1h, outside: clamp }', seconds: 7200, want: 3600 },
  { name: 'too short a life, clamped', ttl: '{ min: 10m, outside: clamp }', seconds: 60, want: 600 },
  { name: 'a life within the bounds', ttl: '{ min: 10m, max: 1h }', seconds: 1200, want: 1200 },
];
for (const { name, ttl, seconds, want } of lives) {
  t.test(`${name}: a certificate of ${want} s`, async (t) => {
    const policy = await policyOf(`defaults: { ttl: ${ttl} }`);
    const { caller, issuer } = await startCitadel(t, hotPath, { policy: () => policy });
    const { elements } = await caller.call({
      token: await issuer.token(),
      csr: foreignCsr(),
      validitySeconds: seconds,
    });
    t.equal(lifeOf(elements), want);
  });
}

const san = (...names: string[]): string[] => [`subjectAltName=${names.join(',')}`];
const STRICT = 'defaults: { csr: strict }\ntrustDomainAliases: [old.example]';

interface Refused {
  readonly name: string;
  readonly policy: string;
  readonly csr: string;
  readonly seconds?: number;
  readonly code?: string;
  readonly says: RegExp;
}

const refused: readonly Refused[] = [
  {
    ...{ name: 'too long a life', policy: 'defaults: { ttl: { max: 1h } }', csr: foreignCsr(), seconds: 3601 },
    ...{ code: 'ERR_TTL_TOO_LONG', says: /got 3601 s, expected at most 3600 s/ },
  },
  {
    ...{ name: 'too short a life', policy: 'defaults: { ttl: { min: 1h } }', csr: foreignCsr(), seconds: 60 },
    ...{ code: 'ERR_TTL_TOO_SHORT', says: /got 60 s, expected at least 3600 s/ },
  },
  {
    ...{ name: 'an RSA key', policy: 'defaults: { keyTypes: [ec-p256] }', csr: foreignCsr({ key: 'RSA-2048' }) },
    says: /CSR public key: got rsa-2048, expected ec-p256 \(defaults\)/,
  },
  {
    ...{ name: 'a P-256 key', csr: foreignCsr() },
    policy: 'rules: [{ name: strong, namespace: foo, keyTypes: [ec-p384, rsa-4096] }]',
    says: /got ec-p256, expected ec-p384, rsa-4096 \(rules\[0\] \(strong\)\)/,
  },
  { name: 'no name', policy: STRICT, csr: foreignCsr({ extensions: [] }), says: /names: got none, expected one URI/ },
  {
    ...{ name: 'the name of another', policy: STRICT, csr: foreignCsr({ extensions: san(`URI:${SLEEP}-2`) }) },
    says: /names: got URI:spiffe:\/\/cluster.local\/ns\/foo\/sa\/sleep-2, expected one URI/,
  },
  {
    ...{ name: 'a DNS name', policy: STRICT, csr: foreignCsr({ extensions: san(`URI:${SLEEP}`, 'DNS:a.example') }) },
    says: /DNS:a.example/,
  },
  {
    ...{ name: 'a further extension', policy: STRICT },
    csr: foreignCsr({ extensions: [...san(`URI:${SLEEP}`), 'basicConstraints=CA:TRUE'] }),
    says: /extensions: got others than subjectAltName/,
  },
  {
    ...{ name: 'a common name', policy: STRICT },
    csr: foreignCsr({ subject: '/CN=sleep', extensions: san(`URI:${SLEEP}`) }),
    says: /subject: got a name/,
  },
  { name: 'garbage', policy: STRICT, csr: 'garbage', code: 'ERR_CSR_INVALID', says: /CSR/ },
];
for (const { name, policy: text, csr, seconds = 0, code = 'ERR_POLICY_REFUSED', says } of refused) {
  t.test(`against the policy: ${name}`, async (t) => {
    const policy = await policyOf(text);
    const { caller, issuer, logger } = await startCitadel(t, hotPath, { policy: () => policy });
    const answer = await caller.call({ token: await issuer.token(), csr, validitySeconds: seconds });
    t.equal(answer.code, status.INVALID_ARGUMENT);
    t.match(answer.details, /^CSR signing error \(.+\)$/);
    t.match(answer.details, says);
    t.match(logger.of('certificate refused'), [{ level: 'warn', fields: { code, reason: says } }]);
    t.equal(logger.of('certificate issued').length, 0);
  });
}

const accepted = [
  { name: 'its own name', extensions: san(`URI:${SLEEP}`) },
  { name: 'its own name in an alias of the trust domain', extensions: san('URI:spiffe://old.example/ns/foo/sa/sleep') },
];
for (const { name, extensions } of accepted) {
  t.test(`a strict policy takes a CSR with ${name}; the leaf has that of the token`, async (t) => {
    const policy = await policyOf(STRICT);
    const { caller, issuer, logger } = await startCitadel(t, hotPath, { policy: () => policy });
    const csr = foreignCsr({ subject: '/O=', extensions });
    const { code, elements } = await caller.call({ token: await issuer.token(), csr });
    t.equal(code, status.OK);
    t.equal(new X509Certificate(elements[0] ?? '').subjectAltName, `URI:${SLEEP}`);
    t.equal(logger.of('csr asks for another identity than its token has').length, 0);
  });
}

t.test('a strict policy takes the CSR of an agent, with its empty organization', async (t) => {
  const policy = await policyOf(`${STRICT}\nrules: [{ namespace: foo, keyTypes: [ec-p256] }]`);
  const { caller, issuer } = await startCitadel(t, hotPath, { policy: () => policy });
  const { csrPem } = await hotPath.prepare({ spiffeId: SLEEP, keyType: 'ec-p256' });
  t.equal((await caller.call({ token: await issuer.token(), csr: csrPem.toString() })).code, status.OK);
});
