import type { KeyObject } from 'node:crypto';
import * as odd from './odd-certificates.js';
import { seededRandom } from './prng.js';

/** Random sets of CAs and a leaf, as they come in no real hierarchy, so that each rule meets each other one. */

export interface OddSet {
  readonly leaf: Buffer;
  /** The key of the leaf. */
  readonly leafKey: KeyObject;
  readonly others: readonly Buffer[];
  readonly roots: readonly Buffer[];
  /** The key that has signed each of these certificates. */
  readonly signers: ReadonlyMap<Buffer, KeyObject>;
  /** Without them OpenSSL takes the first issuer of the right name, and looks for no other when that has not signed. */
  readonly hasKeyIdentifiers: boolean;
  /** It has what we refuse and others do not: a weak key, or a leaf that may sign others. */
  readonly isStricter: boolean;
}

const HOUR_MS = 3_600_000;

const KEYS = [
  ...Array.from({ length: 5 }, () => odd.oddKeys('p256')),
  odd.oddKeys('p384'),
  odd.oddKeys('p521'),
  odd.oddKeys('rsa2048'),
  odd.oddKeys('ed25519'),
];
const WEAK_KEYS = [odd.oddKeys('rsa1024'), odd.oddKeys('p224')];
const LEAF_KEYS = odd.oddKeys('p256');

const { uri, dns, ip, email, directory } = odd.general;

const CONSTRAINTS: readonly odd.Subtrees[] = [
  { permitted: [uri('cluster.local')] },
  { permitted: [uri('example.org')] },
  { permitted: [uri('.local')] },
  { permitted: [uri('example.org'), uri('CLUSTER.local')] },
  { permitted: [dns('example.com')] },
  { permitted: [dns('.example.com'), ip(10, 0, 0, 0, 255, 0, 0, 0)] },
  { permitted: [email('example.com')] },
  { permitted: [directory(odd.oddName(['O', 'a']))], isCritical: false },
  {
    permitted: [
      directory(odd.oddName(['O', 'B'])),
      directory(odd.oddName(['O', 'a'])),
      directory(odd.oddName(['O', 'c'])),
    ],
    isCritical: false,
  },
  { excluded: [uri('cluster.local')] },
  { excluded: [uri('local')] },
  { excluded: [uri('example.org'), dns('example.org')] },
  { excluded: [dns('a.example.com')] },
  { excluded: [ip(10, 1, 0, 0, 255, 255, 0, 0)] },
  { excluded: [email('.example.com'), directory(odd.oddName(['O', 'd']))], isCritical: false },
  { permitted: [uri('cluster.local')], excluded: [dns('example.com')] },
];

interface Draw {
  readonly below: (limit: number) => number;
  /** Something rare. */
  readonly seldom: () => boolean;
  readonly of: <T>(list: readonly T[]) => T;
}

