import { spawnSync } from 'node:child_process';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { LiveAuthority } from '../../../src/citadel/authority/index.js';
import { TrustDomain } from '../../../src/pki/spiffe/index.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { shortDir } from '../../support/short-dir.js';

/** The commands of docs/citadel.md, "A root that is kept offline". */
const RECIPE = /```console\n(\$ openssl req -x509[\s\S]+?)```/;

t.test(
  'by the commands of the docs the root stays offline, and the intermediate is for this trust domain alone',
  async (t) => {
    const directory = shortDir(t);
    const docs = readFileSync(new URL('../../../../docs/citadel.md', import.meta.url), 'utf8');
    const commands = (RECIPE.exec(docs)?.[1] ?? '').replace(/^\$ /gm, '');
    const bash = (script: string) => spawnSync('bash', ['-ec', script], { cwd: directory, encoding: 'utf8' });
    const made = bash(commands);
    t.equal(made.status, 0, made.stderr);
    // The key of the root is elsewhere.
    renameSync(join(directory, 'offline'), join(shortDir(t), 'offline'));

    const live = await LiveAuthority.open({
      ...{ directory: join(directory, 'ca'), trustDomain: TrustDomain.parse('cluster.local') },
      ...{ logger: new RecordingLogger(), now: Date.now },
    });
    t.teardown(() => live.close());
    t.equal(live.current.intermediatesPem.length, 1);
    t.match(live.current.nameProblem('spiffe://other.example/ns/foo/sa/sleep'), /name constraints|constraint/i);

    for (const [domain, status] of [
      ['cluster.local', 0],
      ['other.example', 2],
    ] as const) {
      writeFileSync(join(directory, 'leaf.ext'), `subjectAltName=critical,URI:spiffe://${domain}/ns/foo/sa/sleep\n`);
      const judged = bash(`
      openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout leaf.key -subj / -out leaf.csr
      openssl x509 -req -in leaf.csr -CA ca/ca-cert.pem -CAkey ca/ca-key.pem -days 1 -extfile leaf.ext -out leaf.pem
      openssl verify -CAfile ca/root-cert.pem -untrusted ca/cert-chain.pem leaf.pem`);
      t.equal(judged.status, status, `${domain}: ${judged.stderr}`);
    }
  },
);
