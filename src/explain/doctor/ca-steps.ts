import { X509Certificate } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect as connectTls, createSecureContext, type TLSSocket } from 'node:tls';
import { speaksNoTls } from '../../agent/ca-client/index.js';
import { errorCodeOf, messageOf } from '../../errors/index.js';
import { TLS_PARAMETERS, tlsAgreement } from '../../net/transport/index.js';
import { certificateFingerprint, readCertificates } from '../../pki/x509/index.js';
import { readSmallFile, systemReason } from '../../system/small-files/index.js';
import { distanceText } from '../time-words.js';
import { type Finding, Step } from './finding.js';

/** One CA of the settings. */
export interface ExaminedCa {
  readonly host: string;
  readonly port: number;
  /** `undefined`: it is asked in plain text. */
  readonly tls: { readonly rootFile: string; readonly serverName: string | undefined } | undefined;
}

export interface ReachedCa {
  readonly findings: readonly Finding[];
  /** Whether a request can be sent: all before it went well. */
  readonly isReached: boolean;
}

/** As the agent bounds them. */
const ROOT_LIMITS = { code: 'ERR_CA_ROOT_INVALID', maxBytes: 1024 * 1024, maxBlocks: 1000 } as const;

/** For each of the name, the connection and the handshake. */
const TIMEOUT_MS = 5000;

const [roots, dns, tcp, tls] = ['roots', 'CA name', 'CA connection', 'CA TLS'].map((name) => new Step(name)) as [
  Step,
  Step,
  Step,
  Step,
];

/** The way to one CA: its roots, its name, TCP, and TLS with the certificate that it shows. */
export async function examineCa(ca: ExaminedCa, nowMs: number): Promise<ReachedCa> {
  const rootPem = ca.tls === undefined ? undefined : await examineRoots(ca.tls.rootFile, nowMs);
  const findings = [...(rootPem?.findings ?? [])];
  const address = await examineName(ca);
  findings.push(address);
  if (address.verdict === 'fail') return { findings, isReached: false };
  const connected = await openTcp(ca);
  findings.push(connected.finding);
  if (connected.socket === undefined) return { findings, isReached: false };
  if (ca.tls === undefined) {
    connected.socket.destroy();
    const advice = 'leave --ca-plaintext out, and ask at the TLS port of the CA';
    findings.push(
      tls.warn('not used (--ca-plaintext): the CA is not verified, and the token can be read on the way', advice),
    );
    return { findings, isReached: true };
  }
  const handshake = await examineTls(connected.socket, ca, rootPem?.pem, nowMs);
  findings.push(handshake);
  return { findings, isReached: handshake.verdict !== 'fail' && rootPem?.pem !== undefined };
}

async function examineRoots(path: string, nowMs: number): Promise<{ findings: Finding[]; pem: Buffer | undefined }> {
  const advice = 'mount the roots of the CA there (config map istio-ca-root-cert), or set --ca-root';
  const fail = (text: string) => ({ findings: [roots.fail(text, advice)], pem: undefined });
  let certificates: X509Certificate[];
  let pem: Buffer;
  try {
    pem = (await readSmallFile(path, { what: `root file ${path}`, ...ROOT_LIMITS })).content;
    const ders = readCertificates(pem, { ...ROOT_LIMITS, what: `root file ${path}` });
    certificates = ders.map((der) => new X509Certificate(der));
  } catch (error) {
    return fail(`${errorCodeOf(error)}: ${messageOf(error)}`);
  }
  const valid = certificates.filter((one) => nowMs >= Date.parse(one.validFrom) && nowMs <= Date.parse(one.validTo));
  if (valid.length === 0) return fail(`${path}: none of ${certificates.length} certificates is valid now`);
  const ends = valid.map((one) => Date.parse(one.validTo));
  const prints = valid.map((one) => certificateFingerprint(one).slice(0, 16));
  const text = `${path}: ${valid.length} of ${certificates.length} valid, the first expires ${distanceText(Math.min(...ends), nowMs)} (SHA-256 ${prints.join(' ')})`;
  return {
    findings: [valid.length === certificates.length ? roots.ok(text) : roots.warn(text, 'take the others out')],
    pem,
  };
}

