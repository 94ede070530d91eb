import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { IssuedRevocations } from '../../../src/agent/secrets/issued-revocations.js';
import { RevocationFile } from '../../../src/agent/secrets/revocations.js';
import { listOf } from '../../support/judged-files.js';
import { lookedFiles } from '../../support/looked-files.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { shortDir } from '../../support/short-dir.js';
import { TestCa } from '../../support/test-ca.js';

const [ca, other] = [TestCa.root('citadel'), TestCa.root('above')];
const leaf = (of: TestCa) => of.revocationList();
const covered = (pem: string) => ({ pem: Buffer.from(pem), areAllCovered: true });

function setUp(file?: RevocationFile) {
  const logger = new RecordingLogger();
  const revocations = new IssuedRevocations(file, { logger, now: Date.now });
  const told: (string | undefined)[] = [];
  revocations.onChange(() => told.push(revocations.value?.toString()));
  const warnings = () => logger.lines.filter(({ level }) => level === 'warn').map(({ message }) => message);
  return { logger, revocations, told, warnings };
}

t.test('lists of the CA come and go, and the same ones are no news', async (t) => {
  const { revocations, told } = setUp();
  revocations.take(covered(''));
  t.equal(revocations.value, undefined);
  const pem = leaf(ca);
  revocations.take(covered(pem));
  const { value } = revocations;
  revocations.take(covered(pem));
  t.equal(revocations.value, value, 'the same memory');
  t.equal(revocations.areForLeaves, true);
  revocations.take(covered(''));
  t.same(told, [pem, undefined]);
});

t.test('beside another CA without lists they are left out, and that is told once', async (t) => {
  const { revocations, told, warnings } = setUp();
  const lists = covered(leaf(ca));
  revocations.take(lists);
  for (let times = 0; times < 2; times += 1) revocations.take({ ...lists, areAllCovered: false });
  t.equal(revocations.value, undefined);
  t.match(warnings(), [/left out: another ca gives none/]);
  revocations.take(lists);
  t.equal(told.length, 3);
});

t.test('what is no list, or not valid now, leaves the last good ones', async (t) => {
  const { revocations, warnings } = setUp();
  const pem = leaf(ca);
  revocations.take(covered(pem));
  const directory = shortDir(t);
  revocations.take(covered('no list'));
  revocations.take(covered(listOf(directory, ca, { from: -48, to: -24 })));
  revocations.take(covered(listOf(directory, ca, { from: 24, to: 48 })));
  t.equal(revocations.value?.toString(), pem);
  t.equal(warnings().length, 3);
});

t.test('lists of a file stay, with the whole chain checked, and those of the CA come beside them', async (t) => {
  const path = join(shortDir(t), 'crl');
  writeFileSync(path, leaf(other));
  const { surroundings, logger } = lookedFiles();
  const file = new RevocationFile(path, surroundings);
  t.teardown(() => file.close());
  await file.open();
  const { revocations } = setUp(file);
  t.equal(revocations.value?.toString(), file.value?.toString());
  const pem = leaf(ca);
  revocations.take(covered(pem));
  t.equal(revocations.value?.toString(), `${file.value}${pem}`);
  t.equal(revocations.value, revocations.value);
  t.equal(revocations.areForLeaves, false);
  revocations.judge(Buffer.concat([other.certificatePem, ca.certificatePem]));
  t.same(logger.of('revocation list missing: Envoy refuses every peer of the CA'), [], 'both have one');
});
