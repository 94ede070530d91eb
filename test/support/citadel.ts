import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { openClientCertificates } from '../../src/app/citadel/client-certificates.js';
import { createJwksAuthenticator } from '../../src/citadel/authn/index.js';
import { createServingCertificate, LiveAuthority } from '../../src/citadel/authority/index.js';
import type { CertificateServiceOptions } from '../../src/citadel/issuance/certificate-service.js';
import {
  addCertificateMethod,
  addTrustBundleMethod,
  MAX_CERTIFICATE_REQUEST_BYTES,
} from '../../src/citadel/issuance/index.js';
import type { TrustBundleServiceOptions } from '../../src/citadel/issuance/trust-bundle-service.js';
import { type FlagTerms, IssuingPolicy } from '../../src/citadel/policy/index.js';
import type { HotPath } from '../../src/hotpath/index.js';
import { createGrpcServer } from '../../src/net/grpc/index.js';
import type { GrpcServerOptions } from '../../src/net/grpc/server/grpc-server.js';
import { listenTls, wiresOf } from '../../src/net/transport/index.js';
import { TrustDomain } from '../../src/pki/spiffe/index.js';
import { CitadelCaller } from './citadel-caller.js';
import { PATIENCE_MS } from './patience.js';
import { RecordingLogger } from './recording-logger.js';
import { shortDir } from './short-dir.js';
import { TokenIssuer } from './test-tokens.js';

/** As Istio has them, and the flags of Citadel by default. */
export const FLAG_TERMS: FlagTerms = {
  ...{ defaultTtlMs: 24 * 3_600_000, maxTtlMs: 90 * 24 * 3_600_000 },
  ...{ bindsToToken: false, dnsNames: new Map() },
};

const trustDomain = TrustDomain.parse('cluster.local');

export interface TestCitadel {
  /** A client of its own connection. */
  readonly caller: CitadelCaller;
  /** Signs the tokens that it accepts, for the audience `istio-ca`. */
  readonly issuer: TokenIssuer;
  readonly rootPem: Buffer;
  /** `host:port`. */
  readonly address: string;
  readonly logger: RecordingLogger;
  /** Ends it before the test does. */
  close(): Promise<void>;
}

interface Options extends Partial<Omit<CertificateServiceOptions, 'logger'>> {
  /** Of the tokens that it accepts; by default one of its own. */
  readonly issuer?: TokenIssuer;
  /** Callers may show certificates. */
  readonly hasClientCertificates?: boolean;
  /** In place of those by default; without `policy`. */
  readonly flags?: Partial<FlagTerms>;
  /** Holds the authority; else it is fresh and in memory. */
  readonly directory?: string;
  /** Of the server below it: its limits, its clock. */
  readonly server?: Partial<GrpcServerOptions>;
  /** Of the method for the trust bundle alone. */
  readonly bundles?: Partial<TrustBundleServiceOptions>;
}

/**
 * A Citadel as `app` builds it, on a real TLS port, with what a test puts in place of a part; closed after the test.
 */
export async function startCitadel(t: Test, hotPath: HotPath, options: Options = {}): Promise<TestCitadel> {
  const {
    directory,
    server: serverOptions,
    flags,
    bundles: bundleOptions,
    issuer = new TokenIssuer(),
    ...rest
  } = options;
  const { hasClientCertificates = false, ...replaced } = rest;
  const policy = new IssuingPolicy({ ...FLAG_TERMS, ...flags });
  const logger = new RecordingLogger();
  const jwksFile = join(shortDir(t), 'jwks.json');
  writeFileSync(jwksFile, JSON.stringify(issuer.jwks));
  const common = { trustDomain, logger, now: Date.now };
  const live = await LiveAuthority.open({ ...common, ...(directory !== undefined && { directory }) });
  t.teardown(() => live.close());
  const { current: authority } = live;
  const audiences = ['istio-ca'];
  const authenticator = await createJwksAuthenticator({
    ...common,
    ...{ path: jwksFile, issuers: [issuer.issuer], audiences, binding: 'any' },
  });
  const serving = await createServingCertificate({
    ...common,
    hotPath,
    authority: () => authority,
    random: Math.random,
  });
  t.teardown(() => serving.close());
  const limits = { maxReceiveBytes: MAX_CERTIFICATE_REQUEST_BYTES, maxConcurrentStreams: 1000 };
  const server = createGrpcServer({ logger, ...limits, ...serverOptions });
  const clients = hasClientCertificates
    ? openClientCertificates({
        authority: () => authority,
        trustDomain,
        policy: options.policy ?? (() => policy),
        now: options.now ?? Date.now,
      })
    : undefined;
  const certificates = addCertificateMethod(server, {
    clientCertificates: clients?.certificates,
    ...{ authenticator, hotPath, authority: () => authority, policy: () => policy, logger, now: Date.now },
    ...replaced,
  });
  const bundles = addTrustBundleMethod(server, {
    authority: { issuersPemAt: (nowMs) => (options.authority?.() ?? authority).issuersPemAt(nowMs) },
    ...{ authenticator, logger, now: Date.now },
    ...bundleOptions,
  });
  const listener = await listenTls({
    ...{ host: '127.0.0.1', port: 0, backlog: 128, handshakeTimeoutMs: PATIENCE_MS, logger },
    certificate: serving.current,
    clientCertificates: clients?.check,
    admission: server.admission,
    onSocket: wiresOf((wire) => server.attach(wire, { wasAdmitted: true })),
  });
  const close = async (): Promise<void> => {
    await listener.close();
    bundles.endAllCalls();
    await server.close(0);
    certificates.close();
  };
  t.teardown(close);
  const rootPem = authority.bundle.toPem();
  const { address } = listener;
  return { caller: new CitadelCaller(t, { address, rootPem }), issuer, rootPem, address, logger, close };
}
