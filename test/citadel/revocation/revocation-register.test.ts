import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { readRevocationList } from '../../../src/agent/files/revocation-list.js';
import {
  type FoundCertificate,
  listSignerOf,
  RevocationRegister,
  type RevocationSource,
} from '../../../src/citadel/revocation/index.js';
import type { RegisterOptions } from '../../../src/citadel/revocation/revocation-register.js';
import { Signer } from '../../../src/hotpath/index.js';
import { readPem } from '../../../src/pki/x509/index.js';
import { EC_KEY, selfSigned } from '../../support/judged-files.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { TestCa } from '../../support/test-ca.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW_MS = Date.now();

const signerOf = (ca: TestCa) => listSignerOf(Signer.load(ca.certificatePem, ca.privateKeyPem));
const by = { reason: 'keyCompromise', by: 'uid 0', isTrial: false, isSoleIssuer: false } as const;

/** The inventory, and what the trail got. */
class FakeTrail implements RevocationSource {
  readonly records: Readonly<Record<string, string>>[] = [];
  isAway = false;

  async find(wanted: { readonly serial: string } | { readonly identity: string }) {
    return this.issued.filter((one) =>
      'serial' in wanted ? one.serial === wanted.serial : one.identity === wanted.identity,
    );
  }

  async revoked(fields: Readonly<Record<string, string>>): Promise<void> {
    if (this.isAway) throw new Error('the power is off');
    this.records.push(fields);
  }

  readonly issued: FoundCertificate[] = [
    { serial: 'a1', identity: 'spiffe://d/ns/a/sa/x', notAfterMs: NOW_MS + HOUR_MS },
    { serial: 'a2', identity: 'spiffe://d/ns/a/sa/x', notAfterMs: NOW_MS + 2 * HOUR_MS },
    { serial: 'a3', identity: 'spiffe://d/ns/a/sa/x', notAfterMs: NOW_MS - HOUR_MS },
    { serial: 'b1', identity: 'spiffe://d/ns/a/sa/y', notAfterMs: NOW_MS + HOUR_MS },
  ];
}

const old = TestCa.root('citadel');
const next = TestCa.root('citadel');

/** Of this directory: opened again it is the same Citadel after a restart. */
function scene(t: Test) {
  const directory = t.testdir();
  const [trail, logger] = [new FakeTrail(), new RecordingLogger()];
  const world = { nowMs: NOW_MS, keys: [old] };
  let tick = (): void => {};
  const options: RegisterOptions = {
    ...{ path: join(directory, 'revocations.json'), listPath: join(directory, 'crl.pem'), trail, logger },
    ...{ signers: async () => world.keys.map(signerOf), leafLifeMs: () => 30 * DAY_MS, now: () => world.nowMs },
    every: (_periodMs, act) => {
      tick = act;
      return () => {};
    },
  };
  const open = () => RevocationRegister.open(options);
  return { directory, trail, logger, world, options, open, look: () => tick() };
}

const WANTED = { what: 'lists', code: 'ERR_INTERNAL', maxBytes: 1 << 20, maxBlocks: 10, labels: ['X509 CRL'] } as const;

function listsIn(pem: Buffer) {
  return readPem(pem, WANTED).map(({ der }) => {
    const list = readRevocationList(der);
    if (list === undefined) throw new Error('no list');
    return list;
  });
}

t.test('an identity is revoked with all its certificates, and a restart changes nothing of that', async (t) => {
  const { trail, open, directory } = scene(t);
  const register = await open();
  t.equal(register.lists.pem.length, 0, 'no list as long as nothing is revoked');
  let changes = 0;
  register.onChange(() => (changes += 1));
  const trial = await register.revoke({ identity: 'spiffe://d/ns/a/sa/x' }, { ...by, isTrial: true });
  t.same(
    trial.map(({ serial }) => serial),
    ['a1', 'a2'],
  );
  t.notOk(register.isRevoked('a1'), 'a trial revokes none');
  t.same(await register.revoke({ serial: 'ff' }, by), []);
  t.same((await register.revoke({ identity: 'spiffe://d/ns/a/sa/x' }, by)).length, 2);
  t.same((await register.revoke({ serial: 'a1' }, by)).length, 1, 'a second time is no harm');
  t.equal(changes, 1);
  t.ok(
    register.isRevoked('00A1') && register.isRevoked('a2') && !register.isRevoked('b1') && !register.isRevoked('a3'),
  );
  t.match(trail.records, [
    { serial: 'a1', spiffe_id: 'spiffe://d/ns/a/sa/x', reason: 'keyCompromise', by: 'uid 0' },
    {},
  ]);
  await register.close();

  const again = await open();
  t.ok(again.isRevoked('a1') && again.isRevoked('a2'));
  t.equal(trail.records.length, 2, 'each has one record');
  const [list] = listsIn(again.lists.pem);
  t.ok(list?.revokes('a1') && list.revokes('a2') && !list.revokes('b1'));
  t.ok(list?.isSignedBy(old.certificate));
  const text = execFileSync('openssl', ['crl', '-text', '-noout', '-in', join(directory, 'crl.pem')]).toString();
  t.match(text, /Serial Number: A1/);
  await again.close();
});

