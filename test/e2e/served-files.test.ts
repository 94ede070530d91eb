import { createPrivateKey } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { AllowedDirectories } from '../../src/agent/files/allowed-directories.js';
import { FileSecrets } from '../../src/agent/secrets/file-secrets.js';
import { RateLimitedLogger } from '../../src/telemetry/index.js';
import { accepted, validate } from '../support/envoy-validate.js';
import { EC_KEY, type PairFiles, selfSigned } from '../support/judged-files.js';
import { ocspResponse } from '../support/ocsp-response.js';
import { OfficialSecrets } from '../support/official-secrets.js';
import { realEnvoys } from '../support/real-envoy.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { shortDir } from '../support/short-dir.js';
import { TestCa } from '../support/test-ca.js';

const official = new OfficialSecrets();
const DAY_MS = 24 * 3_600_000;

interface Row {
  readonly name: string;
  readonly files: (directory: string) => PairFiles;
  /** What becomes of the pair with us, and what Envoy says of the files as they are. */
  readonly ours: 'served' | 'refused';
  readonly envoy: 'taken' | 'refused';
}

const rsa = (bits: number) => ['-algorithm', 'RSA', '-pkeyopt', `rsa_keygen_bits:${bits}`];
const curve = (name: string) => ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${name}`];
const own =
  (shape: Omit<Parameters<typeof selfSigned>[1], 'key'> & { readonly key?: readonly string[] }) =>
  (directory: string) =>
    selfSigned(directory, { key: EC_KEY, ...shape });
const both = 'subjectAltName=DNS:a.test';
const ca = TestCa.root();
const good = ca.server();
const issued = (life: object) => () => ca.server(life);

/** Key and certificate of a file, what we make of them, and what Envoy does. */
const rows: readonly Row[] = [
  { name: 'RSA of 2048 bits', files: own({ key: rsa(2048) }), ours: 'served', envoy: 'taken' },
  { name: 'RSA of 2047 bits', files: own({ key: rsa(2047) }), ours: 'refused', envoy: 'refused' },
  { name: 'P-256', files: own({}), ours: 'served', envoy: 'taken' },
  { name: 'P-384', files: own({ key: curve('P-384') }), ours: 'served', envoy: 'taken' },
  { name: 'P-521', files: own({ key: curve('P-521') }), ours: 'served', envoy: 'taken' },
  { name: 'Ed25519', files: own({ key: ['-algorithm', 'ED25519'], digest: '' }), ours: 'served', envoy: 'taken' },
  { name: 'P-224', files: own({ key: curve('secp224r1') }), ours: 'refused', envoy: 'refused' },
  { name: 'secp256k1', files: own({ key: curve('secp256k1') }), ours: 'refused', envoy: 'refused' },
  { name: 'a Brainpool curve', files: own({ key: curve('brainpoolP256r1') }), ours: 'refused', envoy: 'refused' },
  {
    name: 'P-256 by its parameters',
    files: own({ key: [...EC_KEY, '-pkeyopt', 'ec_param_enc:explicit'] }),
    ours: 'refused',
    envoy: 'refused',
  },
  { name: 'Ed448', files: own({ key: ['-algorithm', 'ED448'], digest: '' }), ours: 'refused', envoy: 'refused' },
  {
    name: 'a key for RSA-PSS alone',
    files: own({ key: ['-algorithm', 'RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048'] }),
    ours: 'refused',
    envoy: 'refused',
  },
  { name: 'names beside an empty subject', files: own({ subject: '/' }), ours: 'served', envoy: 'taken' },
  { name: 'a common name alone', files: own({ extensions: [] }), ours: 'served', envoy: 'taken' },
  {
    name: 'neither common name nor other names',
    files: own({ subject: '/O=a', extensions: [] }),
    ours: 'refused',
    envoy: 'refused',
  },
  {
    name: 'an EC key that may not sign',
    files: own({ extensions: [both, 'keyUsage=critical,keyAgreement'] }),
    ours: 'refused',
    envoy: 'refused',
  },
  {
    name: 'an RSA key that may not sign, which Envoy refuses as a peer',
    files: own({ key: rsa(2048), extensions: [both, 'keyUsage=critical,keyEncipherment'] }),
    ours: 'refused',
    envoy: 'taken',
  },
  {
    name: 'a staple that is required and missing',
    files: own({ extensions: [both, 'tlsfeature=status_request'] }),
    ours: 'refused',
    envoy: 'refused',
  },
  { name: 'a signature with SHA-1', files: own({ digest: '-sha1' }), ours: 'refused', envoy: 'taken' },
  { name: 'a signature with MD5', files: own({ key: rsa(2048), digest: '-md5' }), ours: 'refused', envoy: 'taken' },
  {
    name: 'an expired leaf',
    files: issued({ notBeforeMs: Date.now() - 2 * DAY_MS, notAfterMs: Date.now() - DAY_MS }),
    ours: 'refused',
    envoy: 'taken',
  },
  {
    name: 'a leaf of tomorrow',
    files: issued({ notBeforeMs: Date.now() + DAY_MS, notAfterMs: Date.now() + 2 * DAY_MS }),
    ours: 'refused',
    envoy: 'taken',
  },
  {
    name: 'the key of another certificate',
    files: () => ({ ...good, keyPem: ca.server().keyPem }),
    ours: 'refused',
    envoy: 'refused',
  },
  {
    name: 'an encrypted key',
    files: () => {
      const cipher = { cipher: 'aes-256-cbc', passphrase: 'x' };
      return { ...good, keyPem: createPrivateKey(good.keyPem).export({ type: 'pkcs8', format: 'pem', ...cipher }) };
    },
    ours: 'refused',
    envoy: 'refused',
  },
  {
    name: 'a traditional key',
    files: () => ({ ...good, keyPem: createPrivateKey(good.keyPem).export({ type: 'sec1', format: 'pem' }) }),
    ours: 'served',
    envoy: 'taken',
  },
  {
    name: 'the leaf behind its issuer, which is put in front',
    files: () => ({ ...good, certPem: Buffer.concat([ca.certificatePem, good.certPem]) }),
    ours: 'served',
    envoy: 'refused',
  },
  {
    name: 'a byte order mark, which is skipped',
    files: () => ({ ...good, certPem: `\ufeff${good.certPem}` }),
    ours: 'served',
    envoy: 'refused',
  },
  {
    name: 'another certificate in comments',
    files: () => ({ ...good, certPem: `${String(ca.certificatePem).replace(/^/gm, '# ')}\n${good.certPem}` }),
    ours: 'served',
    envoy: 'taken',
  },
  {
    name: 'a certificate without its end',
    files: () => ({ ...good, certPem: `${good.certPem}${String(ca.certificatePem).replace(/-----END.*/, '')}` }),
    ours: 'refused',
    envoy: 'refused',
  },
];

/** What FileSecrets makes of a pair; `undefined` when it refuses it. */
async function served(t: Test, { certPem, keyPem }: PairFiles, ocsp?: Buffer): Promise<Served | undefined> {
  const directory = shortDir(t);
  const [cert, key] = [join(directory, 'c'), join(directory, 'k')];
  writeFileSync(cert, certPem);
  writeFileSync(key, keyPem, { mode: 0o600 });
  if (ocsp !== undefined) writeFileSync(`${cert}.ocsp`, ocsp);
  const logger = new RecordingLogger();
  const secrets = new FileSecrets({
    ...{ directories: new AllowedDirectories([directory]), generic: new Map(), privateKeyProvider: undefined },
    ...{ watch: { add: () => () => {} }, log: new RateLimitedLogger(logger, Date.now), now: Date.now },
  });
  const name = `file-cert:${cert}~${key}`;
  const changed = new Promise<void>((resolve) => {
    secrets.openStream(resolve as () => void).secret(name);
  });
  await Promise.race([changed, logger.until('secret files refused')]);
  const body = secrets.openStream(() => {}).secret(name)?.body;
  if (body === undefined) return undefined;
  const { tlsCertificate } = official.secret(body) as {
    tlsCertificate: Record<'certificateChain' | 'privateKey', Source> & { ocspStaple?: Source };
  };
  const { certificateChain, privateKey, ocspStaple } = tlsCertificate;
  return { chain: certificateChain.inlineBytes, key: privateKey.inlineBytes, staple: ocspStaple?.inlineBytes };
}

interface Source {
  readonly inlineBytes: Buffer;
}

interface Served {
  readonly chain: Buffer | string;
  readonly key: Buffer | string;
  readonly staple?: Buffer | undefined;
}

/** Whether Envoy starts with a listener that has this certificate. */
async function taken(envoy: string, directory: string, { chain, key, staple }: Served): Promise<boolean> {
  const inline = (bytes: Buffer | string) => ({ inline_bytes: Buffer.from(bytes).toString('base64') });
  const typed = (name: string, config: object) => ({
    '@type': `type.googleapis.com/envoy.extensions.${name}`,
    ...config,
  });
  const context = typed('transport_sockets.tls.v3.DownstreamTlsContext', {
    common_tls_context: {
      tls_certificates: [
        { certificate_chain: inline(chain), private_key: inline(key), ...(staple && { ocsp_staple: inline(staple) }) },
      ],
    },
  });
  const listener = {
    address: { pipe: { path: join(directory, 'l') } },
    filter_chains: [
      {
        filters: [{ name: 'echo', typed_config: typed('filters.network.echo.v3.Echo', {}) }],
        transport_socket: { name: 'tls', typed_config: context },
      },
    ],
  };
  const file = join(directory, 'envoy.json');
  writeFileSync(file, JSON.stringify({ static_resources: { listeners: [listener] } }));
  return (await validate(envoy, file)).includes(accepted(file));
}

for (const { name, path, skip } of realEnvoys()) {
  t.test(`files of a pair: what is served, ${name} takes`, { skip }, async (t) => {
    for (const row of rows) {
      const directory = shortDir(t);
      mkdirSync(join(directory, 'f'));
      const files = row.files(join(directory, 'f'));
      const ours = await served(t, files);
      t.equal(ours === undefined ? 'refused' : 'served', row.ours, row.name);
      const isTaken = await taken(path, directory, { chain: files.certPem, key: files.keyPem });
      t.equal(isTaken ? 'taken' : 'refused', row.envoy, `${row.name}, as it is`);
      t.ok(ours === undefined || (await taken(path, directory, ours)), `${row.name}, as we serve it`);
    }
  });
}

for (const { name, path, skip } of realEnvoys()) {
  t.test(`OCSP staples beside a pair: what goes with it, ${name} takes`, { skip }, async (t) => {
    const another = ca.server();
    const right = ocspResponse(t, ca, good.certPem);
    const staples = [
      { what: 'a staple of the leaf', staple: right, isUsed: true },
      { what: 'one of another leaf', staple: ocspResponse(t, ca, another.certPem), isUsed: false },
      { what: 'one of both', staple: ocspResponse(t, ca, good.certPem, another.certPem), isUsed: false },
      { what: 'one with an octet behind it', staple: Buffer.concat([right, Buffer.alloc(1)]), isUsed: false },
      { what: 'text', staple: Buffer.from('no staple'), isUsed: false },
    ];
    for (const { what, staple, isUsed } of staples) {
      const directory = shortDir(t);
      const ours = await served(t, good, staple);
      t.equal(ours?.staple !== undefined, isUsed, what);
      const asItIs = { chain: good.certPem, key: good.keyPem, staple };
      t.equal(await taken(path, directory, asItIs), isUsed, `${what}, as it is`);
      t.ok(ours !== undefined && (await taken(path, directory, ours)), `${what}, as we serve it`);
    }
  });
}