async function examineName({ host }: ExaminedCa): Promise<Finding> {
  if (isIP(host.replace(/%.*$/, '')) !== 0) return dns.ok(`${host} is an address`);
  try {
    const found = await inTime(lookup(host, { all: true }));
    return dns.ok(`${host} is ${found.map(({ address }) => address).join(', ')}`);
  } catch (error) {
    return dns.fail(
      `${host}: ${systemReason(error)}`,
      'compare --ca-address with the name and the namespace of the service, and look whether the DNS of this pod works',
    );
  }
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)), TIMEOUT_MS);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function openTcp({ host, port }: ExaminedCa): Promise<{ finding: Finding; socket: Socket | undefined }> {
  return new Promise((resolve) => {
    const socket = connectTcp({ host, port, autoSelectFamily: true });
    const fail = (text: string, advice: string): void => {
      socket.destroy();
      resolve({ finding: tcp.fail(`${host}:${port}: ${text}`, advice), socket: undefined });
    };
    socket.setTimeout(TIMEOUT_MS, () =>
      fail(`no answer within ${TIMEOUT_MS / 1000} s`, 'a firewall or a NetworkPolicy drops it, or the machine is away'),
    );
    socket.once('error', (error) =>
      fail(systemReason(error), 'start the CA, or compare --ca-address with its port: no process listens there'),
    );
    socket.once('connect', () => {
      socket
        .setTimeout(0)
        .removeAllListeners('timeout')
        .removeAllListeners('error')
        .on('error', () => {});
      resolve({ finding: tcp.ok(`${host}:${port} takes connections`), socket });
    });
  });
}

/** A handshake without a judgement, so that what is wrong can be told; then that of the agent. */
function examineTls(
  socket: Socket,
  { host, tls: settings }: ExaminedCa,
  rootPem: Buffer | undefined,
  nowMs: number,
): Promise<Finding> {
  const name = settings?.serverName ?? host;
  return new Promise((resolve) => {
    const secureContext = createSecureContext({
      ...(rootPem !== undefined && { ca: rootPem, allowPartialTrustChain: true }),
      ...TLS_PARAMETERS,
    });
    const secure = connectTls({
      ...{ socket, secureContext, ALPNProtocols: ['h2'], rejectUnauthorized: false },
      ...(isIP(name) === 0 && { servername: name }),
      // Asked below: a wrong name must not hide a wrong root.
      checkServerIdentity: () => undefined,
    });
    const done = (finding: Finding): void => {
      clearTimeout(timer);
      secure.on('error', () => {});
      secure.destroy();
      socket.destroy();
      resolve(finding);
    };
    const timer = setTimeout(
      () =>
        done(
          tls.fail(
            `no handshake within ${TIMEOUT_MS / 1000} s`,
            'the CA hangs, or waits for plain text: look at its log',
          ),
        ),
      TIMEOUT_MS,
    );
    secure.once('error', (error) => done(failedHandshake(error)));
    secure.once('close', () => done(failedHandshake(new Error('the peer closed the connection'))));
    secure.once('secureConnect', () => done(judged(secure, name, { nowMs, hasRoots: rootPem !== undefined })));
  });
}

/** The message of OpenSSL has addresses and lines of its source; its reason is a word. */
function failedHandshake(error: Error & { readonly reason?: string }): Finding {
  const { message, reason: said = message } = error;
  const advice = speaksNoTls(message)
    ? 'the peer does not speak TLS at this port: ask at the TLS port of the CA (15012 of istiod), or allow --ca-plaintext'
    : 'look at the log of the CA; it may want a client certificate (--ca-client-cert), or another version of TLS';
  return tls.fail(`the handshake failed: ${said}`, advice);
}

/** What to do, by what OpenSSL says of the chain. */
const CHAIN_ADVICE: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired: renew it, or compare the clocks',
  CERT_NOT_YET_VALID: 'its certificate is not yet valid: compare the clocks',
};

const OTHER_ROOT =
  'the roots of --ca-root are not those of this CA: take its present ones, for example from istio-ca-root-cert';

function judged(secure: TLSSocket, name: string, { nowMs, hasRoots }: { nowMs: number; hasRoots: boolean }): Finding {
  const { tlsVersion, keyExchange } = tlsAgreement(secure);
  const certificate = secure.getPeerCertificate();
  const says = `${tlsVersion}, ${keyExchange ?? 'key exchange unknown'}; its certificate is for ${certificate.subjectaltname ?? 'no name'}`;
  const clock = `our clock says ${new Date(nowMs).toISOString()}`;
  if (!secure.authorized) {
    // By the types an Error, in truth the code of OpenSSL.
    const code = String(secure.authorizationError);
    const isTime = Object.hasOwn(CHAIN_ADVICE, code);
    if (!hasRoots)
      return tls.fail(`${says}; not verified: there are no roots to verify it with`, 'mend the roots first');
    return tls.fail(`${says}; not verified: ${code}${isTime ? `, ${clock}` : ''}`, CHAIN_ADVICE[code] ?? OTHER_ROOT);
  }
  if (checkServerIdentity(name, certificate) !== undefined) {
    return tls.fail(
      `${says}, not for ${name}`,
      'set --ca-server-name to one of its names, or --ca-address to its name',
    );
  }
  const isHttp2 = secure.alpnProtocol === 'h2';
  const life = `valid, expires ${distanceText(Date.parse(certificate.valid_to), nowMs)}`;
  if (isHttp2) return tls.ok(`${says}, ${life}`);
  return tls.warn(
    `${says}, ${life}; it does not offer HTTP/2 (ALPN h2)`,
    'compare --ca-address: this is no gRPC server',
  );
}