t.test(
  'a power cut between the list and the trail loses neither: the record is made up for at the next start',
  async (t) => {
    const { trail, open, logger } = scene(t);
    const register = await open();
    trail.isAway = true;
    t.same((await register.revoke({ serial: 'a1' }, by)).length, 1, 'it counts already, and that is told');
    t.ok(register.isRevoked('a1'));
    t.equal(logger.of('certificates are revoked, but the trail has no record of it yet').length, 1);
    trail.isAway = false;
    const again = await open();
    t.ok(again.isRevoked('a1'));
    t.match(trail.records, [{ serial: 'a1', reason: 'keyCompromise' }]);
    await (await open()).close();
    t.equal(trail.records.length, 1);
  },
);

t.test('a certificate leaves the lists when it has expired, and with the last one the lists go', async (t) => {
  const { world, open, look } = scene(t);
  const register = await open();
  await register.revoke({ serial: 'a1' }, by);
  const numbers = [register.summary.number];
  for (const days of [1, 2, 3]) {
    world.nowMs = NOW_MS + days * DAY_MS;
    look();
    await register.revoke({ serial: 'ff' }, by);
    numbers.push(register.summary.number);
    // On one more list after it has expired. (RFC 5280 §3.3)
    t.equal(register.isRevoked('a1'), days < 2, `after ${days} days`);
  }
  t.equal(register.lists.pem.length, 0);
  t.same(
    numbers,
    [...new Set(numbers)].sort((a, b) => a - b),
    'numbers go up',
  );
  await register.close();
});

t.test('each key that may have valid leaves has a list, one that is gone its last', async (t) => {
  const { world, open } = scene(t);
  const register = await open();
  await register.revoke({ serial: 'a1' }, by);
  world.keys = [old, next];
  await register.signersChanged();
  t.same(
    listsIn(register.lists.pem).map((list) => [old, next].map((ca) => list.isSignedBy(ca.certificate))),
    [
      [true, false],
      [false, true],
    ],
  );
  world.keys = [next];
  await register.signersChanged();
  await register.close();
  const again = await open();
  await again.revoke({ serial: 'b1' }, by);
  const [ofNext, ofOld, ...more] = listsIn(again.lists.pem);
  t.ok(ofNext?.isSignedBy(next.certificate) && ofNext.revokes('a1') && ofNext.revokes('b1'));
  t.ok(ofOld?.isSignedBy(old.certificate) && ofOld.revokes('a1') && !ofOld.revokes('b1'));
  t.equal(more.length, 0);
  world.nowMs = NOW_MS + 40 * DAY_MS;
  await again.signersChanged();
  await again.close();
  t.equal(listsIn(readFileSync(join(t.testdirName, 'crl.pem'))).length, 1, 'until its leaves have expired');
});

