import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { until } from '../../src/demo/polling.js';
import { makeSelfSignedRoot } from '../../src/pki/x509/index.js';
import { startCitadelProcess } from '../support/citadel-process.js';
import { PATIENCE_MS } from '../support/patience.js';
import { shortDir } from '../support/short-dir.js';
import { TokenIssuer } from '../support/test-tokens.js';

const HOUR_MS = 3_600_000;

t.test(
  'a Citadel that is killed in the middle of a change of its root is followed by one that goes on where it was',
  { timeout: 250_000 },
  async (t) => {
    const directory = shortDir(t);
    const file = (name: string): string => join(directory, name);
    // Of the form that Citadel makes, with an hour left.
    const root = makeSelfSignedRoot({
      ...{ keyType: 'ec-p256', organization: 'cluster.local' },
      ...{ notBeforeMs: Date.now() - HOUR_MS, notAfterMs: Date.now() + HOUR_MS },
    });
    mkdirSync(file('ca'), { mode: 0o700 });
    writeFileSync(file('ca/ca-cert.pem'), root.certificatePem);
    writeFileSync(file('ca/root-cert.pem'), root.certificatePem);
    writeFileSync(file('ca/cert-chain.pem'), '');
    writeFileSync(file('ca/ca-key.pem'), root.privateKeyPem, { mode: 0o600 });
    chmodSync(file('ca/ca-key.pem'), 0o600);
    const issuer = new TokenIssuer();
    const start = async () => {
      const flags = ['--root-change-before', '90m', '--root-change-settle', '2s', '--trail-dir', file('trail')];
      // What a process without a trail does not know is in the way for the longest life of a certificate.
      return (
        await startCitadelProcess(t, {
          file,
          issuer,
          flags: [...flags, ...['--default-ttl', '20s', '--max-ttl', '20s']],
        })
      ).citadel;
    };
    interface Step {
      readonly action: string;
      readonly isForced: boolean;
    }
    const history = (): readonly Step[] => JSON.parse(readFileSync(file('ca/.active/rotation.json'), 'utf8')).history;
    const taken = (steps: number) =>
      until(`${steps} steps to be taken`, AbortSignal.timeout(PATIENCE_MS), async () => {
        return history().length >= steps || undefined;
      });
    const first = await start();
    await taken(1);
    // The others take what it has told last for two minutes as told by one that runs.
    await until('both roots to be in its report', AbortSignal.timeout(PATIENCE_MS), async () => {
      const reports = readdirSync(file('ca/.citadels')).map((name) =>
        readFileSync(file(`ca/.citadels/${name}`), 'utf8'),
      );
      return reports.some((text) => /roots\W+[0-9a-f]{64}\W+[0-9a-f]{64}/i.test(text)) || undefined;
    });
    first.kill('SIGKILL');
    t.equal(await first.ended, 'SIGKILL');
    const second = await start();
    await taken(2);
    t.same(
      history()
        .slice(0, 2)
        .map(({ action, isForced }) => `${action} ${isForced}`),
      ['stage false', 'activate false'],
    );
    t.notMatch(readFileSync(file('ca/ca-cert.pem'), 'utf8'), root.certificatePem.toString().trim());
    execFileSync('openssl', ['verify', '-CAfile', file('ca/root-cert.pem'), file('ca/ca-cert.pem')]);
    t.notMatch(second.err, /"level":"error"/);
  },
);