function drawFrom(seed: number): Draw {
  const random = seededRandom(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  return {
    below,
    seldom: () => random() < 0.08,
    of: <T>(list: readonly T[]): T => {
      const found = list[below(list.length)];
      if (found === undefined) throw new Error('nothing to draw from');
      return found;
    },
  };
}

interface OddCa {
  readonly subject: Buffer;
  readonly keys: odd.OddKeys;
  readonly der: Buffer;
  readonly signer: KeyObject;
  readonly isSelfSigned: boolean;
}

function extensionsOfCa({ below, seldom, of }: Draw): Buffer[] {
  const constraints = seldom() ? [] : [odd.caConstraints(seldom() || seldom() ? below(3) : undefined)];
  const usages = seldom()
    ? of([[], [odd.keyUsage('digitalSignature')], [odd.keyUsage('digitalSignature', 'keyCertSign')]])
    : [odd.keyUsage('keyCertSign', 'cRLSign')];
  const extended = of([
    ['server'],
    ['client', 'server'],
    ['any'],
    ['any', 'server', 'client'],
    ['codeSigning'],
  ] as const);
  return [
    ...constraints,
    ...usages,
    ...(seldom() ? [odd.extendedKeyUsage(...extended)] : []),
    ...(seldom() || seldom() ? [odd.nameConstraints(of(CONSTRAINTS))] : []),
    ...(seldom() ? [odd.unknownExtension(seldom())] : []),
    ...(seldom() ? [odd.alternativeNames(of([uri('spiffe://cluster.local'), dns('ca.example.com')]))] : []),
    ...(seldom() || seldom() ? [odd.anyPolicy()] : []),
    ...(seldom() ? [odd.explicitPolicy(below(3))] : []),
  ];
}

function periodOf({ seldom, of }: Draw, nowMs: number): { notBeforeMs: number; notAfterMs: number } {
  const usual = { notBeforeMs: nowMs - HOUR_MS, notAfterMs: nowMs + HOUR_MS };
  const other = of([
    { notBeforeMs: nowMs - 2 * HOUR_MS, notAfterMs: nowMs - HOUR_MS },
    { notBeforeMs: nowMs + HOUR_MS, notAfterMs: nowMs + 2 * HOUR_MS },
  ]);
  return seldom() ? other : usual;
}

function namesOfLeaf({ seldom, of }: Draw, spiffeId: string): Buffer[] {
  const more = [
    dns('a.example.com'),
    dns('example.org'),
    dns('*.example.com'),
    ip(10, 1, 2, 3),
    email('x@a.example.com'),
    email('nobody'),
  ];
  return [uri(spiffeId), ...(seldom() || seldom() || seldom() ? [of(more)] : []), ...(seldom() ? [of(more)] : [])];
}

function extensionsOfLeaf(draw: Draw, spiffeId: string): { extensions: Buffer[]; isStricter: boolean } {
  const { seldom, of } = draw;
  const usages = [
    odd.keyUsage('digitalSignature', 'keyEncipherment'),
    ...(seldom() ? [odd.keyUsage('keyEncipherment'), odd.keyUsage('digitalSignature', 'keyCertSign')] : []),
  ];
  const usage = of(usages);
  const extended = [['server', 'client'], ['server'], ['client'], ['any'], ['any', 'client', 'server']] as const;
  return {
    extensions: [
      usage,
      ...(seldom() ? [] : [odd.extendedKeyUsage(...(seldom() ? of(extended) : extended[0]))]),
      ...(seldom() ? [odd.unknownExtension(seldom())] : []),
      ...(seldom() ? [odd.anyPolicy()] : []),
      odd.alternativeNames(...namesOfLeaf(draw, spiffeId)),
    ],
    isStricter: usage === usages[2],
  };
}

/** The same set for the same seed, but for keys and signatures. */
export function oddSet(seed: number, spiffeId: string, nowMs: number): OddSet {
  const draw = drawFrom(seed);
  const { below, seldom, of } = draw;
  let isStricter = false;
  const hasKeyIdentifiers = below(4) > 0;
  const authorities: OddCa[] = [];
  for (let left = 2 + below(5); left > 0; left -= 1) {
    const isWeak = seldom() && seldom();
    const keys = of(isWeak ? WEAK_KEYS : KEYS);
    const subject = odd.oddName(['O', of(['a', 'b', 'c', 'd'])]);
    const parent = authorities.length > 0 && below(3) > 0 ? of(authorities) : undefined;
    // A cross-signed CA: the name and key of another one, below another parent.
    const self = authorities.length > 1 && below(4) === 0 ? of(authorities) : { subject, keys };
    const issuer = parent ?? self;
    const der = odd.oddCertificate({
      ...{ subject: self.subject, publicKey: self.keys.publicKey },
      extensions: [
        ...extensionsOfCa(draw),
        ...(hasKeyIdentifiers ? odd.keyIdentifiers(self.keys.publicKey, issuer.keys.publicKey) : []),
      ],
      issuer: { subject: issuer.subject, privateKey: issuer.keys.privateKey },
      ...periodOf(draw, nowMs),
      ...(seldom() && issuer.keys.privateKey.asymmetricKeyType !== 'ed25519' && { hash: 'sha1' as const }),
    });
    isStricter ||= isWeak;
    authorities.push({ ...self, der, signer: issuer.keys.privateKey, isSelfSigned: parent === undefined });
  }
  const issuer = of(authorities);
  const leafShape = extensionsOfLeaf(draw, spiffeId);
  const leaf = odd.oddCertificate({
    subject: seldom()
      ? odd.oddName(['O', of(['a', 'd'])], [of(['email', 'mail'] as const), 'x@a.example.com'])
      : odd.oddName(),
    publicKey: LEAF_KEYS.publicKey,
    issuer: { subject: issuer.subject, privateKey: issuer.keys.privateKey },
    ...{ notBeforeMs: nowMs - HOUR_MS, notAfterMs: nowMs + HOUR_MS },
    extensions: [
      ...leafShape.extensions,
      ...(hasKeyIdentifiers ? odd.keyIdentifiers(LEAF_KEYS.publicKey, issuer.keys.publicKey) : []),
    ],
  });
  const trusted = authorities.filter(({ isSelfSigned }) => (isSelfSigned ? below(8) > 0 : below(8) === 0));
  const roots = trusted.length > 0 ? trusted : [of(authorities)];
  const others = authorities.filter(() => below(10) > 0);
  return {
    leaf,
    leafKey: LEAF_KEYS.privateKey,
    roots: shuffled(roots, below).map(({ der }) => der),
    others: shuffled([...others, ...others.slice(0, below(3))], below).map(({ der }) => der),
    signers: new Map([[leaf, issuer.keys.privateKey], ...authorities.map(({ der, signer }) => [der, signer] as const)]),
    isStricter: isStricter || leafShape.isStricter,
    hasKeyIdentifiers,
  };
}

function shuffled<T>(list: readonly T[], below: (limit: number) => number): T[] {
  return list
    .map((value) => ({ value, at: below(1_000_000) }))
    .sort((one, other) => one.at - other.at)
    .map(({ value }) => value);
}
