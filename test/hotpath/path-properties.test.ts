import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { IdentityError } from '../../src/errors/index.js';
import { ChainLink, encodePem, IssuerPool, leafProblem, PathSearch } from '../../src/pki/x509/index.js';
import { askGo, NO_GO_PATH_JUDGE, type PathQuestion } from '../support/go-path-judge.js';
import { type OddSet, oddSet } from '../support/odd-sets.js';
import { IMPLEMENTATIONS } from './implementations.js';
import { NOW_MS, pkcs8, SLEEP } from './pki.js';

/** Random sets of certificates, judged by both hot paths, crypto/x509 and the openssl command line. */

const COUNT = 250;
const SEEDS = Array.from({ length: COUNT }, (_, index) => index + 1);

const sets = SEEDS.map((seed) => oddSet(seed, SLEEP, NOW_MS));
const isUsableAnchor = (der: Buffer): boolean => new X509Certificate(der).ca;

/** The path that we build, from the leaf's issuer to the anchor: `undefined` when we refuse the leaf. */
function ourPath({ leaf, others, roots }: OddSet): Buffer[] | undefined {
  const link = (der: Buffer): ChainLink => new ChainLink(new X509Certificate(der));
  const own = link(leaf);
  if (typeof own.facts === 'string' || leafProblem(own.facts) !== undefined) return undefined;
  const path = new PathSearch(new IssuerPool(roots.map(link), others.map(link)), NOW_MS).fromLeaf(own);
  return path.kind === 'found' ? path.issuers.map(({ der }) => der) : undefined;
}

/** What openssl says of this one path, for a server and for a client. */
function opensslAccepts(t: Test, leaf: Buffer, path: readonly Buffer[]): boolean {
  const directory = t.testdirName;
  const file = (name: string, ders: readonly Buffer[]): string => {
    const target = join(directory, name);
    writeFileSync(target, Buffer.concat(ders.map((der) => encodePem('CERTIFICATE', der))));
    return target;
  };
  const files = [
    ...['-CAfile', file('anchor.pem', path.slice(-1))],
    ...(path.length > 1 ? ['-untrusted', file('others.pem', path.slice(0, -1))] : []),
    file('leaf.pem', [leaf]),
  ];
  const options = ['-partial_chain', '-no-CApath', '-no-CAstore', '-attime', `${NOW_MS / 1000}`];
  return ['sslserver', 'sslclient'].every((purpose) => {
    try {
      execFileSync('openssl', ['verify', ...options, '-purpose', purpose, ...files], { stdio: 'pipe' });
      return true;
    } catch {
      return false;
    }
  });
}

t.test('both hot paths say the same of each set, word for word', async (t) => {
  const verdict = (seal: (typeof IMPLEMENTATIONS)[number]['seal'], { leaf, leafKey, others, roots }: OddSet) => {
    try {
      const sealed = seal({
        privateKey: pkcs8(leafKey),
        chainPem: Buffer.concat([leaf, ...others].map((der) => encodePem('CERTIFICATE', der))),
        bundlePem: Buffer.concat(roots.map((der) => encodePem('CERTIFICATE', der))),
        ...{ spiffeId: SLEEP, nowMs: NOW_MS, minLifeMs: 1000 },
      });
      return [sealed.certificateBody.toString('latin1'), sealed.bundleBody.toString('latin1'), sealed.serial];
    } catch (error) {
      return error instanceof IdentityError ? `${error.code} ${error.message}` : String(error);
    }
  };
  const verdicts = IMPLEMENTATIONS.map(({ seal }) => sets.map((set) => verdict(seal, set)));
  for (const others of verdicts.slice(1)) {
    const different = SEEDS.filter((_, index) => String(others[index]) !== String(verdicts[0]?.[index]));
    t.same(
      different.map((seed) => [seed, verdicts[0]?.[seed - 1], others[seed - 1]]),
      [],
    );
  }
  const sealed = verdicts[0]?.filter((one) => typeof one !== 'string').length ?? 0;
  t.ok(sealed > COUNT / 10 && sealed < (COUNT * 9) / 10, `${sealed} of ${COUNT} are accepted: sets of both kinds`);
});

t.test('a path that we build is one to openssl and to Go', { skip: NO_GO_PATH_JUDGE }, async (t) => {
  t.testdir({});
  const built = sets.flatMap((set, index) => {
    const path = ourPath(set);
    return path === undefined ? [] : [{ seed: SEEDS[index], set, leaf: set.leaf, path }];
  });
  const questions = built.map(({ leaf, path }): PathQuestion => {
    return { leaf, others: path.slice(0, -1), roots: path.slice(-1), nowMs: NOW_MS };
  });
  const go = askGo(questions);
  const refusedByGo = built.flatMap(({ seed }, index) =>
    go[index]?.paths.length ? [] : [`seed ${seed}: ${go[index]?.reason}`],
  );
  t.same(refusedByGo, []);
  t.same(
    built
      .filter(({ set: { hasKeyIdentifiers } }) => hasKeyIdentifiers)
      .filter(({ leaf, path }) => !opensslAccepts(t, leaf, path))
      .map(({ seed }) => `seed ${seed}`),
    [],
  );
});

t.test('what both openssl and Go accept, we accept', { skip: NO_GO_PATH_JUDGE }, async (t) => {
  t.testdir({});
  const refused = sets.flatMap((set, index) =>
    ourPath(set) === undefined && !set.isStricter ? [{ seed: SEEDS[index], set }] : [],
  );
  const go = askGo(
    refused.map(({ set: { leaf, others, roots } }) => ({
      ...{ leaf, others, nowMs: NOW_MS },
      roots: roots.filter(isUsableAnchor),
    })),
  );
  const accepted = refused.filter(({ set: { leaf } }, index) =>
    go[index]?.paths.some((path) => opensslAccepts(t, leaf, path)),
  );
  t.same(
    accepted.map(({ seed }) => `seed ${seed}`),
    [],
  );
});