t.test('a key whose list cannot be signed, or is not known yet, is tried again until it has one', async (t) => {
  const { world, options, logger, look } = scene(t);
  let isPartial = false;
  let isAway = false;
  const signers = async () => {
    if (isAway) throw new Error('the store is away');
    return options.signers();
  };
  const register = await RevocationRegister.open({ ...options, signers, isPartial: () => isPartial });
  await register.revoke({ serial: 'a1' }, by);
  const { version, keys } = register.lists;
  t.equal(register.isBehind, false);
  t.equal(register.keysOf(version), keys);
  t.equal(register.keysOf('of another Citadel'), undefined);

  [world.keys, isAway] = [[old, next], true];
  const changed = register.signersChanged();
  t.equal(register.isBehind, true, 'from the moment on that the key is known');
  await changed;
  look();
  await register.revoke({ serial: 'ff' }, by).catch(() => {});
  t.equal(register.isBehind, true);
  t.equal(logger.of('revocation lists cannot be renewed, the last ones stay').length, 1);
  [isAway, isPartial, world.keys] = [false, true, [old]];
  await register.signersChanged();
  t.equal(register.isBehind, true);
  t.equal(register.lists.version, version, 'nothing new is said of the same keys');
  [isPartial, world.keys] = [false, [next, old]];
  look();
  await register.close();
  t.equal(register.isBehind, false);
  t.not(register.lists.keys, keys);
  t.equal(register.keysOf(register.lists.version), register.lists.keys);
  t.equal(register.keysOf(version), keys, 'agents may have these still');
  t.equal(listsIn(register.lists.pem).length, 2);
});

t.test('keys that change while their lists are being signed are not taken for signed', async (t) => {
  const { world, options, look } = scene(t);
  let meanwhile = async (): Promise<void> => {};
  const signers = async () => {
    const found = await options.signers();
    await meanwhile();
    return found;
  };
  let isPartial = false;
  const register = await RevocationRegister.open({ ...options, signers, isPartial: () => isPartial });
  let changed: Promise<void> | undefined;
  meanwhile = async () => {
    meanwhile = async () => {
      t.equal(register.isBehind, true, 'the keys that were read first are those of before');
    };
    world.keys = [old, next];
    changed = register.signersChanged();
  };
  await register.revoke({ serial: 'a1' }, by);
  await changed;
  t.equal(register.isBehind, false);
  t.equal(listsIn(register.lists.pem).length, 2);

  isPartial = true;
  meanwhile = async () => {};
  await register.revoke({ serial: 'a2' }, by);
  t.equal(register.isBehind, true, 'a key may be missing from the lists');
  isPartial = false;
  look();
  await register.close();
  t.equal(register.isBehind, false);
});

t.test('a key is without its list when it is found by a daily renewal that cannot be written', async (t) => {
  const { world, options, directory, look } = scene(t);
  const register = await RevocationRegister.open(options);
  await register.revoke({ serial: 'a1' }, by);
  world.keys = [old, next];
  world.nowMs += DAY_MS;
  rmSync(join(directory, 'crl.pem'));
  mkdirSync(join(directory, 'crl.pem'));
  look();
  await register.close();
  t.equal(register.isBehind, true);
});

t.test('a key whose certificate may sign no lists refuses to, since Envoy would refuse every peer', async (t) => {
  // As the root of istiod.
  const extensions = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign'];
  const { certPem, keyPem } = selfSigned(t.testdir(), { key: EC_KEY, extensions });
  const signer = listSignerOf(Signer.load(Buffer.from(certPem), Buffer.from(keyPem)));
  const { open, world, options } = scene(t);
  const register = await RevocationRegister.open({ ...options, signers: async () => [signer] });
  await t.rejects(register.revoke({ serial: 'a1' }, by), { code: 'ERR_REVOCATION_REFUSED', message: /cRLSign/ });
  await register.close();
  const able = await open();
  await able.revoke({ serial: 'a1' }, by);
  await able.close();
  world.keys = [];
  const later = await RevocationRegister.open({ ...options, signers: async () => [signer] });
  t.equal(later.lists.pem.length, 0, 'a list of another key alone would make Envoy refuse its peers');
  await later.close();
});

t.test('what a key has signed that is gone is refused, since no list can say it', async (t) => {
  const { open, world, trail } = scene(t);
  const issuer = signerOf(old).id;
  trail.issued[0] = { serial: 'a1', identity: 'spiffe://d/ns/a/sa/x', notAfterMs: NOW_MS + HOUR_MS, issuer };
  const register = await open();
  world.keys = [next];
  for (const isTrial of [true, false]) {
    await t.rejects(register.revoke({ identity: 'spiffe://d/ns/a/sa/x' }, { ...by, isTrial }), {
      ...{ code: 'ERR_REVOCATION_REFUSED', message: /the key that signed a1 is not there/ },
    });
  }
  t.notOk(register.isRevoked('a2'), 'all or none');
  await register.revoke({ serial: 'a2' }, by);
  world.keys = [next, old];
  await register.revoke({ serial: 'a1' }, by);
  t.same(
    listsIn(register.lists.pem).map((list) => list.revokes('a1')),
    [true, true],
  );
  world.keys = [next];
  t.equal((await register.revoke({ serial: 'a1' }, by)).length, 1, 'it is on the list that stays');
  await register.close();
});

