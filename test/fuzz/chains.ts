import { IdentityError } from '../../src/errors/index.js';
import type { SealRequest } from '../../src/hotpath/index.js';
import { encodePem } from '../../src/pki/x509/index.js';
import { below, type Random } from '../hostile/conversations.js';
import { IMPLEMENTATIONS } from '../hotpath/implementations.js';
import { NOW_MS, pkcs8, SLEEP } from '../hotpath/pki.js';
import { oddSet } from '../support/odd-sets.js';
import { bytesTarget } from './bytes-target.js';
import type { FuzzTarget } from './target.js';

/** Sets of which some are accepted as they are, and some are not. */
const sets = Array.from({ length: 30 }, (_, seed) => oddSet(seed + 1, SLEEP, NOW_MS));

/** Each certificate, behind an octet that says of which set it is. */
const seeds = sets.flatMap(({ leaf, others, roots }, index) =>
  [leaf, ...others, ...roots].map((der) => Buffer.concat([Buffer.of(index), der])),
);

/**
 * Chains: a certificate of a set, mutated, in the place of a leaf, of a root, or beside the others. Both hot paths say the same of
 * it, word for word.
 */
export const chains: FuzzTarget = bytesTarget({
  ...{ name: 'chains', maxInputMs: 500, maxGrownMb: 40, testRuns: 700, seeds },
  read(input, random) {
    const request = requestOf(input, random);
    const [first, ...others] = IMPLEMENTATIONS.map(({ seal }) => outcomeOf(() => seal(request)));
    if (others.some((other) => other?.text !== first?.text)) {
      throw new Error(`the hot paths differ: ${first?.text.slice(0, 300)}, or ${others[0]?.text.slice(0, 300)}`);
    }
    if (first?.error !== undefined) throw first.error;
    return 'accepted';
  },
  refusalOf: (error) => (error instanceof IdentityError ? error.code : undefined),
});

function requestOf(input: Buffer, random: Random): SealRequest {
  const set = sets[(input[0] ?? 0) % sets.length] ?? oddSet(1, SLEEP, NOW_MS);
  const der = input.subarray(1);
  const place = below(random, 3);
  const chain = place === 0 ? [der, ...set.others] : [set.leaf, ...(place === 1 ? [der] : []), ...set.others];
  // A mutated root in place of the one that it came of has signed the same certificates.
  const roots = place === 2 ? [der, ...set.roots.slice(1)] : set.roots;
  const pemOf = (ders: readonly Buffer[]): Buffer => Buffer.concat(ders.map((one) => encodePem('CERTIFICATE', one)));
  return {
    privateKey: pkcs8(set.leafKey),
    ...{ chainPem: pemOf(chain), bundlePem: pemOf(roots) },
    ...{ spiffeId: SLEEP, nowMs: NOW_MS, minLifeMs: 1000 },
  };
}

function outcomeOf(act: () => { readonly certificateBody: Buffer; readonly bundleBody: Buffer }) {
  try {
    const { certificateBody, bundleBody } = act();
    return { text: `${certificateBody.toString('latin1')}${bundleBody.toString('latin1')}`, error: undefined };
  } catch (error) {
    const { code, message } = Object(error);
    // What PEM readers say of one fault differs, and is a matter of their own target.
    const isOfPem = /^(certificate chain|trust bundle): got/.test(message);
    return { text: isOfPem ? code : `${code} ${message}`, error };
  }
}
