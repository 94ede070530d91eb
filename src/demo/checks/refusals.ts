import type { HttpClient } from '../kubernetes/http-client.js';
import type { HeldSecrets } from '../sidecars/secret-client.js';
import type { Sidecar } from '../sidecars/sidecar.js';
import { CheckFailed } from './checklist.js';
import { probeTls } from './tls-probe.js';

/** A client that shows no certificate must get no answer. */
export async function expectNoCertificateRefused(port: number): Promise<string> {
  const outcome = await probeTls({ port });
  if (outcome.kind === 'answered') throw new CheckFailed(`answered ${outcome.status}, expected a refused handshake`);
  return outcome.reason;
}

/**
 * A client with the right name from another CA must get no answer; the same client with the same name from our CA must
 * get one, or the refusal would prove nothing.
 */
export async function expectForeignCaRefused(port: number, foreign: HeldSecrets, own: HeldSecrets): Promise<string> {
  const control = await probeTls({ port, identity: own });
  if (control.kind === 'refused' || control.status !== 200) {
    throw new CheckFailed(`with a certificate of our CA: got ${JSON.stringify(control)}, expected 200`);
  }
  const outcome = await probeTls({ port, identity: foreign });
  if (outcome.kind === 'answered') throw new CheckFailed(`answered ${outcome.status}, expected a refused handshake`);
  return `${outcome.reason}; the same client with a certificate of our CA: ${control.status}`;
}

export interface SanRefusal {
  readonly sidecar: Sidecar;
  readonly allowed: HttpClient;
  readonly forbidden: HttpClient;
}

/** A sidecar whose SAN matcher names one caller must answer it, refuse the other, and count the refusal. */
export async function expectSanRefused({ sidecar, allowed, forbidden }: SanRefusal): Promise<string> {
  const before = await sidecar.refusedBySan();
  const good = await allowed.get(sidecar.name, '/ip');
  if (good.status !== 200) throw new CheckFailed(`the caller that is allowed got ${good.status}, expected 200`);
  const bad = await forbidden.get(sidecar.name, '/ip');
  const refused = (await sidecar.refusedBySan()) - before;
  if (bad.status !== 503 || refused === 0) {
    throw new CheckFailed(`the caller that is not allowed got ${bad.status} (${refused} SAN refusals), expected 503`);
  }
  return `${bad.status}, ${refused} handshakes refused for the SAN; the caller that is allowed: ${good.status}`;
}