t.test(
  'the list of an intermediate is used when an operator says that no other one issues below its root',
  async (t) => {
    const { open, world, options, logger } = scene(t);
    world.keys = [old.intermediate('below')];
    const register = await open();
    const refusal = { code: 'ERR_REVOCATION_REFUSED', message: /below is an intermediate: .*--sole-issuer/ };
    for (const isTrial of [true, false])
      await t.rejects(register.revoke({ serial: 'a1' }, { ...by, isTrial }), refusal);
    t.equal(register.lists.pem.length, 0);
    t.notOk(register.isRevoked('a1'));
    await register.revoke({ serial: 'a1' }, { ...by, isSoleIssuer: true });
    t.equal(listsIn(register.lists.pem).length, 1);
    await register.close();
    const again = await open();
    await again.revoke({ serial: 'a2' }, by);
    t.ok(again.isRevoked('a2'), 'it is remembered');
    world.nowMs += DAY_MS;
    await again.signersChanged();
    world.nowMs += DAY_MS;
    await again.signersChanged();
    t.notOk(again.isRevoked('a2'));
    await t.rejects(again.revoke({ serial: 'ff' }, by), refusal, 'as long as a certificate is revoked');
    await again.close();

    const withRoot = { ...options, path: `${options.path}-2`, signers: async () => [old].map(signerOf) };
    const before = await RevocationRegister.open(withRoot);
    world.nowMs = NOW_MS;
    await before.revoke({ serial: 'a1' }, by);
    await before.close();
    const after = await RevocationRegister.open({ ...options, path: withRoot.path });
    t.equal(after.lists.pem.length, 0, 'an intermediate instead of the root that has signed lists');
    t.equal(logger.of('revoked certificates are accepted: the signing certificate is an intermediate now').length, 1);
    await after.revoke({ serial: 'a1' }, { ...by, isSoleIssuer: true });
    t.equal(listsIn(after.lists.pem).length, 2, 'said for one that was revoked before');
    await after.close();
  },
);

t.test('a register that is none of ours ends the start', async (t) => {
  const { directory, open } = scene(t);
  for (const content of ['', '{}', '{"number":1,"signed_at":"x","revoked":[],"lists":[]}', '[1]']) {
    writeFileSync(join(directory, 'revocations.json'), content);
    await t.rejects(open(), { code: 'ERR_TRAIL_UNAVAILABLE' }, content);
  }
});

t.test('the list of a CA above is signed when it has to say something, and its key may be away', async (t) => {
  const { trail, options, world, look } = scene(t);
  const above = { signatures: 0, isAway: false };
  const [own, root] = [signerOf(next), signerOf(old)];
  const signers = async () => [
    own,
    {
      ...{ ...root, isAbove: true },
      load() {
        if (above.isAway) throw new Error('the token does not answer');
        above.signatures += 1;
        return root.load();
      },
    },
  ];
  const register = await RevocationRegister.open({ ...options, signers });
  t.equal(above.signatures, 1);
  trail.issued.push(
    { serial: 'c1', identity: undefined, notAfterMs: NOW_MS + 9 * DAY_MS, issuer: own.id },
    { serial: 'c2', identity: undefined, notAfterMs: NOW_MS + HOUR_MS, issuer: root.id },
  );
  above.isAway = true;
  await register.revoke({ serial: 'c1' }, by);
  t.same(
    listsIn(register.lists.pem).map((list) => list.revokes('c1')),
    [true, false],
    'it has a list, which says nothing of the others',
  );
  for (const serial of ['c2', 'a1']) await t.rejects(register.revoke({ serial }, by), { message: /token does not/ });
  t.notOk(register.isRevoked('c2'), 'one of its own wants its key, and so does one of an issuer that is not known');
  world.nowMs += DAY_MS;
  look();
  await register.signersChanged();
  t.equal(register.lists.pem.length > 0, true, 'what was signed last is good for its week');
  above.isAway = false;
  trail.issued.push({ serial: 'c3', identity: undefined, notAfterMs: world.nowMs + HOUR_MS, issuer: root.id });
  await register.revoke({ serial: 'c3' }, by);
  t.ok(above.signatures > 1);
});
