// libFuzzer on what the addon reads from peers, with the sanitizers for addresses and undefined behaviour. Takes clang++, or
// clang++-14 and newer as Debian names them, with its compiler-rt, and OpenSSL 3 with its headers (Debian: clang, libclang-rt-14-dev, libssl-dev): Node's own OpenSSL
// cannot be linked to a program. An input that does harm stays in .cache/fuzz; give it to .cache/fuzz/TARGET as its argument
// to see it again.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

const HOME = '.cache/fuzz';

/** Each with its seeds and its program in native/fuzz. */
export const NATIVE_TARGETS = ['csr', 'chain'];

/** In MB, of which the sanitizers keep up to 256 for what was freed. An input that makes the process hold more is a finding. */
const MAX_RESIDENT_MB = 1024;

/** Debian installs a compiler of one version under this name alone. The newest first. */
const COMPILERS = ['clang++', ...Array.from({ length: 12 }, (_, index) => `clang++-${25 - index}`)];

/** The first of them that runs. */
function compiler() {
  const found = COMPILERS.find((name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0);
  if (found !== undefined) return found;
  console.error('fuzz: got no clang++, also none of clang++-14 to clang++-25, expected clang 14 or newer');
  process.exit(1);
}

/** The files of pure cryptography: all that know nothing of JavaScript. */
const SOURCES = readdirSync('native')
  .filter((name) => name.endsWith('.cc'))
  .map((name) => `native/${name}`)
  .filter((path) => !/napi\.h|"binding\.h"|"instance\.h"/.test(readFileSync(path, 'utf8')));

function run(command, args, env = process.env) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', env });
  if (status !== 0) {
    console.error(`fuzz: ${command} ended with ${error?.message ?? status}`);
    process.exit(1);
  }
}

/** Inputs to begin with, each the other way too (see native/fuzz/input.h), and what the chain is held against. */
async function writeSeeds() {
  const { makeSelfSignedRoot } = await import('../../build/src/pki/x509/index.js');
  const { Signer } = await import('../../build/src/hotpath/index.js');
  const { loadOperation } = await import('../../build/src/hotpath/operation.js');
  const { encodePem } = await import('../../build/src/pki/x509/index.js');
  const one = async (op, item) => {
    const [outcome] = (await loadOperation('js', op))([item]);
    if (!outcome.ok) throw new Error(outcome.message);
    return outcome.value;
  };
  const spiffeId = 'spiffe://cluster.local/ns/foo/sa/sleep';
  const nowMs = Date.now();
  const times = { notBeforeMs: nowMs - 60_000, notAfterMs: nowMs + 36_000_000 };
  const root = makeSelfSignedRoot({ keyType: 'ec-p256', organization: 'cluster.local', ...times });
  const signer = Signer.load(root.certificatePem, root.privateKeyPem).material;
  for (const target of NATIVE_TARGETS) mkdirSync(`${HOME}/${target}-corpus`, { recursive: true });
  const seed = (target, name, kind, pem) => {
    const der = Buffer.from(pem.toString('latin1').replace(/-----[^-]+-----|\s/g, ''), 'base64');
    writeFileSync(`${HOME}/${target}-corpus/${name}-pem`, Buffer.concat([Buffer.of(kind), pem]));
    writeFileSync(`${HOME}/${target}-corpus/${name}-der`, Buffer.concat([Buffer.of(kind | 1), der]));
  };
  for (const keyType of ['rsa-2048', 'ec-p384', 'ec-p256']) {
    const { privateKey, csrPem } = await one('prepare', { spiffeId, keyType });
    seed('csr', keyType, 0, csrPem);
    if (keyType !== 'ec-p256') continue;
    const { leafPem } = await one('issue', { csrPem, signer, subjectAltNames: [spiffeId], ...times });
    seed('chain', 'leaf', 0, leafPem);
    seed('chain', 'root', 2, root.certificatePem);
    // Certificates with all that the search of a path reads, beside a chain and a bundle that are right.
    const { oddSet } = await import('../../build/test/support/odd-sets.js');
    for (let number = 1; number <= 20; number += 1) {
      const { leaf, others, roots } = oddSet(number, spiffeId, nowMs);
      const pem = (der) => Buffer.from(encodePem('CERTIFICATE', der));
      seed('chain', `odd-leaf-${number}`, 0, pem(leaf));
      for (const [index, der] of others.entries()) seed('chain', `odd-${number}-${index}`, 4, pem(der));
      for (const [index, der] of roots.entries()) seed('chain', `odd-root-${number}-${index}`, 6, pem(der));
    }
    const material = { 'key.der': privateKey, 'chain.pem': leafPem, 'bundle.pem': root.certificatePem };
    const texts = { 'spiffe-id': spiffeId, 'now-ms': String(nowMs) };
    for (const [name, content] of Object.entries({ ...material, ...texts })) writeFileSync(`${HOME}/${name}`, content);
  }
}

/** Builds and runs one of them; the project is built for tests already. Ends the process with 1 at a finding. */
export async function fuzzNative(target, { runs, seed }) {
  mkdirSync(HOME, { recursive: true });
  await writeSeeds();
  const flags = ['-std=c++17', '-O1', '-g', '-Wall', '-Wextra', '-Werror', '-fsanitize=fuzzer,address,undefined'];
  const quiet = ['-DOPENSSL_SUPPRESS_DEPRECATED', '-fno-sanitize-recover=all'];
  run(compiler(), [...flags, ...quiet, `native/fuzz/${target}.cc`, ...SOURCES, '-lcrypto', '-o', `${HOME}/${target}`]);
  const bounds = ['-max_len=4096', '-timeout=10', `-rss_limit_mb=${MAX_RESIDENT_MB}`];
  const limits = [`-runs=${runs}`, `-seed=${seed}`, ...bounds, '-print_final_stats=1'];
  run(`${HOME}/${target}`, [...limits, `-artifact_prefix=${HOME}/${target}-`, `${HOME}/${target}-corpus`], {
    ...process.env,
    SIDECERT_FUZZ_MATERIAL: HOME,
  });
}
