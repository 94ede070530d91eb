import { X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { AuthorityFiles } from '../../../src/citadel/authority/authority-directory.js';
import { changeAuthoritySet, readAuthoritySet } from '../../../src/citadel/authority/authority-sets.js';
import { intermediatesInDirectory, LiveAuthority, OnlineIntermediate } from '../../../src/citadel/authority/index.js';
import {
  type AuthorityFileSet,
  abort,
  activate,
  type RotationMoment,
  retire,
  rotationOf,
  stage,
} from '../../../src/citadel/authority/root-rotation.js';
import { errorCodeOf, messageOf } from '../../../src/errors/index.js';
import { TrustDomain } from '../../../src/pki/spiffe/index.js';
import { authorityDirectory } from '../../support/authority-files.js';
import { FakeClock } from '../../support/fake-clock.js';
import { recordDisk } from '../../support/power-cut.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { shortDir } from '../../support/short-dir.js';
import { TestCa } from '../../support/test-ca.js';

// Some hundred disks, each started from.
t.setTimeout(300_000);

const trustDomain = TrustDomain.parse('cluster.local');

async function serialOf(directory: string): Promise<string> {
  const logger = new RecordingLogger();
  const live = await LiveAuthority.open({ directory, trustDomain, logger, now: Date.now, lookAgainMs: 1 });
  live.close();
  return live.current.signer.certificate.serialNumber;
}

t.test('a root that is in use outlasts a power cut at any moment', async (t) => {
  const place = shortDir(t);
  const disk = await recordDisk(place, async (promise) => promise(await serialOf(join(place, 'var', 'ca'))));
  t.ok(disk.steps.some(({ kind }) => kind === 'write'));
  const wrong: string[] = [];
  const count = await disk.eachCut(async ({ directory, promises: [inUse], cut }) => {
    const ca = join(directory, 'var', 'ca');
    const found = await serialOf(ca).catch((error: unknown) => `${errorCodeOf(error)} ${messageOf(error)}`);
    // Before that nothing was signed: another one may be made, and half of one is completed.
    const isFine = inUse === undefined ? /^[0-9A-F]+$/.test(found) : found === inUse;
    if (!isFine) wrong.push(`${cut}: ${found}`);
    const left = readdirSync(ca).filter((name) => name.startsWith('.first-authority'));
    if (left.length > 0) wrong.push(`${cut}: ${left} left`);
    const again = await serialOf(ca).catch(messageOf);
    if (again !== found) wrong.push(`${cut}: ${found}, then ${again}`);
  });
  t.comment(`${disk.steps.length} steps, ${count} disks`);
  t.same(wrong, []);
});

t.test('online intermediates that leaves may be of outlast a power cut at any moment', async (t) => {
  const startMs = Math.floor(Date.now() / 1000) * 1000;
  const [HOUR_MS, DAY_MS] = [3_600_000, 86_400_000];
  const above = TestCa.root('above', { notBeforeMs: startMs - HOUR_MS, notAfterMs: startMs + 1000 * DAY_MS });
  /** As a Citadel that starts at this time has it. */
  const open = async (directory: string, clock: FakeClock): Promise<OnlineIntermediate> => {
    const logger = new RecordingLogger();
    const live = await LiveAuthority.open({ directory, trustDomain, logger, now: clock.now, every: () => () => {} });
    live.close();
    return OnlineIntermediate.open({
      ...{ live, store: intermediatesInDirectory(directory), trustDomain, isConstrained: true },
      ...{ leafLifeMs: () => DAY_MS, logger, clock, random: () => 0.5 },
    });
  };
  const serials = ({ signers }: OnlineIntermediate): string[] =>
    signers.map(({ certificate }) => certificate.serialNumber).sort();
  const place = authorityDirectory(t, { signer: above, roots: [above] });
  const renewalMs = startMs + 15 * DAY_MS;
  const disk = await recordDisk(place, async (promise) => {
    for (const atMs of [startMs, renewalMs]) {
      // The second start finds that the next one is due.
      const online = await open(place, new FakeClock(atMs));
      promise(serials(online).join(' '));
      await online.close();
    }
  });
  const wrong: string[] = [];
  const count = await disk.eachCut(async ({ directory, promises, cut }) => {
    try {
      // A minute later the lock of the one that was cut off counts for nothing.
      const [lock, longAgo] = [join(directory, '.online-intermediate-lock'), Date.now() / 1000 - 120];
      if (existsSync(lock)) utimesSync(lock, longAgo, longAgo);
      const online = await open(directory, new FakeClock(renewalMs));
      await online.close();
      const found = serials(online);
      const lost = (promises.at(-1) ?? '').split(' ').filter((serial) => serial !== '' && !found.includes(serial));
      if (lost.length > 0) throw new Error(`lost ${lost}, got ${found}`);
    } catch (error) {
      wrong.push(`${cut}: ${messageOf(error)}`);
    }
  });
  t.comment(`${disk.steps.length} steps, ${count} disks`);
  t.equal(disk.steps.filter(({ kind }) => kind === 'promise').length, 2);
  t.same(wrong.slice(0, 5), []);
});

const moment: RotationMoment = { atMs: Date.UTC(2026, 11, 1), isForced: true };
const [old, next, another] = [TestCa.root('old'), TestCa.root('next'), TestCa.root('another')];
const filesOf = ({ certificatePem, privateKeyPem }: TestCa): AuthorityFiles => ({
  ...{
    caCert: certificatePem,
    caKey: Buffer.from(privateKeyPem),
    certChain: Buffer.alloc(0),
    rootCert: certificatePem,
  },
});
const doStage = (files: AuthorityFileSet): AuthorityFileSet => stage(files, filesOf(next), moment);
const doStageAnother = (files: AuthorityFileSet): AuthorityFileSet => stage(files, filesOf(another), moment);
const doActivate = (files: AuthorityFileSet): AuthorityFileSet => activate(files, moment);
const doRetire = (files: AuthorityFileSet): AuthorityFileSet => retire(files, moment);
const doAbort = (files: AuthorityFileSet): AuthorityFileSet => abort(files, moment);
const textOf = (files: AuthorityFileSet): string =>
  JSON.stringify([...files].map(([name, content]) => [name, String(content)]).sort());

const changes = [
  { name: 'the first stage, which makes links of the files', before: [], change: doStage },
  { name: 'activate', before: [doStage], change: doActivate },
  { name: 'abort of a root that signs', before: [doStage, doActivate], change: doAbort },
  { name: 'abort of one that is staged', before: [doStage], change: doAbort },
  { name: 'retire', before: [doStage, doActivate], change: doRetire },
  { name: 'a second stage', before: [doStage, doAbort], change: doStage },
] as const;

const apply = (directory: string, change: (files: AuthorityFileSet) => AuthorityFileSet) =>
  changeAuthoritySet(
    directory,
    async (files) => change(files),
    async () => {},
  );

for (const { name, before, change } of changes) {
  t.test(`${name}: a power cut at any moment leaves the authority before it, or the one after it`, async (t) => {
    const place = authorityDirectory(t, { signer: old, roots: [old] });
    for (const step of before) await apply(place, step);
    const was = textOf(await readAuthoritySet(place));
    const disk = await recordDisk(place, async (promise) => {
      await apply(place, change);
      promise('done');
    });
    const is = textOf(await readAuthoritySet(place));
    const wrong: string[] = [];
    const goneOn = new Set<string>();
    const count = await disk.eachCut(async ({ directory, promises, cut }) => {
      try {
        const found = textOf(await readAuthoritySet(directory));
        const expected = promises.length > 0 ? [is] : [was, is];
        if (!expected.includes(found)) throw new Error(`got ${found.slice(0, 100)}`);
        const signer = new X509Certificate(readFileSync(join(directory, 'ca-cert.pem'))).serialNumber;
        if ((await serialOf(directory)) !== signer) throw new Error('another one signs');
        // Which files there are decides how the next change begins: once for each of that.
        const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort().join(' ');
        if (goneOn.has(names)) return;
        goneOn.add(names);
        // A minute later the lock of the one that was cut off counts for nothing.
        const [lock, longAgo] = [join(directory, '.rotation-lock'), Date.now() / 1000 - 120];
        if (existsSync(lock)) utimesSync(lock, longAgo, longAgo);
        const { step } = rotationOf(await readAuthoritySet(directory));
        await apply(directory, step === 'steady' ? doStageAnother : doAbort);
        await serialOf(directory);
      } catch (error) {
        wrong.push(`${cut}: ${messageOf(error)}`);
      }
    });
    t.comment(`${disk.steps.length} steps, ${count} disks`);
    t.same(wrong.slice(0, 5), []);
  });
}
