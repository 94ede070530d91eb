import { generateKeyPairSync } from 'node:crypto';
import t, { type Test } from 'tap';
import { prepare } from '../../../src/hotpath/js/prepare.js';
import { KEY_TYPES, makeSelfSignedRoot } from '../../../src/pki/x509/index.js';
import { HOUR_MS, NOW_MS, openssl, SLEEP } from '../../hotpath/pki.js';

/**
 * While a fresh key tells its details, Node 20.20 holds a lock; garbage that is collected at that moment may be the
 * job that made the key, whose end takes the same lock. The thread then waits for itself and cannot be terminated. It
 * takes some ten thousand keys to happen, so the question itself is what must not be asked.
 */
function forbidDetails(t: Test): void {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ofAsymmetricKeys = Object.getPrototypeOf(Object.getPrototypeOf(privateKey));
  const original = Object.getOwnPropertyDescriptor(ofAsymmetricKeys, 'asymmetricKeyDetails');
  const refuse = (): never => {
    throw new Error('a fresh key was asked for its details');
  };
  Object.defineProperty(ofAsymmetricKeys, 'asymmetricKeyDetails', { get: refuse, configurable: true });
  t.teardown(() => Object.defineProperty(ofAsymmetricKeys, 'asymmetricKeyDetails', { ...original }));
  t.throws(() => privateKey.asymmetricKeyDetails, { message: 'a fresh key was asked for its details' });
}

for (const keyType of KEY_TYPES) {
  t.test(`a fresh key of type ${keyType} is never asked for its details`, async (t) => {
    forbidDetails(t);
    const { csrPem } = prepare({ spiffeId: SLEEP, keyType });
    t.match(openssl(['req', '-verify', '-text', '-noout'], csrPem), SLEEP);
  });
}

for (const keyType of ['ec-p256', 'ec-p384'] as const) {
  t.test(`nor is that of a root of type ${keyType}`, async (t) => {
    forbidDetails(t);
    const times = { notBeforeMs: NOW_MS - HOUR_MS, notAfterMs: NOW_MS + HOUR_MS };
    const { certificatePem } = makeSelfSignedRoot({ keyType, organization: 'cluster.local', ...times });
    t.match(openssl(['x509', '-text', '-noout'], certificatePem), keyType === 'ec-p384' ? 'SHA384' : 'SHA256');
  });
}
